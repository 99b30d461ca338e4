//! Pool after pool: a choice of the tensors that are left, and its plan.
//!
//! Stands on the choice and on packings. A choice is planned; what ends above the capacity goes
//! out, and others come into the free bytes. The last pool has what is left, and so does the first
//! one in which everything that is left has a plan.

use alloc::{vec, vec::Vec};

use super::candidates::Candidates;
use super::choice;
use super::exact::{self, Feasible};
use super::pool::{Pool, PoolError, PoolPlan, PoolPlans};
use crate::lifetimes::Lifetimes;
use crate::plan::Plan;
use crate::planner::{Budget, Planner, PlannerError};
use crate::regions::Packing;

/// Nodes of a plan that says whether a choice fits.
const NODES: u64 = 20_000;
/// Nodes of a plan that says whether one more tensor fits beside others.
const NODES_OF_ONE: u64 = 2000;

impl Planner {
    /// Divides tensors among pools, given in order of preference, and plans each pool: within its
    /// capacity, a pool holds the tensors that save most traffic, and the pools behind it those
    /// that are left. The last pool holds the rest.
    ///
    /// `traffic` has the bytes moved for each tensor, or weights of your own: larger ones are kept
    /// nearer. [`traffic`](crate::pools::traffic) has those of a graph. Tensors that lie within
    /// others are where those are, and their traffic counts there. Tensors that are never alive are
    /// in the last pool.
    ///
    /// The limits of time and nodes and the seed of this planner hold for each pool; its own
    /// capacity and previous plans do not matter.
    ///
    /// ```
    /// use orionrt_plan::{Lifetimes, Planner, pools::Pool};
    ///
    /// let rows = [("a", 0, 2, 600, 1), ("b", 0, 2, 600, 1), ("c", 2, 4, 900, 1)];
    /// let pools = [Pool::new("fast").with_capacity(1000), Pool::new("slow")];
    /// let traffic = [1200, 2400, 900];
    /// let plans = Planner::new().plan_pools(&Lifetimes::from_rows(rows)?, &traffic, &pools)?;
    /// let [fast, slow] = plans.pools() else { panic!("one plan for each pool") };
    /// assert_eq!((fast.traffic, fast.plan.peak()), (3300, 900));  // b, then c
    /// assert_eq!((slow.traffic, slow.plan.peak()), (1200, 600));  // a
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If there is no pool, two have the same name, weights do not match, a tensor has a fixed
    /// offset, or what is left for the last pool does not fit; see [`PoolError`].
    pub fn plan_pools(
        &self,
        lifetimes: &Lifetimes,
        traffic: &[u64],
        pools: &[Pool],
    ) -> Result<PoolPlans, PoolError> {
        check(lifetimes, traffic, pools)?;
        let [others @ .., last] = pools else {
            return Err(PoolError::NoPool);
        };
        let lifetimes = self.prepared(lifetimes);
        let lifetimes = lifetimes.map_err(|error| PoolError::planner(last, error))?;
        let traffic = of_roots(&lifetimes, traffic).ok_or(PoolError::TooMuchTraffic)?;
        let all = lifetimes.rows().iter().enumerate();
        let mut left: Vec<usize> = all
            .filter(|(_, row)| row.occupies())
            .map(|(i, _)| i)
            .collect();
        let mut of = vec![others.len(); lifetimes.len()];
        let mut planned = Vec::new();
        for (number, pool) in others.iter().enumerate() {
            let filling = Filling {
                planner: self,
                lifetimes: &lifetimes,
                traffic: &traffic,
                capacity: pool.capacity.unwrap_or(u64::MAX >> 1),
                budget: self.budget(),
            };
            let (rows, offsets, is_best) = filling.fill(&left);
            rows.iter().for_each(|&row| of[row] = number);
            left.retain(|&row| of[row] != number);
            let only = lifetimes.only(|row| of[row] == number);
            let plan = placed(only, &offsets).map_err(|error| PoolError::planner(pool, error))?;
            planned.push(pool_plan(pool, plan, &rows, &traffic, is_best));
        }
        let mut planner = self.for_single_model();
        if let Some(capacity) = last.capacity {
            planner = planner.capacity(capacity);
        }
        let plan = planner.plan(&lifetimes.only(|row| of[row] == others.len()));
        let plan = plan.map_err(|error| PoolError::planner(last, error))?;
        planned.push(pool_plan(last, plan, &left, &traffic, true));
        for index in 0..lifetimes.len() {
            if let Some(within) = lifetimes.rows()[index].within {
                of[index] = of[within.root.index()];
            }
        }
        Ok(PoolPlans {
            lifetimes,
            pools: planned,
            of,
            traffic,
        })
    }
}

fn check(lifetimes: &Lifetimes, traffic: &[u64], pools: &[Pool]) -> Result<(), PoolError> {
    let names = pools.iter().enumerate();
    let mut twice = names.filter(|(i, pool)| pools[..*i].iter().any(|o| o.name == pool.name));
    if let Some((_, pool)) = twice.next() {
        let name = pool.name.clone();
        return Err(PoolError::Duplicate { name });
    }
    if traffic.len() != lifetimes.len() {
        return Err(PoolError::Weights {
            tensors: lifetimes.len(),
            weights: traffic.len(),
        });
    }
    let mut fixed = lifetimes.iter();
    match fixed.find_map(|(id, name, row)| Some((id, name, row.fixed_offset?))) {
        Some((id, name, offset)) => Err(PoolError::Fixed {
            id,
            name: name.into(),
            offset,
        }),
        None => Ok(()),
    }
}

/// The traffic of tensors with bytes of their own, with that of the tensors within them; `None` if
/// the sum of all is too large.
fn of_roots(lifetimes: &Lifetimes, traffic: &[u64]) -> Option<Vec<u64>> {
    let mut sum = 0u64;
    let mut of = vec![0u64; traffic.len()];
    for (index, (row, &traffic)) in lifetimes.rows().iter().zip(traffic).enumerate() {
        sum = sum.checked_add(traffic)?;
        of[row.within.map_or(index, |within| within.root.index())] += traffic;
    }
    Some(of)
}

/// A plan of tensors that are already placed.
fn placed(lifetimes: Lifetimes, offsets: &[u64]) -> Result<Plan, PlannerError> {
    let rows = || lifetimes.rows().iter().enumerate();
    let own = rows().map(|(index, row)| if row.occupies() { offsets[index] } else { 0 });
    let own: Vec<u64> = own.collect();
    let placed = rows().map(|(index, row)| match row.within {
        Some(within) => own[within.root.index()] + within.offset,
        None => own[index],
    });
    let offsets = placed.collect();
    let plan = Plan::new(lifetimes, offsets).map_err(|error| PlannerError::Strategy {
        name: "auto".into(),
        error,
    })?;
    Ok(plan.with_strategy("auto"))
}

fn pool_plan(pool: &Pool, plan: Plan, rows: &[usize], traffic: &[u64], is_best: bool) -> PoolPlan {
    PoolPlan {
        pool: pool.clone(),
        plan,
        traffic: rows.iter().map(|&row| traffic[row]).sum(),
        is_best,
    }
}

/// One pool to be filled.
struct Filling<'a> {
    planner: &'a Planner,
    lifetimes: &'a Lifetimes,
    traffic: &'a [u64],
    capacity: u64,
    budget: Budget,
}

impl Filling<'_> {
    /// The rows that the pool holds, of those that are left, the offsets of all rows, and whether
    /// no other choice is better.
    fn fill(&self, left: &[usize]) -> (Vec<usize>, Vec<u64>, bool) {
        let half = |rows: &[usize]| self.budget.with_half(|half| self.packed(rows, half));
        let whole = half(left);
        if whole.first().0.len() == left.len() {
            return (left.to_vec(), whole.first().1.to_vec(), true);
        }
        let candidates = Candidates::new(self.lifetimes, left, self.traffic, self.capacity);
        if candidates.len() == 0 {
            return (Vec::new(), vec![0; self.lifetimes.len()], true);
        }
        let seed = self.planner.chosen_seed();
        let choices = self
            .budget
            .with_half(|half| choice::found(&candidates, seed, half));
        // Where a choice has no plan, one that was made by trying plans may be better.
        let mut best = self.topped_up(whole, &candidates);
        let one_by_one = self
            .budget
            .with_half(|half| self.one_by_one(&candidates, half));
        best = self.better(best, one_by_one);
        for (number, choice) in choices.iter().enumerate() {
            let is_over = number > 0 && self.budget.is_over();
            if choice.traffic <= self.served(&best) || is_over {
                break;
            }
            let chosen = half(&candidates.rows_of(choice));
            best = self.better(best, self.topped_up(chosen, &candidates));
        }
        let (better, mut is_best) =
            exact::better(&candidates, self.served(&best), &self.budget, |rows| {
                self.plans(rows)
            });
        if let Some(rows) = better {
            best = self.better(best, self.packed(&rows, &self.budget));
            // The plan that was found at first is made again, with another budget: it may be none.
            is_best &= self.served(&best) >= self.traffic_of(&rows);
        }
        let (rows, offsets) = best.first();
        // The loads of a choice count tensors with windows as a whole.
        let is_best = is_best && !self.lifetimes.has_windows();
        (rows.to_vec(), offsets.to_vec(), is_best)
    }

    fn traffic_of(&self, rows: &[usize]) -> u64 {
        rows.iter().map(|&row| self.traffic[row]).sum()
    }

    /// The traffic of the tensors that a packing has in the pool.
    fn served(&self, packing: &Packing<'_>) -> u64 {
        self.traffic_of(packing.first().0)
    }

    /// The packing that serves more; the first one if both serve the same.
    fn better<'p>(&self, one: Packing<'p>, other: Packing<'p>) -> Packing<'p> {
        match self.served(&other) > self.served(&one) {
            true => other,
            false => one,
        }
    }

    /// The best plan of these rows, without those that end above the capacity.
    fn packed(&self, rows: &[usize], budget: &Budget) -> Packing<'_> {
        let mut packing = Packing::new(self.lifetimes, self.capacity);
        packing.plan_region(rows, self.planner, budget);
        packing
    }

    /// With others in the bytes that are free, those first that are worth most for a byte and step.
    fn topped_up<'p>(&self, mut packing: Packing<'p>, candidates: &Candidates) -> Packing<'p> {
        let mut is_in = vec![false; self.lifetimes.len()];
        packing.first().0.iter().for_each(|&row| is_in[row] = true);
        for &one in &choice::orders(candidates)[0] {
            let row = candidates.rows[one];
            if self.budget.is_over() {
                break;
            }
            if !is_in[row] {
                packing.insert_into_first(row);
            }
        }
        packing
    }

    /// Tensor by tensor, those with most traffic first: each that finds room around those before it
    /// or, as long as there is a budget for it, has a plan with them.
    fn one_by_one(&self, candidates: &Candidates, budget: &Budget) -> Packing<'_> {
        let mut packing = Packing::new(self.lifetimes, self.capacity);
        let mut choice = candidates.none();
        for &one in &choice::orders(candidates)[2] {
            if self.budget.is_over() {
                break;
            }
            let row = candidates.rows[one];
            let mut is_in = packing.insert_into_first(row);
            if !is_in && !budget.is_over() && candidates.has_room(&choice, one) {
                if let Some(again) = self.with_one_more(&packing, row, budget) {
                    packing = again;
                    is_in = true;
                }
            }
            if is_in {
                candidates.add(&mut choice, one);
            }
        }
        packing
    }

    /// A new plan of the rows of a packing and one more, if all of them have room in it.
    fn with_one_more(
        &self,
        packing: &Packing<'_>,
        row: usize,
        budget: &Budget,
    ) -> Option<Packing<'_>> {
        let mut rows = packing.first().0.to_vec();
        rows.push(row);
        let part = budget.up_to(NODES_OF_ONE);
        let again = self.packed(&rows, &part);
        budget.spend(part.spent());
        (again.first().0.len() == rows.len()).then_some(again)
    }

    /// Whether these rows have a plan within the capacity.
    fn plans(&self, rows: &[usize]) -> Feasible {
        let planner = self.planner.for_questions().capacity(self.capacity);
        let some = if self.lifetimes.steps_tell_conflicts() {
            self.lifetimes.subset(rows)
        } else {
            let mut is_in = vec![false; self.lifetimes.len()];
            rows.iter().for_each(|&row| is_in[row] = true);
            self.lifetimes.only(|row| is_in[row])
        };
        match planner.plan_within(&some, &self.budget, NODES) {
            Ok(_) => Feasible::Yes,
            Err(PlannerError::Capacity { best, .. }) if best.lower_bound() > self.capacity => {
                Feasible::No
            }
            Err(_) => Feasible::Unknown,
        }
    }
}
