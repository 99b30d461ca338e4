//! The search for few regions.
//!
//! Stands on the bound, on orders, on loads and on packings. The first packing cuts a plan of one
//! region at multiples of the limit; what a cut goes through is put elsewhere. Then tensors are
//! assigned to regions by their loads, first fit in several orders, and each region is planned:
//! tensors that end beyond the fewest regions possible come earlier in the next order, as in
//! squeaky wheel optimization. First fit fills regions to the limit, where their plans seldom
//! succeed: if two regions more than the bound remain, tensors are spread evenly over one region
//! less. Loads leave alignments out, so few tensors are grouped in every way at last. Invariant:
//! half of the budget is left to make the regions of the packing small; when all of it is spent,
//! tensors without a region are stacked in new ones.
//!
//! ```text
//! offset │        ┌ b ┐            cut at 1 × and 2 × limit: b is in the way of the first cut; at
//!   limit├────────│───│──────      most one tensor is there at each step, so that all of a cut
//!        │┌──a──┐ └───┘            share one region: less than twice as many regions as the peak
//!                                  of this plan has multiples of the limit
//! ```

use alloc::{vec, vec::Vec};

use super::{
    bound::fewest,
    loads::Loads,
    orders::{hurry, orders},
    packing::Packing,
};
use crate::lifetimes::{Lifetime, Lifetimes};
use crate::plan::{Plan, RegionError, RegionPlan, check_limits};
use crate::planner::{Budget, Planner, PlannerError, Random};

/// How many rows are assigned between two checks of the budget.
const CHECKED_EACH: usize = 16;
/// Orders that are tried at most.
const MOST_ORDERS: usize = 400;
/// The most tensors that are grouped in every way: seven have 877 groupings.
const MOST_GROUPED: usize = 7;

impl Planner {
    /// Plans tensors in as few regions as possible, none of which has more than `limit` bytes, so
    /// that no tensor lies in two of them. Tensors that lie within others are where those are.
    ///
    /// The limits of time and nodes and the seed of this planner hold for all of this together;
    /// each region is planned with the default strategy, and capacity and previous plans do not
    /// matter.
    ///
    /// ```
    /// use orionrt_plan::{Lifetimes, Planner};
    ///
    /// let rows = [("a", 0, 3, 600, 1), ("b", 0, 3, 600, 1), ("c", 0, 2, 400, 1)];
    /// let plan = Planner::new().plan_regions(&Lifetimes::from_rows(rows)?, 1000)?;
    /// assert_eq!((plan.sizes().len(), plan.is_optimal()), (2, true)); // a and b need one each
    ///
    /// let refused = Planner::new().plan_regions(&Lifetimes::from_rows(rows)?, 500).unwrap_err();
    /// assert!(refused.to_string().contains("'a' has 600 bytes"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If a tensor is larger than the limit or has a fixed offset, or if the alignment asked for is
    /// impossible; see [`RegionError`].
    pub fn plan_regions(
        &self,
        lifetimes: &Lifetimes,
        limit: u64,
    ) -> Result<RegionPlan, RegionError> {
        let mut each = lifetimes.iter();
        each.try_for_each(|(id, name, row)| check_limits(id, name, row, limit))?;
        let lifetimes = self.prepared(lifetimes).map_err(|error| match error {
            PlannerError::Lifetimes(error) => RegionError::Lifetimes(error),
            PlannerError::Fixed(error) | PlannerError::Strategy { error, .. } => {
                RegionError::Plan(error)
            }
            PlannerError::Capacity { .. } => RegionError::OutOfRange,
        })?;
        let least = fewest(&lifetimes, limit);
        let (regions, offsets) = Search::new(self, &lifetimes, limit, least).best().places();
        let plan = RegionPlan::new(lifetimes, limit, regions, offsets)?;
        Ok(plan.with_proven_bound(least))
    }
}

struct Search<'a> {
    planner: &'a Planner,
    lifetimes: &'a Lifetimes,
    limit: u64,
    /// No plan has fewer regions.
    least: usize,
    /// The rows that have bytes of their own.
    rows: Vec<usize>,
}

impl<'a> Search<'a> {
    fn new(planner: &'a Planner, lifetimes: &'a Lifetimes, limit: u64, least: usize) -> Self {
        let rows = lifetimes.rows();
        Self {
            planner,
            lifetimes,
            limit,
            least,
            rows: (0..rows.len())
                .filter(|&row| rows[row].occupies())
                .collect(),
        }
    }

    fn row(&self, row: usize) -> &Lifetime {
        &self.lifetimes.rows()[row]
    }

    /// The best packing found, with small regions.
    fn best(&self) -> Packing<'a> {
        let budget = self.planner.budget();
        let mut best = budget.with_half(|half| self.fewest(half));
        if best.count() > self.least + 1 {
            best = budget.with_half(|half| self.spread(best, half));
        }
        if self.rows.len() <= MOST_GROUPED {
            best = budget.with_half(|half| self.group_all(best, half));
        }
        best.tighten(self.planner, &budget);
        best
    }

    /// The packing with the fewest regions that was found.
    fn fewest(&self, budget: &Budget) -> Packing<'a> {
        let mut best = self.cut(budget);
        let mut loads = Loads::new(self.lifetimes, &self.rows, self.limit);
        let mut random = Random::new(self.planner.chosen_seed());
        let orders = orders(self.lifetimes, &self.rows);
        let count = self.rows.len() as u64;
        for number in 0..orders.len() {
            let mut order = orders[number].clone();
            for _ in 0..MOST_ORDERS / orders.len() {
                if best.count() <= self.least || budget.is_over() {
                    return best;
                }
                budget.spend(count);
                let Some(groups) = self.grouped(&order, &mut loads, budget) else {
                    break;
                };
                let late: Vec<usize> = groups.iter().skip(self.least).flatten().copied().collect();
                let late = if groups.len() < best.count() {
                    let Some(found) = self.packed(&groups, Vec::new(), budget) else {
                        return best;
                    };
                    let beyond = found.beyond(self.least);
                    if found.count() < best.count() {
                        best = found;
                    }
                    beyond
                } else {
                    late
                };
                hurry(&mut order, &late, &mut random);
            }
        }
        best
    }

    /// This packing, or one with the fewest regions that any grouping has.
    fn group_all(&self, mut best: Packing<'a>, budget: &Budget) -> Packing<'a> {
        while best.count() > self.least {
            let Some(found) = self.group_from(0, &mut Vec::new(), best.count() - 1, budget) else {
                break;
            };
            best = found;
        }
        best
    }

    /// The first packing with at most `most` regions in which the rows before `number` are grouped
    /// like this, and the others in any way.
    fn group_from(
        &self,
        number: usize,
        groups: &mut Vec<Vec<usize>>,
        most: usize,
        budget: &Budget,
    ) -> Option<Packing<'a>> {
        let Some(&row) = self.rows.get(number) else {
            budget.spend(number as u64);
            let found = self.packed(groups, Vec::new(), budget)?;
            return (found.count() <= most).then_some(found);
        };
        for group in 0..most.min(groups.len() + 1) {
            if group == groups.len() {
                groups.push(Vec::new());
            }
            groups[group].push(row);
            let found = self.group_from(number + 1, groups, most, budget);
            if found.is_some() {
                return found;
            }
            groups[group].pop();
            if groups[group].is_empty() {
                groups.pop();
            }
        }
        None
    }

    /// This packing, or one with balanced loads in fewer regions, down to one above the bound.
    fn spread(&self, mut best: Packing<'a>, budget: &Budget) -> Packing<'a> {
        let mut loads = Loads::new(self.lifetimes, &self.rows, self.limit);
        for order in orders(self.lifetimes, &self.rows) {
            while best.count() > self.least + 1 {
                budget.spend(order.len() as u64);
                let fewer = best.count() - 1;
                let Some(found) = self.balanced(&order, fewer, &mut loads, budget) else {
                    break;
                };
                if found.count() > fewer {
                    break;
                }
                best = found;
            }
        }
        best
    }

    /// A packing of so many regions with balanced loads, and of more for rows that find no room in
    /// those. `None` if there are too many regions, or if the budget is over before all of them are
    /// planned.
    fn balanced(
        &self,
        order: &[usize],
        regions: usize,
        loads: &mut Loads,
        budget: &Budget,
    ) -> Option<Packing<'a>> {
        loads.reset(regions)?;
        let (mut groups, mut left) = (vec![Vec::new(); regions], Vec::new());
        for (number, &row) in order.iter().enumerate() {
            if number % CHECKED_EACH == 0 && budget.is_over() {
                return None;
            }
            match loads.add_least_loaded(row) {
                Some(region) => groups[region].push(row),
                None => left.push(row),
            }
        }
        self.packed(&groups, left, budget)
    }

    /// A packing from the plan of one region.
    fn cut(&self, budget: &Budget) -> Packing<'a> {
        let mut packing = Packing::new(self.lifetimes, self.limit);
        let Some(plan) = budget.with_half(|half| self.whole(half)) else {
            packing.insert(self.rows.clone(), budget);
            return packing;
        };
        let limit = self.limit.max(1);
        let alignment = plan.alignment();
        // Multiples of the limit that every offset in a region can be counted from.
        let pitch = limit - limit % alignment;
        if pitch == 0 {
            packing.insert(self.rows.clone(), budget);
            return packing;
        }
        let offset = |row: usize| plan.offsets()[row];
        let last = |row: usize| (offset(row) + self.row(row).size - 1) / pitch;
        let is_cut = |row: &usize| offset(*row) / pitch != last(*row);
        let (mut cut, mut whole): (Vec<usize>, Vec<usize>) =
            self.rows.iter().copied().partition(is_cut);
        whole.sort_by_key(|&row| (offset(row) / pitch, row));
        for rows in whole.chunk_by(|&a, &b| offset(a) / pitch == offset(b) / pitch) {
            let offsets: Vec<u64> = rows.iter().map(|&row| offset(row) % pitch).collect();
            packing.add_region(rows, &offsets);
        }
        // What the first cut goes through comes first, and so has a region together.
        cut.sort_by_key(|&row| (offset(row) / pitch, row));
        packing.insert(cut, budget);
        packing
    }

    /// The best plan in one region.
    fn whole(&self, budget: &Budget) -> Option<Plan> {
        let planner = self.planner.for_questions();
        let plan = planner.plan_within(self.lifetimes, budget, WHOLE_NODES);
        plan.ok()
    }

    /// The rows in groups whose loads are within the limit, by first fit.
    fn grouped(
        &self,
        order: &[usize],
        loads: &mut Loads,
        budget: &Budget,
    ) -> Option<Vec<Vec<usize>>> {
        loads.clear();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (number, &row) in order.iter().enumerate() {
            if number % CHECKED_EACH == 0 && budget.is_over() {
                return None;
            }
            let region = loads.add_first(row)?;
            if groups.len() <= region {
                groups.push(Vec::new());
            }
            groups[region].push(row);
        }
        Some(groups)
    }

    /// A packing with a region for each group; rows that are left, and what finds no room in its
    /// region, go elsewhere. `None` if the budget is over before all regions are planned.
    fn packed(
        &self,
        groups: &[Vec<usize>],
        mut left: Vec<usize>,
        budget: &Budget,
    ) -> Option<Packing<'a>> {
        let mut packing = Packing::new(self.lifetimes, self.limit);
        for group in groups {
            if budget.is_over() {
                return None;
            }
            left.extend(packing.plan_region(group, self.planner, budget));
        }
        packing.insert(left, budget);
        Some(packing)
    }
}

/// Nodes of the search for a plan of one region.
const WHOLE_NODES: u64 = 100_000;
