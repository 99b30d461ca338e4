//! Fits a network into a capacity, or into the least that is known to be enough.
//!
//! Stands on [`Planner::fit`]. Where the capacity is too small, the least is searched for between
//! it and an execution that is known to fit: first at the bytes that the error says are needed,
//! then by halving. Invariant: the result fits into its capacity, which is never below the one
//! asked for.

#![forbid(unsafe_code)]

use orionrt::{
    Graph, Planner,
    fit::{Fit, FitError, Fitted},
};

/// How often the distance to the least capacity is halved, at most.
const HALVINGS: usize = 7;
/// The search for the least ends where the distance is this part of the capacity.
const CLOSE: u64 = 128;
/// Capacities that are tried are multiples of this: the alignment of plans.
const STEP: u64 = 64;

/// A network fitted into a capacity.
#[derive(Debug)]
pub struct Within {
    /// What it is fitted into: what was asked for, unless that was too little.
    pub capacity: u64,
    /// The schedule, its plans and its cost.
    pub fitted: Fitted,
    /// Why it could not be fitted into what was asked for.
    pub refused: Option<FitError>,
}

/// Fits a graph into `asked` bytes by the means of `fit`, which makes options for a capacity; or
/// into the least capacity that is found, at most what `known` needs.
///
/// # Errors
/// When the options are wrong, whatever the capacity.
pub fn fit_within(
    planner: &Planner,
    graph: &Graph,
    asked: u64,
    fit: impl Fn(u64) -> Fit,
    known: Fitted,
) -> Result<Within, FitError> {
    let refused = match planner.fit(graph, &fit(asked)) {
        Ok(fitted) => {
            return Ok(Within {
                capacity: asked,
                fitted,
                refused: None,
            });
        }
        Err(error) if is_of_capacity(&error) => error,
        Err(error) => return Err(error),
    };
    let mut high = known.fast_plan().peak().max(asked);
    let (mut low, mut best) = (asked, known);
    let mut next = middle(low, high);
    if let FitError::Impossible { needed, .. } = &refused {
        (low, next) = (needed.saturating_sub(1), needed.next_multiple_of(STEP));
    }
    for _ in 0..=HALVINGS {
        if high.saturating_sub(low) <= (high / CLOSE).max(STEP) {
            break;
        }
        let capacity = next.clamp(low, high);
        match planner.fit(graph, &fit(capacity)) {
            Ok(fitted) => {
                // It may need less than it was allowed.
                high = fitted.fast_plan().peak().max(low + 1);
                best = fitted;
            }
            Err(error) if is_of_capacity(&error) => low = capacity,
            Err(error) => return Err(error),
        }
        next = middle(low, high);
    }
    Ok(Within {
        capacity: high,
        fitted: best,
        refused: Some(refused),
    })
}

fn middle(low: u64, high: u64) -> u64 {
    (low + high.saturating_sub(low) / 2).next_multiple_of(STEP)
}

/// Whether a larger capacity may help.
fn is_of_capacity(error: &FitError) -> bool {
    matches!(
        error,
        FitError::Impossible { .. } | FitError::NotFound { .. } | FitError::Placement(_)
    )
}
