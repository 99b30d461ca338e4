//! Record, plan, replay: planned memory for any engine, without a change to it.
//!
//! [`ReplayAlloc`] wraps the program's global allocator. Outside of iterations it is that
//! allocator. Inside of one, it either logs every request (recording), or serves each request with
//! the bytes that a plan has for it (replay) and passes on the rest. [`Session`] runs iterations:
//! it records the first of each key, plans it, and replays the others. [`Recorder`] logs a whole
//! program.
//!
//! ```text
//! request ─► idle, or small? ──────────────────────────────────────────► inner allocator
//!              ├► this thread's iteration, or a helper's lane                 ▲
//!                   ├► recording: log it ─────────────────────────────────────┤
//!                   └► replay: matcher ─► planned block ─► claim ─► bytes     │
//!                                 └ unmatched               └ occupied ───────┘
//! release ─► in the address range? ─► planned region ─► claim released
//!              └► recording: log it ─► inner allocator
//! ```
//!
//! Invariants: a block lies in the address range if and only if it was granted by a claim, and it
//! goes back to that claim, on whatever thread and at whatever time it is released. On the way
//! nothing is allocated, nothing unwinds, and nobody waits.

// A file uses only files above it in this list.
mod trace;
mod recorder;
mod error;
mod planning;
mod report;
mod request_counters;
mod guests;
mod factors;
mod template;
mod matching;
mod fitting;
mod team_template;
mod team_matching;
mod team_fitting;
mod team;
mod conflicts;
mod region_map;
mod spacing;
mod replay_plan;
mod without_helpers;
mod unfinished_plan;
mod tasks;
mod task_pools;
mod team_rows;
mod lanes_apart;
mod team_requests;
mod planned_region;
mod address_range;
mod lease;
mod lane;
mod ready_plan;
mod iteration;
mod other_threads;
mod allocator;
mod serve;
mod prepared;
mod recorded;
mod budget;
mod session_regions;
mod key_plan;
mod purge;
mod growth;
mod key_state;
mod key_report;
mod session;
mod session_plans;
mod session_improve;
mod session_run;
#[cfg(feature = "files")]
mod load_error;
#[cfg(feature = "files")]
mod saved;
#[cfg(feature = "files")]
mod session_files;
#[cfg(test)]
mod tests;

#[cfg(feature = "files")]
pub use load_error::{LoadError, RequestMistake};
pub use {
    allocator::ReplayAlloc,
    error::ReplayError,
    prepared::Replay,
    recorder::Recorder,
    report::{
        Advice, ByteCounts, KeyReport, MissCounts, OtherThreads, PlainCounts, Report, RequestCounts,
    },
    session::Session,
    trace::{Event, EventKind, OverflowPolicy, Recording, Request},
};
