//! Several models in one region: planned together, so that models which never run at the same time
//! have the same bytes.
//!
//! A [`ModelSet`] is given the lifetimes of each model, and a [`Schedule`] says which models may
//! run at the same time. `clock` puts all models on one clock, where `distinct_runs` leaves out
//! the runs that tell nothing new, `bound` says how low a peak can be,
//! and `planning` plans each model alone, puts the plans on each other (`stack`), and searches for
//! something lower. The answer is a [`SharedPlan`], which `saved` makes of saved parts, too.
//! `shared_ranges` says which bytes are shared, `sharing_relation` which could be, pair by pair,
//! and `summary` how many pairs those are.
//!
//! ```text
//! a beside b, b beside c; a never beside c      bytes   ┌──── a ────┐       a and c have the same
//!                                                       ├────── c ──────┐   bytes; b has others
//!                                                       └───────────────┴───── b ─────┐
//! ```
//!
//! Stands on sharing, planner and plan. Invariant: a joint plan is checked as every plan is, and
//! without fixed offsets its peak is never above what the models' own plans take one after the
//! other.

// A file uses only files above it in this list.
mod schedule;
mod model_set;
mod bound;
mod distinct_runs;
mod clock;
mod stack;
mod model_table;
mod shared_plan;
mod planning;
mod saved;
mod shared_ranges;
mod sharing_relation;
mod summary;

pub use {
    model_set::ModelSet, model_table::ModelTable, saved::SavedJointPlan, schedule::Schedule,
    shared_plan::SharedPlan, shared_ranges::SharedRange, sharing_relation::SharingRelation,
    summary::SharingSummary,
};
