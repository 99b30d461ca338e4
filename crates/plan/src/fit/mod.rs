//! Fitting: a graph's execution in less memory than its tensors need at once, for added time.
//!
//! [`Planner::fit`](crate::Planner::fit) is the call. A tensor that is idle between two uses may
//! leave the fast memory: it is *spilled*, so its bytes are copied to a slow memory and fetched
//! before the next use, or it is *recomputed*: the operators that made it are *rerun*. Or it stays
//! in the fast memory in *compressed* form, and is expanded before the next use. What comes out is
//! a [`FitSchedule`]: the operators in their order, with these steps between them, and a
//! [`TensorCopy`] with steps and an offset for each time that a tensor is in a memory.
//!
//! ```text
//! step       0      1        2      3         4       5
//!           conv  spill a   conv   conv    fetch a   add       a is idle while the convolutions
//! fast   ┌── a ──────┐                    ┌── a ───────┐       run: it has two copies in the fast
//! slow           └── a ────────────────────────┘               memory and one in the slow one
//! ```
//!
//! The problem is that of Checkmate (Jain et al., *Checkmate: Breaking the Memory Wall with Optimal
//! Tensor Rematerialization*, MLSys 2020), with paging as in POET (Patil et al., *POET: Training
//! Neural Networks on Tiny Devices with Integrated Rematerialization and Paging*, ICML 2022) and
//! with offsets. Both solve an integer program; here a greedy search picks the tensor that frees
//! most bytes for the least time at the fullest step, as Dynamic Tensor Rematerialization (Kirisame
//! et al., ICLR 2021) picks a victim when memory is full, and local search improves what it finds.
//!
//! # Transfers beside operators
//!
//! The cost of a schedule is that of its steps one after the other. A machine may also transfer
//! beside operators: [`FitSchedule::overlapped`] tells the times then. Operators, reruns and codecs
//! have one unit; spills have a transfer engine and fetches another one, or both share one
//! ([`SlowMemory::half_duplex`]). Each does its steps in the order of the schedule. A step starts
//! when the step before it on its unit has ended, when the steps that wrote what it reads have, and
//! when the bytes that it writes are free: when every step that uses them before has ended, a spill
//! included, and the last step at which the plan keeps them for another copy. The time to start a
//! transfer, and that all of them share the bandwidth of the fast memory, are left out.
//!
//! # The search
//!
//! Operators run one after the other, and every one of them runs when all of its operands are in
//! the fast memory. Invariant: each schedule that leaves this module has passed the check in
//! `check`, which shares no code with the search but that of the options.

// A file uses only files above it in this list.
mod costs;
mod compression;
mod added_cost;
mod options;
mod schedule;
mod mistake;
mod values;
mod tensor_starts;
mod check_state;
mod check_joins;
mod check_places;
mod result_writes;
mod check;
mod range_tree;
mod model;
mod model_builder;
mod choices;
mod chances;
mod load_tree;
mod loads;
mod rules;
mod emitted;
mod joined;
mod emitter;
mod bring;
mod emit;
mod prices;
mod bound;
mod estimate;
mod search;
mod making;
mod picks;
mod tail_changes;
mod crowding;
mod giving_up;
mod repair;
mod polish;
mod tails;
mod exchange;
mod kicks;
mod solve;
mod rows_within;
mod overlap;
mod error;
mod requirements;
mod placed;
mod fitted;
mod fitting;
#[cfg(test)]
mod tests;

pub use {
    added_cost::FitCost,
    compression::{Codec, CompressedSize, Compression},
    costs::{CostError, OperatorCosts},
    error::{CodecMistake, FitError},
    fitted::Fitted,
    mistake::{FitMistake, FitRule},
    options::{Fit, SlowMemory},
    overlap::{Overlap, OverlapError, StepTime},
    schedule::{CopyId, FitAction, FitSchedule, FitStep, Form, Memory, TensorCopy},
    tensor_starts::TensorStarts,
};
