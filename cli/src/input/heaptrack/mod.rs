//! Recordings of heaptrack as lifetimes: what a program had on the heap, and where it asked for it.
//!
//! ```text
//! facts     what heaptrack saw
//! error     what can be wrong in a file
//! text      the lines of a file, which may be compressed
//! fields    the fields of a line
//! record    a line → an event, or something that events refer to
//! owner     whether code is the program's own
//! modules   the files that code was loaded from
//! sites     names of allocations by the innermost code that is the program's own
//! replay    events → lifetimes of blocks
//! calls     the stacks of blocks
//! load      a file → lifetimes and facts
//! recorded  a file → events
//! ```
//!
//! heaptrack writes two forms. The one of `heaptrack --raw` has addresses: of blocks, and of
//! instructions instead of functions. The one that `heaptrack_interpret` makes of it, which is the
//! usual file, has functions and lines instead, and says of a free no more than the size of the
//! block and where it was allocated. Invariant: memory is bounded by [`text::MOST_BYTES`],
//! [`sites::MOST`] and [`replay::MOST_ALLOCATIONS`], however small the compressed file is;
//! [`sites::MOST`] also bounds the functions of all instructions.

// A file uses only files above it in this list.
mod facts;
mod error;
mod text;
mod fields;
mod record;
mod owner;
mod modules;
mod sites;
mod replay;
mod calls;
mod load;
mod recorded;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod name_tests;

pub(super) use error::HeaptrackError;
pub(crate) use facts::HeaptrackFacts;
pub(super) use load::{ALIGNMENT, load, looks_like_heaptrack};
pub(super) use recorded::recorded;
