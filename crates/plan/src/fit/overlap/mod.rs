//! The time of a schedule whose transfers run beside its operators, and fetches that start earlier.
//!
//! [`FitSchedule::overlapped`](super::FitSchedule::overlapped) simulates a schedule on a machine
//! with one unit for operators and *transfer engines* for spills and fetches. An engine copies
//! between the memories while operators run, as those of real machines do: a discrete GPU has two
//! copy engines and reaches the host by PCI Express, which carries both directions at once, so
//! spills and fetches have an engine each by default. A microcontroller reaches flash or an SD card
//! by one DMA channel over a bus that carries one direction at a time:
//! [`SlowMemory::half_duplex`](super::SlowMemory::half_duplex) gives both directions one engine.
//! Operators, reruns and codecs share the unit of the operators.
//!
//! ```text
//! step      0       1       2        3       4        5       6
//!          conv 0  conv 1  spill a  conv 2  fetch a  conv 3  add
//!
//! operators ├conv 0┼conv 1┤   ├─conv 2─┼─conv 3─┤  ├add┤
//! write            ├─spill a──┤                           conv 2 writes over the bytes of a
//! read                                 ├─fetch a───┤      into bytes that conv 2 reads
//! ```
//!
//! Each unit does its steps in the order of the schedule. A step starts as soon as
//!
//! - the step before it on its unit has ended;
//! - what it reads is there: the step that wrote each of its operands has ended;
//! - the bytes that it writes are free: every step that uses another copy there before has ended,
//!   and so has the last step at which the plan keeps that copy. The bytes of a tensor that is
//!   spilled are free when the spill has ended, not when it starts.
//!
//! All of these are earlier steps, so one pass over the schedule gives all times. The machine is
//! one that queues steps ahead and lets them wait for each other, as streams with events do. Left
//! out are the time to start a transfer, and that transfers and operators compete for the
//! bandwidth of the fast memory.
//!
//! [`FitSchedule::prefetched`](super::FitSchedule::prefetched) moves fetches for which operators
//! wait before earlier operators, and gives their copies other bytes where that is needed.
//!
//! Invariant: whatever the times of the steps, no two copies have a byte in common while both are
//! in use, but for the operands of a concatenation that lie within its result.

// A file uses only files above it in this list.
mod error;
mod seconds;
mod free_bytes;
mod clock;
mod answer;
mod moved;
mod wholes;
mod place;
mod blame;
mod prefetch;

pub use {
    answer::{Overlap, StepTime},
    error::OverlapError,
};
