//! The memory planner for C and C++: lifetimes in, offsets out, without a type of Rust in between.
//!
//! It is for compilers and runtimes that are not written in Rust. The header
//! `include/orionrt/plan.h` is made from this crate by cbindgen, and `include/orionrt/plan.hpp` is
//! a C++17 wrapper over it. A C program owns opaque *handles*, gives them to functions, and frees
//! each with the function that ends in `_free`.
//!
//! ```text
//!  columns, CSV ─► orionrt_lifetimes ─┐                       ┌─► offsets, peak, lower bound
//!  orionrt_graph ─►       │           ├─► orionrt_plan_make ──┤
//!  orionrt_model ─►       │   orionrt_planner                 └─► JSON, CSV
//!                         └─► orionrt_model_set ─► orionrt_shared_plan ─► a plan for each model
//! ```
//!
//! | module | has |
//! | --- | --- |
//! | `status` | the kinds of errors, by name |
//! | `failure` | an error on its way to C, and what the library's errors become |
//! | `alignment` | what an alignment may be |
//! | `pointers` | the caller's arrays, text and places for answers |
//! | `boundary` | what crosses between C and Rust: handles, and panics that do not |
//! | `handles` | the handles of lifetimes and plans |
//! | `error` | an error as C sees it |
//! | `text` | text that is lent and text that is given |
//! | `csv` | reading CSV, with warnings |
//! | `version` | the version of the library |
//! | `column` | columns of numbers in the caller's memory |
//! | `position` | positions as text: the names of tensors that have none |
//! | `rows` | lifetimes from columns |
//! | `lifetimes` | when each tensor is alive |
//! | `devices` | lifetimes of one of several devices |
//! | `gaps` | steps at which a tensor needs no bytes |
//! | `declared` | a graph as it was declared, until it is built |
//! | `graph` | operators and what they read and write, declared call by call |
//! | `aliasing` | how much tensors may share bytes with their operands |
//! | `graph_lifetimes` | the lifetimes of a graph, in its order or a better one |
//! | `strategy` | the names of strategies |
//! | `progress` | a caller's function that is called while a search runs |
//! | `planner` | the options of planning |
//! | `watch` | searches that this function watches |
//! | `plan` | plans, and offsets that are checked |
//! | `replace` | files that appear complete or not at all |
//! | `plan_files` | plans as JSON and CSV |
//! | `profile` | the load and a bound over time, and which tensors conflict |
//! | `model_set`, `schedule` | several models, and which of them may run at the same time |
//! | `sharing` | which of their tensors may share bytes |
//! | `shared` | several models in one region |
//! | `model_options`, `model` | model files, with the feature `models` |
//!
//! Invariants: no panic and no unwinding leaves a function of this crate; a null pointer, a length
//! that overflows, text that is not UTF-8 and a number that means nothing are errors with a name;
//! there is no state beside the handles, so functions may be called from any thread. What the
//! caller keeps: a pointer that is not null points to what the function says, and nobody changes a
//! handle while another thread uses it.

#![allow(non_camel_case_types, reason = "the names are those of the header")]

// A file uses only files above it in this list.
mod status;
mod failure;
mod alignment;
mod pointers;
mod boundary;
mod handles;
mod error;
mod text;
mod csv;
mod version;
mod column;
mod position;
mod rows;
mod lifetimes;
mod devices;
mod gaps;
mod windows;
mod declared;
mod graph;
mod aliasing;
mod graph_lifetimes;
mod strategy;
mod progress;
mod planner;
mod watch;
mod plan;
mod replace;
mod plan_files;
mod profile;
mod model_set;
mod schedule;
mod sharing;
mod shared;
#[cfg(feature = "models")]
mod model_options;
#[cfg(feature = "models")]
mod model;

pub use aliasing::orionrt_aliasing;
pub use column::*;
pub use devices::*;
pub use error::*;
pub use gaps::*;
pub use graph::*;
pub use graph_lifetimes::*;
pub use handles::*;
pub use lifetimes::*;
#[cfg(feature = "models")]
pub use model::*;
#[cfg(feature = "models")]
pub use model_options::*;
pub use model_set::{
    orionrt_model_set, orionrt_model_set_add, orionrt_model_set_free, orionrt_model_set_new,
};
pub use plan::*;
pub use plan_files::*;
pub use planner::*;
pub use profile::*;
pub use progress::{orionrt_progress, orionrt_progress_function};
pub use schedule::{orionrt_model_pair, orionrt_starts};
pub use shared::*;
pub use sharing::{
    orionrt_model_tensor, orionrt_sharing, orionrt_sharing_bytes, orionrt_sharing_copy_largest,
    orionrt_sharing_find, orionrt_sharing_find_timed, orionrt_sharing_free,
    orionrt_sharing_is_complete, orionrt_sharing_pair, orionrt_sharing_pair_count,
};
pub use status::*;
pub use strategy::{orionrt_strategy_count, orionrt_strategy_name};
pub use text::*;
pub use version::*;
pub use windows::*;
