//! Planning: what a strategy proposes becomes a plan, or an error.

use alloc::string::ToString;

use super::PlannerError;
use crate::lifetimes::Lifetimes;
use crate::plan::{Plan, PlanError, check_fixed_tensors};
use crate::planner::{Earlier, Planner, WrongCount};

impl Planner {
    /// Keeps what an earlier plan has where it is: a tensor of the same name and size stays if its bytes are free of others
    /// that stay and of fixed ones. Only the rest is placed, so the peak may be higher than it would be otherwise. Where that leaves no room
    /// at all, nothing is kept.
    ///
    /// ```
    /// use orionrt_plan::{Lifetimes, Planner};
    /// let rows = [("a", 0, 2, 100, 1), ("b", 1, 3, 300, 1), ("c", 2, 4, 100, 1)];
    /// let before = Planner::new().plan(&Lifetimes::from_rows(rows)?)?;
    /// // Now c is larger.
    /// let rows = [("a", 0, 2, 100, 1), ("b", 1, 3, 300, 1), ("c", 2, 4, 150, 1)];
    /// let after = Planner::new().keep(&before).plan(&Lifetimes::from_rows(rows)?)?;
    /// assert_eq!(after.offsets()[..2], before.offsets()[..2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn keep(self, plan: &Plan) -> Self {
        let earlier = Earlier::new(plan.lifetimes().clone(), plan.offsets().to_vec());
        self.keep_earlier(earlier)
    }

    /// Begins with an earlier plan, matched by the tensors' names: where that is a plan still, the answer has no higher
    /// peak.
    ///
    /// ```
    /// use orionrt_plan::{Lifetimes, Plan, Planner};
    /// let lifetimes = Lifetimes::from_rows([("a", 0, 2, 100, 1), ("b", 1, 3, 300, 1), ("c", 2, 4, 100, 1)])?;
    /// let own = Plan::new(lifetimes.clone(), vec![0, 100, 0])?;
    /// let plan = Planner::new().strategy_named("linear-scan").expect("it exists").start_from(&own).plan(&lifetimes)?;
    /// assert!(plan.peak() <= own.peak());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn start_from(self, plan: &Plan) -> Self {
        let earlier = Earlier::new(plan.lifetimes().clone(), plan.offsets().to_vec());
        self.start_from_earlier(earlier)
    }

    /// Plans: asks the strategy, and checks what it proposes.
    ///
    /// # Errors
    /// When the alignment asked for is impossible, fixed tensors overlap, the capacity was not reached, or the strategy
    /// proposed what is no plan; see [`PlannerError`].
    pub fn plan(&self, original: &Lifetimes) -> Result<Plan, PlannerError> {
        if let Some(able) = self.able(original) {
            return able.plan(original);
        }
        let lifetimes = self.aligned(original).map_err(PlannerError::Lifetimes)?;
        check_fixed_tensors(&lifetimes).map_err(PlannerError::Fixed)?;
        let name = self.strategy_name();
        let refused = |error| PlannerError::Strategy {
            name: name.to_string(),
            error,
        };
        let offsets = self.propose(&lifetimes);
        let offsets = offsets.map_err(|WrongCount { buffers, offsets }| {
            refused(PlanError::Count {
                tensors: buffers,
                offsets,
            })
        })?;
        let plan = match (Plan::new(lifetimes, offsets), self.letting_go()) {
            // What stayed left no room below 2⁶³ for the rest.
            (Err(PlanError::OutOfRange { .. }), Some(free)) => return free.plan(original),
            (plan, _) => plan.map_err(refused)?,
        };
        let plan = plan.with_strategy(name);
        match self.wanted_capacity() {
            Some(capacity) if plan.peak() > capacity => Err(PlannerError::Capacity {
                capacity,
                best: plan.into(),
            }),
            _ => Ok(plan),
        }
    }
}
