//! Several models: which of their tensors may share bytes, and one arena for all of them.

pub(crate) mod sharing;
pub(crate) mod models;

#[doc(hidden)]
pub use models::ModelTable;
pub use {
    models::{ModelSet, Opportunities, Schedule, SharedBytes, SharedPlan},
    sharing::{
        LifetimeAnalyzer, MemoryRegion, ModelId, ModelTensor, SharingError, SharingOpportunity,
        TensorLifetime,
    },
};
