//! Static memory planning: when every tensor of a program is alive, and at which offset of one
//! region each of them lies.
//!
//! The problem is also called *dynamic storage allocation*: place intervals of time, each with a
//! size, so that whatever is alive at the same step shares no byte and the highest byte in use is
//! as low as possible. It is for authors of compilers and runtimes whose allocations are known
//! before the program runs. The planner proves most plans optimal, or says how far above a proven
//! lower bound they are. It needs no operating system and has no `unsafe` code.
//!
//! ```text
//!  rows, CSV ──┐                                 offset │    ┌───── b ─────┐     a and c are never
//!              ├─► Lifetimes ─► Planner ─► Plan         │    └─────────────┘     alive together:
//!  graph ──────┘   (when)       (where)   (checked)     │ ┌── a ──┐ ┌── c ──┐    they share bytes
//!                                                       └─┴───────┴─┴───────┴ step
//! ```
//!
//! Rows in, offsets out:
//!
//! ```
//! use orionrt_plan::{Lifetimes, Planner};
//!
//! // Name, first step, end (exclusive), bytes, alignment.
//! let rows = [("a", 0, 2, 1024, 64), ("b", 1, 3, 2048, 64), ("c", 2, 4, 1024, 64)];
//! let plan = Planner::new().plan(&Lifetimes::from_rows(rows)?)?;
//! assert!(plan.is_optimal());
//! assert_eq!(plan.peak(), 3072);                          // a and c have the same bytes
//! assert_eq!(plan.offsets()[0], plan.offsets()[2]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A graph in, with the result of `relu` written over its operand:
//!
//! ```
//! use core::alloc::Layout;
//! use orionrt_plan::{GraphBuilder, Planner};
//!
//! let mut g = GraphBuilder::new();
//! let [x, y, z] = ["x", "y", "z"].map(|name| g.tensor(name, Layout::new::<[f32; 256]>()));
//! g.op("conv").reads([x]).writes([y]);
//! g.op("relu").reads([y]).writes([z]).in_place(z, y);
//! let plan = Planner::new().plan(&g.output(z).build()?.lifetimes())?;
//! assert_eq!((plan.peak(), plan.offset(z)), (2048, plan.offset(y)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | has |
//! | --- | --- |
//! | [`graph`] | operators, tensors, views, results in place, streams and devices |
//! | [`lifetimes`] | when tensors are alive, with gaps and windows: from a graph, or given |
//! | [`schedule`] | the order of operators that needs least memory |
//! | [`execution`] | which tensors an executor allocates and frees at each operator |
//! | [`planner`] | strategies that propose offsets, limits of time and work |
//! | [`plan`] | offsets that passed the check, and their use over time |
//! | [`fit`] | a graph in less memory than its peak: tensors spilled or recomputed |
//! | `files` | lifetimes and plans as CSV and JSON, plans as source text in Rust and C |
//! | [`parts`] | a graph planned with concatenations in place, and without where that needs less |
//! | [`devices`], [`multi_model`] | a plan for each device; several models in one region |
//! | [`regions`] | plans in several regions of limited size |
//! | [`pools`] | tensors divided among several memories, the fastest for those used most |
//! | [`iterations`] | where a recorded sequence of requests repeats itself |
//! | [`buddy_simulation`] | what a buddy allocator would need for the same tensors |
//!
//! To **add a strategy**, implement [`planner::Strategy`] and give it to
//! [`Planner::strategy`]; the page of [`planner`] says how to add a built-in one. To **add a
//! file format**, add a file to `src/files`, whose page says what goes into it.
//!
//! Features: `std` (default) has time limits and threads for the search; without it the crate is
//! `no_std` and needs `alloc`. `files` has the file formats, and needs `std`.

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

extern crate alloc;

// A file uses only files above it in this list.
mod work;
mod ids;
mod bits;
mod bit_tree;
mod csr;
mod intervals;
mod relation;
mod streams;
pub mod graph;
pub mod lifetimes;
pub mod schedule;
pub mod execution;
pub mod buddy_simulation;
pub mod iterations;
pub mod plan;
#[cfg(feature = "files")]
pub mod files;
pub mod planner;
pub mod fit;
pub mod parts;
pub mod devices;
pub mod regions;
pub mod pools;
pub mod multi_model;

pub use {
    graph::{Graph, GraphBuilder, GraphError, OpId},
    ids::TensorId,
    lifetimes::{Aliasing, Lifetime, Lifetimes, LifetimesError},
    plan::{Plan, PlanError},
    planner::{Planner, PlannerError},
};
