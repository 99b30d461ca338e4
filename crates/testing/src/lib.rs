//! Oracles, generators and operation languages that tests, benches and fuzz targets share.
//!
//! An oracle says what is right by a definition that is slow and obvious, so that it can judge
//! code that is neither. It is worth as much as it is independent:
//!
//! | oracle | judges | independent of, and how |
//! |---|---|---|
//! | [`blocks`] | `GlobalAlloc` | all: looks at contents only |
//! | [`heap_oracle`] | the same, alignment, overlap, refusal | all: a map of address ranges |
//! | [`programs`] | `GlobalAlloc` under replay | all: looks at contents and addresses only |
//! | [`workloads`] | global allocators | all: looks at contents only |
//! | [`arena_blocks`] | `Allocator` | all: looks at contents only |
//! | [`plan_oracle`] | planners, plans | both, and bounds: compares all pairs of rows |
//! | [`gap_oracle`] | gaps | ranges: looks at every step by itself |
//! | [`window_oracle`] | windows | ranges and pieces: looks at every byte of every step |
//! | [`model_sets`] | joint plans | schedules: compares all runs of all pairs, in 128 bits |
//! | [`sharing_oracle`] | the analyzer | its index: compares all runs of all pairs, in 128 bits |
//! | [`alias_machine`] | views, in place | lifetimes and plans: executes graphs byte by byte |
//! | [`flow_oracle`] | control flow | liveness, lifetimes and plans: runs all paths |
//! | [`flow_machine`] | the same | the same: executes paths byte by byte |
//! | [`slot_oracle`] | transfer of slots | claims: compares the bytes of the plan |
//! | [`pool_choices`] | pools | the choice: a bound of another kind, and a greedy rule |
//! | [`fit_oracle`] | spills, reruns, compression | search: follows all schedules of small graphs |
//! | [`fit_machine`] | the same, its check | both: executes schedules byte by byte |
//! | [`fit_clock`] | their times, with transfers beside operators | all: compares pairs of steps |
//! | [`stream_history`] | claims of device memory | clocks, segments: follows all edges back |
//! | [`staging_bytes`] | staging rings | positions: looks at every byte |
//! | [`stream_oracle`] | streams | clocks and intervals: compares all uses of all pairs |
//!
//! The generators give what oracles and code are compared on. [`instances`] also plants an optimum
//! that is known by construction: those need no oracle.
//!
//! Without the feature `plan` the crate stands on `allocator-api2` alone, so that unit tests of the
//! crates below the planner can use it, too.

// A file uses only files above it in this list.
pub mod machine;
pub mod children;
pub mod process_memory;
pub mod random;
pub mod blocks;
pub mod heap_oracle;
pub mod heap_steps;
pub mod programs;
pub mod workloads;
pub mod arena_blocks;
pub mod instances;
pub mod stream_history;
pub mod staging_bytes;
#[cfg(feature = "plan")]
pub mod plan_oracle;
#[cfg(feature = "plan")]
pub mod any;
#[cfg(feature = "plan")]
pub mod gap_oracle;
#[cfg(feature = "plan")]
pub mod window_oracle;
#[cfg(feature = "plan")]
pub mod pool_choices;
#[cfg(feature = "plan")]
pub mod model_sets;
#[cfg(feature = "plan")]
pub mod sharing_oracle;
#[cfg(feature = "plan")]
pub mod graphs;
#[cfg(feature = "plan")]
pub mod alias_graphs;
#[cfg(feature = "plan")]
pub mod alias_machine;
#[cfg(feature = "plan")]
pub mod donated;
#[cfg(feature = "plan")]
pub mod flow_graphs;
#[cfg(feature = "plan")]
pub mod flow_oracle;
#[cfg(feature = "plan")]
pub mod flow_machine;
#[cfg(feature = "plan")]
pub mod fit_oracle;
#[cfg(feature = "plan")]
pub mod fit_chains;
#[cfg(feature = "plan")]
pub mod fit_machine;
#[cfg(feature = "plan")]
pub mod fit_clock;
#[cfg(feature = "plan")]
pub mod fit_changes;
#[cfg(feature = "plan")]
pub mod joining_graphs;
#[cfg(feature = "plan")]
pub mod fit_instances;
#[cfg(feature = "plan")]
pub mod slot_oracle;
#[cfg(feature = "plan")]
pub mod stream_programs;
#[cfg(feature = "plan")]
pub mod stream_oracle;
