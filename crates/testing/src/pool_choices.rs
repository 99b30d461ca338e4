//! What a choice of tensors for a pool is compared with: the rule "largest traffic first", and the
//! most that any choice may serve.
//!
//! The bound lets a pool hold parts of tensors, and looks at loads alone: a knapsack over time
//! whose items may be cut. Bytes are then a flow through the steps, from the first one to the last:
//! each either idles from a step to the next, or is in a tensor from its first step to its last,
//! which gains the traffic of that byte. The cheapest paths of such a flow are found one after the
//! other (Busacker and Gowen, 1960), with whole numbers that are rounded up. Shares no code with
//! the choice of the planner.

use std::collections::VecDeque;

use orionrt_plan::{Lifetimes, Planner, TensorId, lifetimes::Lifetime};

/// What gains are multiplied with before they are rounded up.
const UNIT: u128 = 1 << 20;

/// The traffic that the rule "largest traffic first" serves: a tensor is in the pool if a plan with
/// it is found beside those before it. Gaps and windows are not used.
pub fn largest_first(lifetimes: &Lifetimes, traffic: &[u64], capacity: u64) -> u64 {
    let rows = lifetimes.rows();
    let mut order: Vec<usize> = (0..rows.len()).filter(|&i| rows[i].occupies()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(traffic[i]), i));
    let planner = Planner::new().nodes(2000).capacity(capacity);
    let (mut chosen, mut served) = (Vec::<(String, Lifetime)>::new(), 0);
    for i in order {
        chosen.push((i.to_string(), rows[i]));
        let with_it = Lifetimes::from_named(chosen.iter().cloned()).expect("rows of lifetimes");
        if with_it.load() <= capacity && planner.plan(&with_it).is_ok() {
            served += traffic[i];
        } else {
            chosen.pop();
        }
    }
    served
}

/// Traffic that no choice of tensors exceeds whose load stays within the capacity. Of a tensor with
/// gaps, the longest time without one counts; with windows, this is no bound.
pub fn most_traffic(lifetimes: &Lifetimes, traffic: &[u64], capacity: u64) -> u64 {
    let longest = |i: usize| {
        let ranges = lifetimes.live_ranges(TensorId::new(i as u32));
        ranges.max_by_key(|range| range.end - range.start)
    };
    let rows = lifetimes.rows().iter().enumerate();
    let items = rows.filter(|(_, row)| row.occupies() && row.size <= capacity);
    let items = items.filter_map(|(i, row)| {
        let steps = longest(i)?;
        let gain = (u128::from(traffic[i]) * UNIT).div_ceil(u128::from(row.size));
        Some((steps.start, steps.end, row.size, gain as i128))
    });
    let items: Vec<(i64, i64, u64, i128)> = items.collect();
    let mut times: Vec<i64> = items.iter().flat_map(|item| [item.0, item.1]).collect();
    times.sort_unstable();
    times.dedup();
    let node = |time: i64| times.partition_point(|&other| other < time);
    let mut flow = Flow::new(times.len());
    for step in 1..times.len() {
        flow.add(step - 1, step, capacity, 0);
    }
    for (lower, upper, size, gain) in items {
        flow.add(node(lower), node(upper), size, gain);
    }
    let gained = flow.most_gain(capacity).max(0) as u128;
    u64::try_from(gained.div_ceil(UNIT)).unwrap_or(u64::MAX)
}

/// An arc, and how much it can still carry. Its opposite has the number that differs in the last
/// bit.
struct Arc {
    to: usize,
    room: u64,
    gain: i128,
}

/// A network whose flow goes from the first node to the last.
struct Flow {
    arcs: Vec<Arc>,
    of: Vec<Vec<usize>>,
}

impl Flow {
    fn new(nodes: usize) -> Self {
        Self {
            arcs: Vec::new(),
            of: vec![Vec::new(); nodes],
        }
    }

    fn add(&mut self, from: usize, to: usize, room: u64, gain: i128) {
        self.of[from].push(self.arcs.len());
        self.arcs.push(Arc { to, room, gain });
        self.of[to].push(self.arcs.len());
        let (to, room, gain) = (from, 0, -gain);
        self.arcs.push(Arc { to, room, gain });
    }

    /// The most that a flow of so many bytes gains.
    fn most_gain(&mut self, bytes: u64) -> i128 {
        let (mut left, mut gained) = (bytes, 0);
        while left > 0 {
            let Some((path, gain)) = self.best_path() else {
                break;
            };
            let room = path.iter().map(|&arc| self.arcs[arc].room).min();
            let moved = room.unwrap_or(0).min(left);
            for arc in path {
                self.arcs[arc].room -= moved;
                self.arcs[arc ^ 1].room += moved;
            }
            left -= moved;
            gained += gain * i128::from(moved);
        }
        gained
    }

    /// The path with most gain among those with room: its arcs, and its gain for each byte. `None`
    /// if there is no path, or none that gains anything.
    fn best_path(&self) -> Option<(Vec<usize>, i128)> {
        let last = self.of.len().checked_sub(1)?;
        let mut gains: Vec<Option<i128>> = vec![None; self.of.len()];
        let mut by = vec![usize::MAX; self.of.len()];
        let mut is_queued = vec![false; self.of.len()];
        let mut queue = VecDeque::from([0]);
        gains[0] = Some(0);
        while let Some(from) = queue.pop_front() {
            is_queued[from] = false;
            for &number in &self.of[from] {
                let arc = &self.arcs[number];
                let gain = gains[from].map(|gain| gain + arc.gain);
                if arc.room > 0 && gain > gains[arc.to] {
                    (gains[arc.to], by[arc.to]) = (gain, number);
                    if !is_queued[arc.to] {
                        is_queued[arc.to] = true;
                        queue.push_back(arc.to);
                    }
                }
            }
        }
        let gain = gains[last].filter(|&gain| gain > 0)?;
        let (mut path, mut at) = (Vec::new(), last);
        while at != 0 {
            path.push(by[at]);
            at = self.arcs[by[at] ^ 1].to;
        }
        Some((path, gain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_cuts_a_tensor_where_a_choice_cannot() {
        // Of 10 bytes, `b` takes 6; then 4 of the 8 bytes of `a` have room.
        let rows = [("a", 0, 2, 8, 1), ("b", 1, 3, 6, 1), ("c", 3, 4, 10, 1)];
        let lifetimes = Lifetimes::from_rows(rows).unwrap();
        let traffic = [8, 12, 5];
        assert_eq!(largest_first(&lifetimes, &traffic, 10), 17);
        assert_eq!(most_traffic(&lifetimes, &traffic, 10), 12 + 4 + 5);
        assert_eq!(most_traffic(&lifetimes, &traffic, 14), 25);
        assert_eq!(most_traffic(&lifetimes, &traffic, 7), 12);
    }
}
