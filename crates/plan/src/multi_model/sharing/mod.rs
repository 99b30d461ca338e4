//! Which tensors of different models may share bytes: those that are never alive together.
//!
//! A [`LifetimeAnalyzer`] is given the [`Lifetimes`](crate::Lifetimes) of several models and the
//! times at which each model runs. Times are whatever the lifetimes count: steps, or nanoseconds.
//! The tensors of a model that runs on several streams are taken to be alive from the model's start
//! to its end, because its steps do not tell the time.
//!
//! ```text
//! model 0   ┌── a ──┐                          ┌── a ──┐     it runs twice
//!           └───────┘                          └───────┘
//! model 1             ┌── b ──┐                               b never meets a: they may share
//!                     └───────┘
//! model 2                 ┌──────── c ────────────┐           c meets both: it shares with
//!                         └───────────────────────┘           neither
//!           └─────────────────────────────────────────── time
//! ```
//!
//! `timed_model` keeps one model and its runs, and `tensors_by_size` all tensors that need bytes.
//! `sorted_list` and `by_model` are the index that `pairs` (every pair) and `partners` (the best
//! partner of each tensor) ask.
//!
//! Invariant: in every [`SharingOpportunity`](super::SharingOpportunity) the tensors are of two
//! models, both need bytes at some time, and no run of one overlaps any run of the other. What two
//! tensors of one model share is decided by the model's own plan.

// A file uses only files above it in this list.
mod tensor_lifetime;
mod timed_model;
mod tensors_by_size;
mod sorted_list;
mod by_model;
mod pairs;
mod partners;
mod analyzer;

pub use {analyzer::LifetimeAnalyzer, tensor_lifetime::TensorLifetime, timed_model::ModelRuns};
