//! What each capacity costs, from the peak down to the smallest one that works.
//!
//! Stands on `smallest`. What fits into a capacity fits into every larger one, so each capacity has
//! the best schedule of all that fit into it. Invariant: capacities fall, and added times never do.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use orionrt::fit::Fitted;

use super::{
    asked::Asked,
    smallest::{NONE_KNOWN, Smallest, smallest},
};
use crate::{failure::Failure, progress};

/// Added time in percent for which the smallest capacity is looked for.
pub(super) const LIMITS: [f64; 2] = [5.0, 20.0];

/// How often the step between two capacities is halved for that.
const HALVINGS: u32 = 4;

/// A capacity, and the best schedule that is known to fit into it.
pub(super) struct Point {
    pub(super) capacity: u64,
    pub(super) fitted: Fitted,
}

impl Point {
    fn seconds(&self) -> f64 {
        self.fitted.cost().seconds()
    }
}

/// The curve.
pub(super) struct Curve {
    /// From the peak down.
    pub(super) points: Vec<Point>,
    /// No smaller capacity works, in the orders and with the sharing of bytes that were tried.
    pub(super) proven: u64,
}

impl Curve {
    /// The failure of a curve on which no capacity works; these files are not written then.
    pub(super) fn failure(&self, model: &Path, unwritten: Vec<PathBuf>) -> Option<Failure> {
        self.points.is_empty().then(|| Failure::Capacity {
            path: model.into(),
            reached: NONE_KNOWN.into(),
            unwritten,
        })
    }

    /// The smallest capacity that adds at most so many percent.
    pub(super) fn within(&self, asked: &Asked<'_>, limit: f64) -> Option<&Point> {
        let points = self.points.iter();
        points
            .take_while(|point| is_within(asked, point, limit))
            .last()
    }
}

fn is_within(asked: &Asked<'_>, point: &Point, limit: f64) -> bool {
    let percent = asked.percent(point.seconds());
    percent.is_some_and(|percent| percent <= limit)
}

/// Fits the model into `count` capacities, and into some between them.
pub(super) fn curve(asked: &Asked<'_>, count: usize) -> Result<Curve, Failure> {
    let peak = asked.before.peak();
    let found = progress::with_spinner("looking for the smallest capacity", || {
        smallest(asked, 0, 0)
    })?;
    let Smallest { known, proven } = found;
    let mut points: Vec<Point> = Vec::new();
    let low = known.as_ref().map_or(peak, |known| known.capacity);
    points.extend(known.map(|known| Point {
        capacity: known.capacity,
        fitted: known.fitted,
    }));
    let capacities: Vec<u64> = capacities(low, peak, count, asked.input.alignment).collect();
    for (at, &capacity) in capacities.iter().enumerate() {
        let message = format!(
            "fitting into capacity {} of {}",
            at + 2,
            capacities.len() + 1
        );
        let point = progress::with_spinner(message, || point(asked, capacity))?;
        points.extend(point);
        if asked.cancel.is_cancelled() {
            break;
        }
    }
    let mut curve = Curve { points, proven };
    falling(&mut curve.points);
    for limit in LIMITS {
        curve.refine(asked, limit)?;
    }
    Ok(curve)
}

impl Curve {
    /// Looks between the last capacity within a limit and the first one beyond it.
    fn refine(&mut self, asked: &Asked<'_>, limit: f64) -> Result<(), Failure> {
        for _ in 0..HALVINGS {
            let points = self.points.iter();
            let inside = points.take_while(|point| is_within(asked, point, limit));
            let at = inside.count();
            if at == 0 || at == self.points.len() || asked.cancel.is_cancelled() {
                return Ok(());
            }
            let [above, below] = [at - 1, at].map(|at| self.points[at].capacity);
            let middle = below + (above - below) / 2;
            let middle = middle.next_multiple_of(asked.input.alignment.max(1));
            if middle <= below || middle >= above {
                return Ok(());
            }
            let message = format!("looking for what adds {limit} %");
            let Some(point) = progress::with_spinner(message, || point(asked, middle))? else {
                return Ok(());
            };
            self.points.push(point);
            falling(&mut self.points);
        }
        Ok(())
    }
}

/// Fits the model into a capacity; `None` if no schedule was found.
fn point(asked: &Asked<'_>, capacity: u64) -> Result<Option<Point>, Failure> {
    match asked.fitted(capacity) {
        Ok(fitted) => {
            let fitted = asked.prefetched(fitted, capacity)?;
            Ok(Some(Point { capacity, fitted }))
        }
        Err(error) => asked.failure(&error).map_or(Ok(None), Err),
    }
}

/// `count` capacities above `low` up to `peak`, multiples of an alignment, without `low` itself.
fn capacities(low: u64, peak: u64, count: usize, alignment: u64) -> impl Iterator<Item = u64> {
    let steps = count.max(2) as u64 - 1;
    let range = u128::from(peak.saturating_sub(low));
    let mut last = low;
    let each = (1..=steps).filter_map(move |step| {
        let above = (range * u128::from(step) / u128::from(steps)) as u64;
        let capacity = (low + above).next_multiple_of(alignment.max(1)).min(peak);
        let is_new = capacity > last;
        last = last.max(capacity);
        is_new.then_some(capacity)
    });
    each.collect::<Vec<u64>>().into_iter()
}

/// Sorts points from the largest capacity down, and gives each the best schedule of all that fit.
fn falling(points: &mut [Point]) {
    points.sort_by_key(|point| std::cmp::Reverse(point.capacity));
    for at in (1..points.len()).rev() {
        let (larger, smaller) = points.split_at_mut(at);
        let (larger, smaller) = (&mut larger[at - 1], &smaller[0]);
        if smaller.seconds() < larger.seconds() {
            larger.fitted = smaller.fitted.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orionrt::{GraphBuilder, Planner, fit::Fit};

    #[test]
    fn a_curve_without_a_point_is_a_failure_of_status_3() {
        let mut curve = Curve {
            points: vec![],
            proven: 0,
        };
        let failure = |curve: &Curve| curve.failure(Path::new("a.onnx"), vec!["a.svg".into()]);
        let status = failure(&curve).map(|failure| failure.exit_status());
        assert_eq!(status, Some(3));
        let graph = GraphBuilder::new().build().expect("no operators");
        let fitted = Planner::new().fit(&graph, &Fit::within(0));
        curve.points.push(Point {
            capacity: 0,
            fitted: fitted.expect("nothing needs nothing"),
        });
        assert!(failure(&curve).is_none());
    }

    #[test]
    fn capacities_are_new_multiples_up_to_the_peak() {
        let all = |low, peak, count, alignment| {
            capacities(low, peak, count, alignment).collect::<Vec<u64>>()
        };
        assert_eq!(all(100, 200, 5, 1), [125, 150, 175, 200]);
        assert_eq!(all(100, 200, 5, 64), [128, 192, 200]);
        assert_eq!(all(200, 200, 5, 64), [0; 0]);
        assert_eq!(all(300, 200, 5, 64), [0; 0]);
        assert_eq!(all(0, u64::MAX, 2, 1), [u64::MAX]);
    }
}
