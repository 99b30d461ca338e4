//! Static memory planning: when every tensor of a graph is alive, and where each of them lies.

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

extern crate alloc;

// A file uses only files above it in this list.
mod ids;
mod bits;
mod csr;
mod relation;
mod streams;
pub mod graph;
pub mod lifetimes;
pub mod schedule;
pub mod buddy_simulation;
pub mod plan;
pub mod planner;
pub mod devices;
pub mod multi_model;

pub use {
    graph::{Graph, GraphBuilder, GraphError, OpId},
    ids::TensorId,
    lifetimes::{Aliasing, Lifetime, Lifetimes, LifetimesError},
    plan::{Plan, PlanError},
    planner::{Planner, PlannerError},
};
