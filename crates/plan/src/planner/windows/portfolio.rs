//! The portfolio for buffers with windows.
//!
//! Stands on the forbidden distances and on the methods of the interference relation, which do not
//! care what puts a buffer in the way of another one.

use super::disjunctions;
use super::distances::Distances;
use super::free_space::{DistanceDecoder, DistanceSpace};
use crate::planner::conflict::Interference;
use crate::planner::incumbent::Incumbent;
use crate::planner::interference::descend;
use crate::planner::sections::Sections;
use crate::planner::squeaky_wheel::{SectionPriorities, SqueakyWheel};
use crate::planner::strategy::Task;

/// Turns of the wheel before the first ejection search.
const FIRST_TURNS: u64 = 30;

/// Improves an incumbent until the goal is reached, the budget is spent or all plans of a few
/// buffers have been tried. Returns `false`, and does nothing, if there are too many distances to
/// keep.
pub(crate) fn improve(
    task: &Task<'_>,
    interference: &Interference<'_>,
    sections: &Sections,
    incumbent: &mut Incumbent,
) -> bool {
    let Some(distances) = Distances::new(task.buffers, interference, &task.budget) else {
        return false;
    };
    let are_few = disjunctions::are_few(task, &distances);
    if are_few && disjunctions::improve(task, &distances, incumbent) {
        return true;
    }
    let mut decoder = DistanceDecoder::new(task.buffers, DistanceSpace::new(distances));
    let mut wheel = SqueakyWheel::new(task, SectionPriorities::new(task.buffers, sections));
    if !(0..FIRST_TURNS).any(|_| wheel.turn(task, &mut decoder, incumbent)) {
        descend(task, &mut wheel, &mut decoder, incumbent);
    }
    true
}
