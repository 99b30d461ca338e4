//! A plan with parts of results, or without them where that needs less.
//!
//! Stands on plans and the planner. Parts raise the load of no step, but a part lies at its place
//! in the result, and offsets are then harder to choose: the peak may be above that of a plan
//! without parts. Invariant: the plan that is kept has the lowest peak of those that were made, and
//! one that is not made could have no lower one.
//!
//! ```text
//! with parts   load 300, peak 340  ─┬─► kept is the one without: 320
//! without      load 310, peak 320  ─┘   (with a load of 340 or more it is not planned at all)
//! ```

use crate::graph::Graph;
use crate::lifetimes::{Aliasing, Lifetimes, Uncopied};
use crate::plan::Plan;
use crate::planner::{Planner, PlannerError};

/// A plan of a graph with concatenations. Made by [`Planner::plan_parts`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartsPlan {
    /// The plan with the lower peak.
    pub plan: Plan,
    /// How much sharing of bytes it uses: [`Aliasing::Parts`], or [`Aliasing::InPlace`] where parts
    /// would raise the peak.
    pub aliasing: Aliasing,
    /// The operands of concatenations that are not copied.
    pub uncopied: Uncopied,
}

impl Planner {
    /// Plans a graph with [parts of results](crate::graph::OpBuilder::part) and without them, and
    /// keeps the plan with the lower peak. Of equal peaks, parts win: they copy less. Without parts
    /// it is planned only if that could have a lower peak; then the limits of this planner hold for
    /// each of the two plans.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::{Aliasing, GraphBuilder, Planner};
    ///
    /// // Twelve layers, each of which adds 100 bytes to all that is there before it.
    /// let mut g = GraphBuilder::new();
    /// let bytes = |size| Layout::from_size_align(size, 4);
    /// let mut whole = g.tensor("x", bytes(100)?);
    /// g.op("stem").writes([whole]);
    /// for layer in 1..=12 {
    ///     let new = g.tensor(format!("new{layer}"), bytes(100)?);
    ///     let joint = g.tensor(format!("joint{layer}"), bytes(100 * (layer + 1))?);
    ///     g.op("conv").reads([whole]).writes([new]);
    ///     g.op("concatenate").part(whole, joint, 0).part(new, joint, 100 * layer as u64);
    ///     whole = joint;
    /// }
    /// let graph = g.output(whole).build()?;
    ///
    /// let kept = Planner::new().plan_parts(&graph)?;
    /// assert_eq!((kept.plan.peak(), graph.lifetimes().load()), (1300, 2600));
    /// assert_eq!((kept.aliasing, kept.uncopied.operands), (Aliasing::Parts, 24));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If one of the two cannot be planned for another reason than the
    /// [capacity](Planner::capacity), or both are above the capacity: the error then has the plan
    /// with the lower peak. See [`PlannerError`].
    pub fn plan_parts(&self, graph: &Graph) -> Result<PartsPlan, PlannerError> {
        let levels = [Aliasing::Parts, Aliasing::InPlace];
        let lifetimes = levels.map(|aliasing| graph.lifetimes_with(aliasing));
        let (chosen, plan) = self.plan_lower([&lifetimes[0], &lifetimes[1]])?;
        Ok(PartsPlan {
            uncopied: graph.uncopied(&lifetimes[chosen]),
            aliasing: levels[chosen],
            plan,
        })
    }

    /// Plans the lifetimes of one graph with two ways to share bytes, and keeps the plan with the
    /// lower peak: its position and the plan. Of equal peaks, the first one is kept. The second is
    /// planned only if its load is below the peak of the first; the limits of this planner hold for
    /// each.
    ///
    /// ```
    /// use orionrt_plan::{Lifetimes, Planner};
    /// let copied = Lifetimes::from_rows([("a", 0, 2, 100, 1), ("b", 1, 3, 100, 1)])?;
    /// let shared = Lifetimes::from_rows([("a", 0, 3, 100, 1)])?;
    /// let (position, plan) = Planner::new().plan_lower([&copied, &shared])?;
    /// assert_eq!((position, plan.peak()), (1, 100));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If one cannot be planned for another reason than the [capacity](Planner::capacity), or both
    /// are above the capacity; see [`PlannerError`].
    pub fn plan_lower(&self, ways: [&Lifetimes; 2]) -> Result<(usize, Plan), PlannerError> {
        let first = self.plan(ways[0]);
        let reached = match &first {
            Ok(plan) => plan.peak(),
            Err(PlannerError::Capacity { best, .. }) => best.peak(),
            Err(_) => return first.map(|plan| (0, plan)),
        };
        if ways[1].load() >= reached {
            return first.map(|plan| (0, plan));
        }
        match self.plan(ways[1]) {
            Ok(second) if second.peak() < reached => Ok((1, second)),
            Err(PlannerError::Capacity { capacity, best })
                if first.is_err() && best.peak() < reached =>
            {
                Err(PlannerError::Capacity { capacity, best })
            }
            Ok(_) | Err(PlannerError::Capacity { .. }) => first.map(|plan| (0, plan)),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two tensors of `size` bytes that are alive together.
    fn pair(size: u64) -> Lifetimes {
        let rows = [("a", 0, 2, size, 1), ("b", 1, 3, size, 1)];
        Lifetimes::from_rows(rows).expect("valid rows")
    }

    fn planner() -> Planner {
        Planner::new().nodes(100)
    }

    #[test]
    fn the_lower_peak_is_kept_and_of_equal_ones_the_first() {
        let lower = |sizes: [u64; 2]| {
            let ways = sizes.map(pair);
            let (position, plan) = planner().plan_lower([&ways[0], &ways[1]]).expect("a plan");
            (position, plan.peak())
        };
        assert_eq!(lower([10, 20]), (0, 20));
        assert_eq!(lower([10, 10]), (0, 20));
        assert_eq!(lower([20, 10]), (1, 20));
    }

    #[test]
    fn above_the_capacity_the_error_has_the_lower_plan() {
        let peak = |sizes: [u64; 2], capacity: u64| {
            let ways = sizes.map(pair);
            match planner()
                .capacity(capacity)
                .plan_lower([&ways[0], &ways[1]])
            {
                Ok((position, plan)) => Ok((position, plan.peak())),
                Err(PlannerError::Capacity { best, .. }) => Err(best.peak()),
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(peak([20, 10], 30), Ok((1, 20)));
        assert_eq!(peak([10, 20], 30), Ok((0, 20)));
        assert_eq!(peak([20, 10], 5), Err(20));
        assert_eq!(peak([10, 20], 5), Err(20));
    }

    #[test]
    fn another_error_is_returned() {
        let mut ways = [pair(20), pair(10)];
        for position in [0, 1] {
            // One of them has no plan: two tensors are fixed in the same bytes.
            let mut broken = ways.clone();
            let ids: Vec<_> = broken[position].iter().map(|(id, ..)| id).collect();
            let fixed = broken[position].clone();
            let fixed = ids
                .iter()
                .try_fold(fixed, |all, &id| all.with_fixed_offset(id, 0));
            broken[position] = fixed.expect("offsets may be fixed");
            let error = planner().plan_lower([&broken[0], &broken[1]]).unwrap_err();
            assert!(matches!(error, PlannerError::Fixed(_)), "{error}");
        }
        ways.reverse();
        assert!(planner().plan_lower([&ways[0], &ways[1]]).is_ok());
    }
}
