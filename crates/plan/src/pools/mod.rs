//! Several memories with capacities: which tensors lie in the fast one, and a plan of each.
//!
//! Microcontrollers and accelerators have a small fast memory beside a large slow one. Within its
//! capacity the fast one holds the tensors that save most *traffic*: the bytes that operators read
//! and write, or weights of the user's. [`Planner::plan_pools`](crate::Planner::plan_pools) is the
//! call, and [`PoolPlans`] its answer.
//!
//! ```text
//! pool       pools, plans, and why a tensor is not in a pool
//! traffic    the bytes that the operators of a graph move
//! candidates tensors among which those of a pool are chosen, and their loads
//! choice     the choice for one pool: greedy, then local search
//! exact      the same, by trying all choices of a few tensors
//! planning   pool after pool
//! csv        plans as CSV                        (feature `files`)
//! ```

// A file uses only files above it in this list.
mod pool;
mod traffic;
mod candidates;
mod choice;
mod exact;
mod planning;
#[cfg(feature = "files")]
mod csv;

pub use pool::{Pool, PoolError, PoolPlan, PoolPlans, PoolReason};
pub use traffic::traffic;
