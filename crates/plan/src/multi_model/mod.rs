//! Several models: which of their tensors may share bytes, and one region for all of them.
//!
//! Two questions, two types. A [`LifetimeAnalyzer`] is asked which tensors of different models are
//! never alive together, and plans nothing. A [`ModelSet`] plans: with a [`Schedule`], which says
//! which models may run at the same time, it gives a [`SharedPlan`] of all models in one region.
//!
//! ```text
//!               ┌─► LifetimeAnalyzer ─► SharingOpportunity: these two may share so many bytes
//! Lifetimes of ─┤
//! each model    └─► ModelSet + Schedule ─► SharedPlan: these are the offsets of all tensors
//! ```
//!
//! `tensors`, `error`, `names` and `placement` have what both need; `sharing` is the analyser and
//! `joint_plan` the planning.

// A file uses only files above it in this list.
mod tensors;
mod error;
mod names;
mod placement;
mod sharing;
mod joint_plan;

#[doc(hidden)]
pub use joint_plan::{ModelTable, SavedJointPlan};
pub use {
    crate::ids::ModelId,
    error::SharingError,
    joint_plan::{ModelSet, Schedule, SharedPlan, SharedRange, SharingRelation, SharingSummary},
    placement::Placement,
    sharing::{LifetimeAnalyzer, ModelRuns, TensorLifetime},
    tensors::{ModelTensor, SharingOpportunity},
};
