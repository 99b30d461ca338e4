//! Oracles, generators and operation languages that tests, benches and fuzz targets share.
//!
//! An oracle says what is right by a definition that is slow and obvious, so that it can judge
//! code that is neither. It is worth as much as it is independent:
//!
//! | oracle | judges | independent of |
//! |---|---|---|
//! | [`blocks`], [`programs`] | allocators behind `GlobalAlloc` | everything: contents and addresses alone |
//! | [`arena_blocks`] | arenas behind `Allocator` | everything: contents and addresses alone |
//! | [`plan_oracle`] | planners, plans, recordings | planner, plan and bounds: compares all pairs of rows |
//! | [`model_sets`] | joint plans of several models | schedules and joint lifetimes: compares all runs of all pairs, in 128 bits |
//! | [`alias_machine`] | views and results in place | lifetimes and plans: executes the graph byte by byte |
//! | [`stream_oracle`] | streams: order, conflicts, bounds | the library's clocks and relation: closes happens-before edge by edge |
//!
//! The generators give what oracles and code are compared on. [`instances`] also plants an optimum
//! that is known by construction; it needs no oracle and no other crate.
//!
//! The crate stands on `orionrt-plan` and `allocator-api2` alone, so that the unit tests of the
//! allocator crates can use it, too.

// A file uses only files above it in this list.
pub mod random;
pub mod blocks;
pub mod programs;
pub mod arena_blocks;
pub mod instances;
pub mod plan_oracle;
pub mod model_sets;
pub mod graphs;
pub mod alias_graphs;
pub mod alias_machine;
pub mod stream_programs;
pub mod stream_oracle;
