//! The choice of tensors for a pool, by their loads: greedy orders, then local search.
//!
//! Stands on candidates. The problem is a knapsack over time, known as unsplittable flow on a path:
//! tensors are intervals with a size and a value, and the load may nowhere be above the capacity.
//! The search forces a tensor in, takes out what is worth least where the load is then too high,
//! and fills what has become free (*ruin and recreate*, Schrimpf and others, 2000).
//!
//! ```text
//! load │ capacity ─────────────────
//!      │   ┌──┐ ┌ c ┐                 d is forced in: b, worth less than a, goes, and whatever
//!      │ ┌─┘  └─┘   └── a, b          fits beside a, c and d comes in
//!      └──────────────────── step
//! ```

use alloc::{collections::VecDeque, vec, vec::Vec};
use core::cmp::Reverse;

use super::candidates::{Candidates, Choice};
use crate::planner::{Budget, Random};

/// Rounds of the local search for each candidate, and at most.
const ROUNDS: usize = 24;
const MOST_ROUNDS: usize = 4000;
/// Improved choices that are kept in case that better ones have no plan.
const KEPT: usize = 4;

/// Choices that were found, those with most traffic first. There is at least one, and more in case
/// that it has no plan: what the search improved last, and the greedy ones.
pub(super) fn found(candidates: &Candidates, seed: u64, budget: &Budget) -> Vec<Choice> {
    let orders = orders(candidates);
    let greedy = orders.iter().map(|order| {
        let mut choice = candidates.none();
        fill(candidates, &mut choice, order);
        choice
    });
    let mut choices: Vec<Choice> = greedy.collect();
    choices.sort_by_key(|choice| Reverse(choice.traffic));
    let mut random = Random::new(seed);
    let first = choices[0].clone();
    let improved = improve(candidates, first, &orders[..2], &mut random, budget);
    choices.extend(improved);
    choices.sort_by_key(|choice| Reverse(choice.traffic));
    choices.dedup_by(|a, b| a.is_in == b.is_in);
    choices
}

/// The candidates, those first that are worth most: for each byte and step, for each byte, and as a
/// whole.
pub(super) fn orders(candidates: &Candidates) -> [Vec<usize>; 3] {
    let traffic = |one: usize| candidates.traffic[one] as f64;
    let by = |value: &dyn Fn(usize) -> f64| {
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        order.sort_by(|&a, &b| value(b).total_cmp(&value(a)).then(a.cmp(&b)));
        order
    };
    [
        by(&|one| candidates.density(one)),
        by(&|one| traffic(one) / candidates.sizes[one] as f64),
        by(&traffic),
    ]
}

/// Adds candidates in this order where the load allows it.
fn fill(candidates: &Candidates, choice: &mut Choice, order: &[usize]) {
    for &one in order {
        if !choice.is_in[one] && candidates.has_room(choice, one) {
            candidates.add(choice, one);
        }
    }
}

/// The last choices that were better than all before them.
fn improve(
    candidates: &Candidates,
    first: Choice,
    orders: &[Vec<usize>],
    random: &mut Random,
    budget: &Budget,
) -> VecDeque<Choice> {
    let rounds = (ROUNDS * candidates.len()).min(MOST_ROUNDS);
    let mut tabu = vec![0usize; candidates.len()];
    let (mut choice, mut best) = (first.clone(), first);
    let mut improved = VecDeque::new();
    for round in 1..=rounds {
        let outside = (0..candidates.len()).filter(|&one| !choice.is_in[one]);
        let outside: Vec<usize> = outside.collect();
        if outside.is_empty() || budget.is_over() {
            break;
        }
        budget.spend(candidates.len() as u64);
        let forced = outside[random.below(outside.len() as u64) as usize];
        if !force(candidates, &mut choice, forced, &mut tabu, round, budget) {
            break;
        }
        let order = &orders[random.below(orders.len() as u64) as usize];
        let allowed = order.iter().copied().filter(|&one| tabu[one] != round);
        let allowed: Vec<usize> = allowed.collect();
        fill(candidates, &mut choice, &allowed);
        // What went out comes back where nothing better has taken its place.
        fill(candidates, &mut choice, order);
        if choice.traffic > best.traffic {
            best.clone_from(&choice);
            if improved.len() == KEPT {
                improved.pop_front();
            }
            improved.push_back(choice.clone());
        } else if choice.traffic < best.traffic - best.traffic / 16 {
            choice.clone_from(&best);
        }
    }
    improved
}

/// Adds a candidate, and takes out others where the load is then above the capacity: those that are
/// worth least for a byte and step. Returns `false` if the budget is over before that is done.
fn force(
    candidates: &Candidates,
    choice: &mut Choice,
    forced: usize,
    tabu: &mut [usize],
    round: usize,
    budget: &Budget,
) -> bool {
    candidates.add(choice, forced);
    while let Some(section) = candidates.overfull(choice, forced) {
        if budget.is_over() {
            return false;
        }
        let mut chosen = (0..candidates.len())
            .filter(|&one| choice.is_in[one] && one != forced && candidates.is_alive(one, section));
        let first = chosen.next();
        let worst = chosen.fold(first, |worst, one| match worst {
            Some(worst) if candidates.density(worst) <= candidates.density(one) => Some(worst),
            _ => Some(one),
        });
        let Some(worst) = worst else {
            // No candidate alone is above the capacity.
            return true;
        };
        candidates.remove(choice, worst);
        tabu[worst] = round;
    }
    true
}
