//! `orionrt plan`: reads, plans, writes files and reports.
//!
//! ```text
//! dims      the dimensions of a model, instead of a plan
//! snapshot  what PyTorch's allocator had, beside the plan
//! heaptrack what heaptrack saw, beside the plan
//! process   what a recording of a process says, beside the plan
//! trace     what a recording of `ReplayAlloc` says, beside the plan   (Linux)
//! xla       what XLA has assigned, beside the plan
//! alternate what XLA has placed in a fast memory, beside the plan
//! placed    what an allocator or XLA did, as a plan
//! page      the page, with that beside the plan
//! source    the plan as source text in Rust and C
//! files     the files that were asked for, and writing them
//! why       why a capacity is out of reach
//! search    one search, from what the user has already to the best plan
//! usage     how the planned region is used over time (--report)
//! show      the result as text and as JSON
//! devices   the plans of several devices, and all that is written of them
//! regions   a plan in several regions of limited size
//! pools     tensors divided among several memories
//! command   the verb
//! ```

// A file uses only files above it in this list.
mod dims;
mod snapshot;
mod heaptrack;
mod process;
#[cfg(target_os = "linux")]
mod trace;
mod xla;
mod alternate;
mod placed;
mod page;
mod source;
mod files;
mod why;
mod search;
mod usage;
mod show;
mod devices;
mod regions;
mod pools;
mod command;

pub(crate) use command::plan;
pub(crate) use page::notes;
