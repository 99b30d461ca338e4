//! The plan of a key without a region: what is left of a recording once it is planned.
//!
//! Invariant: the recording and the plan go as soon as a [`KeyPlan`] is made, unless they are to be
//! kept; what all threads asked for stays for as long as there is something to learn.

#![forbid(unsafe_code)]

use super::{
    error::ReplayError,
    planning::{ensure_memory_to_plan, plan_quickly},
    recorded::RecordedBytes,
    replay_plan::ReplayPlan,
    team_requests::TeamRequests,
    trace::Recording,
};
use orionrt_plan::{plan::Plan, planner::Planner};

/// A region takes whole pages of this size. (What a huge page takes beyond it is not counted.)
const PAGE: u64 = 4096;
/// What a recorded request takes with its plan, in bytes.
const BYTES_KEPT: usize = 256;

#[derive(Debug)]
pub(super) struct KeyPlan {
    pub(super) plan: ReplayPlan,
    /// The size below which requests pass by.
    pub(super) threshold: usize,
    pub(super) facts: PlanFacts,
}

/// What is known of a plan beside itself.
#[derive(Debug, Default)]
pub(super) struct PlanFacts {
    pub(super) sizes: PlanSizes,
    /// What the plan was made from, if the session keeps that.
    pub(super) source: Option<PlannedRecording>,
    /// What all threads asked for, while there may be more to learn of how they run side by side.
    pub(super) team: Option<TeamRequests>,
}

/// A recording, and the plan of it.
#[derive(Debug)]
pub(super) struct PlannedRecording {
    pub(super) recording: Recording,
    pub(super) plan: Plan,
}

/// Bytes of a plan, for reports.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PlanSizes {
    pub(super) planned: u64,
    pub(super) lower_bound: u64,
    pub(super) total: u64,
}

impl PlanSizes {
    fn of(plan: &Plan) -> Self {
        Self {
            planned: plan.peak(),
            lower_bound: plan.lower_bound(),
            total: plan.lifetimes().total_bytes(),
        }
    }
}

impl KeyPlan {
    /// Plans a recording with the requests of its first `lanes` lanes. The recording is dropped
    /// unless `keeps_source`.
    pub(super) fn new(
        planner: &Planner,
        recording: Recording,
        lanes: usize,
        keeps_source: bool,
    ) -> Result<Self, ReplayError> {
        let bytes = RecordedBytes::new(&recording, lanes - 1, Default::default());
        let team = match bytes.has_helpers() {
            true => Some(TeamRequests::new(&recording, lanes).ok_or(ReplayError::TooManySegments)?),
            false => None,
        };
        let (plan, ready) = match &team {
            Some(team) => {
                let plan = plan_quickly(planner, &team.lifetimes()?)?;
                let ready = team.planned(&plan)?;
                (plan, ready)
            }
            None => {
                let plan = plan_quickly(planner, &recording.lifetimes(0)?)?;
                let ready = ReplayPlan::of_first_lane(&recording, &plan)?;
                (plan, ready)
            }
        };
        Ok(Self {
            plan: ready,
            threshold: recording.threshold(),
            facts: PlanFacts {
                sizes: PlanSizes::of(&plan),
                source: keeps_source.then_some(PlannedRecording { recording, plan }),
                team,
            },
        })
    }

    /// Plans again what a team asks for, of which more is known now; returns the plan as the
    /// planner made it, too.
    pub(super) fn of_team(
        planner: &Planner,
        team: TeamRequests,
        threshold: usize,
    ) -> Result<(Self, Plan), ReplayError> {
        ensure_memory_to_plan(2 * team.len())?;
        let plan = plan_quickly(planner, &team.lifetimes()?)?;
        let of_team = Self {
            plan: team.planned(&plan)?,
            threshold,
            facts: PlanFacts {
                sizes: PlanSizes::of(&plan),
                source: None,
                team: Some(team),
            },
        };
        Ok((of_team, plan))
    }

    /// What the plan takes in memory, with its recording and without its region.
    pub(super) fn bytes(&self) -> u64 {
        self.plan.bytes() as u64 + self.facts.bytes()
    }

    /// The bytes of the region, in whole pages.
    pub(super) fn region_bytes(&self) -> u64 {
        self.plan.map.bytes().next_multiple_of(PAGE)
    }
}

impl PlanFacts {
    /// What is kept beside the plan, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        let source = self.source.as_ref().map_or(0, |source| {
            let events = size_of_val(source.recording.events());
            events + source.plan.len() * BYTES_KEPT
        });
        let team = self.team.as_ref().map_or(0, TeamRequests::len) * TeamRequests::BYTES_EACH;
        (source + team) as u64
    }
}
