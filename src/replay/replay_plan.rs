//! A plan in the form that replay needs: which requests are expected, and where the blocks of the
//! planned ones lie. Neither recording nor plan is needed any more.
//!
//! Invariant: the expected requests have the blocks of the map, and a block is at least as large
//! and as strictly aligned as its request, with an alignment of at most [`MAX_ALIGNMENT`]. Each
//! request needs all of its bytes from its allocation to its release: lifetimes with gaps or
//! windows, and those that lie within others, are refused.

#![forbid(unsafe_code)]

use super::{
    error::ReplayError,
    region_map::RegionMap,
    spacing::Spacing,
    team_template::TeamTemplate,
    template::Template,
    trace::{MAX_ALIGNMENT, Recording, Request},
};
use orionrt_plan::{TensorId, lifetimes::Lifetimes, plan::Plan};

/// What a recorded request takes in a [`ReplayPlan`], in bytes, at most: 20 in the template, and
/// the others in the map, if it is planned.
const BYTES_PER_REQUEST: usize = 64;
/// What a request of a helper takes beyond that.
const BYTES_PER_HELPER_REQUEST: usize = 8;

#[derive(Debug)]
pub(super) struct ReplayPlan {
    /// What the thread that runs the iteration asks for.
    pub(super) own: Template,
    /// What its helpers ask for, if they take part.
    pub(super) helpers: Option<TeamTemplate>,
    pub(super) map: RegionMap,
}

impl ReplayPlan {
    /// The plan of a recording's first lane.
    pub(super) fn of_first_lane(recording: &Recording, plan: &Plan) -> Result<Self, ReplayError> {
        let requests = recording.requests(0);
        check(requests, plan)?;
        let map = map_of(plan, None);
        Ok(Self {
            own: Template::new(requests, 0),
            helpers: None,
            map: map.ok_or(ReplayError::TooManySegments)?,
        })
    }

    /// The bytes that it takes at most.
    pub(super) fn bytes(&self) -> usize {
        let helpers = self.helpers.as_ref();
        let of_helpers = helpers.map_or(0, |team| team.template().len());
        (self.own.len() + of_helpers) * BYTES_PER_REQUEST + of_helpers * BYTES_PER_HELPER_REQUEST
    }
}

/// The map of the blocks of a plan, [spaced](Spacing): `of_blocks` has the rows that have them.
pub(super) fn map_of(plan: &Plan, of_blocks: Option<&[u32]>) -> Option<RegionMap> {
    let (rows, offsets, spacing) = (plan.lifetimes().rows(), plan.offsets(), Spacing::of(plan));
    let block = |row: usize| (spacing.moved(offsets[row]), rows[row].size);
    match of_blocks {
        None => RegionMap::new((0..rows.len()).map(block)),
        Some(of_blocks) => RegionMap::new(of_blocks.iter().map(|&row| block(row as usize))),
    }
}

/// Whether a plan was made from these requests.
fn check(requests: &[Request], plan: &Plan) -> Result<(), ReplayError> {
    let planned = || requests.iter().filter(|request| request.is_planned());
    let (found, expected) = (plan.len(), planned().count());
    if found != expected {
        return Err(ReplayError::OtherCount { found, expected });
    }
    let lifetimes = plan.lifetimes();
    let differs = planned().zip(lifetimes.rows()).position(|(request, row)| {
        let upper = request.upper.map(|upper| upper as i64);
        (row.lower, Some(row.upper)) != (request.lower as i64, upper)
            || row.size != request.largest as u64
            || row.alignment < request.alignment as u64
            || row.alignment > MAX_ALIGNMENT as u64
    });
    if let Some(row) = differs {
        return Err(ReplayError::OtherPlan { row });
    }
    let mut ids = lifetimes.iter().map(|(id, _, _)| id);
    let shared = ids.position(|id| !is_whole(lifetimes, id));
    shared.map_or(Ok(()), |row| Err(ReplayError::SharedBytes { row }))
}

/// Whether a tensor needs all of its bytes, which are its own, from its first step to its last.
fn is_whole(lifetimes: &Lifetimes, id: TensorId) -> bool {
    lifetimes.get(id).is_some_and(|row| {
        let mut pieces = lifetimes.pieces(id);
        row.within.is_none()
            && pieces.all(|piece| piece.steps == row.steps() && piece.bytes == (0..row.size))
    })
}
