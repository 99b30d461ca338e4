//! The plan of a key without a region: what is left of a recording once it is planned.
//!
//! Invariant: a [`KeyPlan`] has at least one lane, the first of which is that of the session's own
//! thread. Its recording and plans go as soon as it is made, unless they are to be kept.

#![forbid(unsafe_code)]

use alloc::vec::Vec;

use super::{
    error::ReplayError,
    lane_plan::{BYTES_PER_REQUEST, LanePlan},
    trace::Recording,
};
use orionrt_plan::plan::Plan;

/// A region takes whole pages of this size. (What a huge page takes beyond it is not counted.)
const PAGE: u64 = 4096;
/// What a recorded request takes with its plan, in bytes.
const BYTES_KEPT: usize = 256;

#[derive(Debug)]
pub(super) struct KeyPlan {
    pub(super) lanes: Vec<LanePlan>,
    /// The size below which requests pass by.
    pub(super) threshold: usize,
    pub(super) facts: PlanFacts,
}

/// What is known of a plan beside its lanes.
#[derive(Debug, Default)]
pub(super) struct PlanFacts {
    pub(super) sizes: PlanSizes,
    /// What the plan was made from, if the session keeps that.
    pub(super) source: Option<PlannedRecording>,
}

/// A recording, and the plans of its lanes.
#[derive(Debug)]
pub(super) struct PlannedRecording {
    pub(super) recording: Recording,
    pub(super) plans: Vec<Plan>,
}

/// Bytes of the plans of all lanes, for reports.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PlanSizes {
    pub(super) planned: u64,
    pub(super) lower_bound: u64,
    pub(super) total: u64,
}

impl KeyPlan {
    /// The plan of a recording, which is dropped unless `keeps_source`.
    pub(super) fn new(source: PlannedRecording, keeps_source: bool) -> Result<Self, ReplayError> {
        let PlannedRecording { recording, plans } = &source;
        let total = |plan: &Plan| plan.lifetimes().total_bytes();
        let sizes = PlanSizes {
            planned: plans.iter().map(Plan::peak).sum(),
            lower_bound: plans.iter().map(Plan::lower_bound).sum(),
            total: plans.iter().map(total).sum(),
        };
        Ok(Self {
            lanes: LanePlan::of_all(recording, plans)?,
            threshold: recording.threshold(),
            facts: PlanFacts {
                sizes,
                source: keeps_source.then_some(source),
            },
        })
    }

    /// The number of requests of all lanes.
    pub(super) fn requests(&self) -> usize {
        self.lanes.iter().map(|lane| lane.template.len()).sum()
    }

    /// The bytes of the regions of all lanes, in whole pages.
    pub(super) fn region_bytes(&self) -> u64 {
        let lanes = self.lanes.iter();
        saturating_sum(lanes.map(|lane| lane.map.bytes().next_multiple_of(PAGE)))
    }
}

/// The sum, or the largest number: a file may have any number of lanes.
pub(super) fn saturating_sum(bytes: impl Iterator<Item = u64>) -> u64 {
    bytes.fold(0, u64::saturating_add)
}

impl PlanFacts {
    /// The bytes that a plan of so many requests takes, without its region.
    pub(super) fn held(&self, requests: usize) -> u64 {
        let kept = self.source.as_ref().map_or(0, |source| {
            size_of_val(source.recording.events()) + requests * BYTES_KEPT
        });
        (requests * BYTES_PER_REQUEST + kept) as u64
    }
}
