//! What `orionrt demo` computes: three networks, with their tensors in planned slots and on the heap.
//!
//! Each file stands only on those above it:
//!
//! ```text
//! kernels            arithmetic on slices, some of it in place
//! network            kernels over named tensors, and the graph that says so to the planner
//! models             the three networks
//! placement          where tensors lie under given lifetimes: in bytes of their own, or within another's
//! executor           runs a network with its tensors wherever a source puts them
//! pool_source        a source: planned slots; executor::HeapSource is the other
//! meter              bytes through an allocator
//! measure            both sources side by side
//! command            the verb: measures, prints
//! ```

pub(crate) mod command;
mod executor;
mod kernels;
mod measure;
mod meter;
mod models;
mod network;
mod placement;
mod pool_source;
pub(crate) mod run_error;
