//! The plan of a key before it is ready for replay: what is left of a recording once it is planned.
//!
//! Invariant: the recording and the plan go as soon as a [`KeyPlan`] is made, unless they are to be
//! kept; what all threads asked for stays for as long as there is something to learn, and lifetimes
//! for as long as there may be a better plan.

#![forbid(unsafe_code)]

use alloc::boxed::Box;

use super::{
    error::ReplayError,
    planning::{ensure_memory_to_plan, plan_quickly},
    recorded::RecordedBytes,
    replay_plan::{ReplayPlan, map_of},
    team_requests::TeamRequests,
    trace::Recording,
    unfinished_plan::UnfinishedPlan,
    without_helpers::without_helpers,
};
use orionrt_plan::{plan::Plan, planner::Planner};

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
    /// What is needed to search for a better plan, if there may be one.
    pub(super) unfinished: Option<UnfinishedPlan>,
}

/// What is kept beside a plan.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kept {
    /// The recording and the plan as the planner made it.
    pub(super) recording: bool,
    /// What is needed to search for a better plan, if there may be one.
    pub(super) unfinished: bool,
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

impl Kept {
    fn unfinished_plan(self, plan: &Plan, of_blocks: Option<&[u32]>) -> Option<UnfinishedPlan> {
        let kept = self.unfinished.then(|| UnfinishedPlan::of(plan, of_blocks));
        kept.flatten()
    }
}

impl PlanSizes {
    pub(super) fn of(plan: &Plan) -> Self {
        Self {
            planned: plan.peak(),
            lower_bound: plan.lower_bound(),
            total: plan.lifetimes().total_bytes(),
        }
    }
}

impl KeyPlan {
    /// Plans a recording with the requests of its first `lanes` lanes.
    pub(super) fn new(
        planner: &Planner,
        recording: Recording,
        lanes: usize,
        keeps: Kept,
    ) -> Result<Self, ReplayError> {
        let bytes = RecordedBytes::new(&recording, lanes - 1, Default::default());
        let mut team = match bytes.has_helpers() {
            true => Some(TeamRequests::new(&recording, lanes).ok_or(ReplayError::TooManySegments)?),
            false => None,
        };
        let (plan, ready, of_blocks) = match &mut team {
            Some(team) => {
                let plan = team.plan(planner)?;
                let (ready, of_blocks) = planned_team(team, &plan)?;
                (plan, ready, Some(of_blocks))
            }
            None => {
                let plan = plan_quickly(planner, &recording.lifetimes(0)?)?;
                let ready = ReplayPlan::of_first_lane(&recording, &plan)?;
                (plan, ready, None)
            }
        };
        Ok(Self {
            plan: ready,
            threshold: recording.threshold(),
            facts: PlanFacts {
                sizes: PlanSizes::of(&plan),
                unfinished: keeps.unfinished_plan(&plan, of_blocks.as_deref()),
                source: keeps
                    .recording
                    .then_some(PlannedRecording { recording, plan }),
                team,
            },
        })
    }

    /// The plan of the thread that runs the iteration, without what helpers have of the region.
    /// What it is made from goes, if it was kept.
    pub(super) fn without_helpers(self) -> Self {
        if self.plan.helpers.is_none() {
            return self;
        }
        let plan = without_helpers(self.plan);
        let sizes = plan.own.expected().iter().filter(|it| it.block().is_some());
        let sizes = sizes.map(|expected| expected.layout().0 as u64);
        let facts = PlanFacts {
            sizes: PlanSizes {
                planned: plan.map.bytes(),
                // Lifetimes are not known.
                lower_bound: sizes.clone().max().unwrap_or(0),
                total: sizes.fold(0, u64::saturating_add),
            },
            ..PlanFacts::default()
        };
        Self {
            plan,
            facts,
            ..self
        }
    }

    /// Plans again what a team asks for, of which more is known now; returns the plan as the
    /// planner made it, too.
    pub(super) fn of_team(
        planner: &Planner,
        mut team: TeamRequests,
        threshold: usize,
        keeps: Kept,
    ) -> Result<(Self, Plan), ReplayError> {
        ensure_memory_to_plan(2 * team.len())?;
        let plan = team.plan(planner)?;
        let (ready, of_blocks) = planned_team(&team, &plan)?;
        // A better plan of the lifetimes alone would mix the lanes again.
        let unfinished = keeps.unfinished && !team.are_lanes_apart();
        let keeps = Kept {
            unfinished,
            ..keeps
        };
        let of_team = Self {
            plan: ready,
            threshold,
            facts: PlanFacts {
                sizes: PlanSizes::of(&plan),
                unfinished: keeps.unfinished_plan(&plan, Some(&of_blocks)),
                source: None,
                team: Some(team),
            },
        };
        Ok((of_team, plan))
    }
}

/// The plan of a team in the form that replay needs, and the rows that have its blocks.
fn planned_team(team: &TeamRequests, plan: &Plan) -> Result<(ReplayPlan, Box<[u32]>), ReplayError> {
    let of_blocks = team.rows_of_blocks();
    let map = map_of(plan, Some(&of_blocks)).ok_or(ReplayError::TooManySegments)?;
    Ok((team.planned(map), of_blocks))
}

impl PlanFacts {
    /// What is kept beside the plan, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        let source = self.source.as_ref().map_or(0, |source| {
            let events = size_of_val(source.recording.events());
            events + source.plan.len() * BYTES_KEPT
        });
        let team = self.team.as_ref().map_or(0, TeamRequests::len) * TeamRequests::BYTES_EACH;
        let unfinished = self.unfinished.as_ref().map_or(0, UnfinishedPlan::bytes);
        (source + team + unfinished) as u64
    }
}
