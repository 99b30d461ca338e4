//! The plan of a lane in the form that replay needs: which requests are expected, and where the
//! blocks of the planned ones lie. It takes at most 64 bytes for each planned request, and neither
//! recording nor plan is needed any more.
//!
//! Invariant: the template and the map have the same blocks, and a block is at least as large and
//! as strictly aligned as its request, with an alignment of at most [`MAX_ALIGNMENT`].

#![forbid(unsafe_code)]

use alloc::vec::Vec;

use super::{
    error::ReplayError,
    matching::Template,
    region_map::RegionMap,
    trace::{MAX_ALIGNMENT, Recording, Request},
};
use orionrt_plan::plan::Plan;

/// What a recorded request takes in a [`LanePlan`], in bytes, at most: 20 in the template, and the
/// others in the map, if it is planned.
pub(super) const BYTES_PER_REQUEST: usize = 64;

#[derive(Debug)]
pub(super) struct LanePlan {
    /// The thread that the lane was recorded of.
    pub(super) thread: u32,
    pub(super) template: Template,
    pub(super) map: RegionMap,
}

impl LanePlan {
    /// The plans of the lanes of a recording, from the first on.
    pub(super) fn of_all(recording: &Recording, plans: &[Plan]) -> Result<Vec<Self>, ReplayError> {
        let (found, expected) = (plans.len(), recording.lanes());
        if found > expected {
            return Err(ReplayError::OtherCount { found, expected });
        }
        let lanes = plans.iter().enumerate();
        lanes
            .map(|(lane, plan)| Self::new(recording, lane, plan))
            .collect()
    }

    fn new(recording: &Recording, lane: usize, plan: &Plan) -> Result<Self, ReplayError> {
        let requests = recording.requests(lane);
        check(requests, plan)?;
        let placed = plan.lifetimes().rows().iter().zip(plan.offsets());
        let map = RegionMap::new(placed.map(|(row, &offset)| (offset, row.size)));
        Ok(Self {
            thread: recording.thread(lane),
            template: Template::new(requests),
            map: map.ok_or(ReplayError::TooManySegments)?,
        })
    }
}

/// Whether a plan was made from these requests.
fn check(requests: &[Request], plan: &Plan) -> Result<(), ReplayError> {
    let planned = || requests.iter().filter(|request| request.is_planned());
    let (found, expected) = (plan.len(), planned().count());
    if found != expected {
        return Err(ReplayError::OtherCount { found, expected });
    }
    let differs = planned()
        .zip(plan.lifetimes().rows())
        .position(|(request, row)| {
            let upper = request.upper.map(|upper| upper as i64);
            (row.lower, Some(row.upper)) != (request.lower as i64, upper)
                || row.size != request.largest as u64
                || row.alignment < request.alignment as u64
                || row.alignment > MAX_ALIGNMENT as u64
        });
    differs.map_or(Ok(()), |row| Err(ReplayError::OtherPlan { row }))
}
