//! The search against trying everything, on instances small enough for that.

use alloc::vec::Vec;

use super::{SearchOutcome, SkylineSolver};
use crate::lifetimes::Lifetime;
use crate::planner::Budget;

fn lifetime(lower: i64, upper: i64, size: u64, alignment: u64) -> Lifetime {
    Lifetime {
        lower,
        upper,
        size,
        alignment,
        fixed_offset: None,
        within: None,
    }
}

fn generator(mut state: u64) -> impl FnMut(u64) -> u64 {
    move |below| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) % below
    }
}

/// Whether there are offsets below `capacity` at all: tries every buffer in turn at every offset.
fn fits(buffers: &[Lifetime], capacity: u64) -> bool {
    fn put(buffers: &[Lifetime], placed: &mut Vec<u64>, capacity: u64) -> bool {
        let Some(buffer) = buffers.get(placed.len()) else {
            return true;
        };
        let free = |offset: u64, placed: &[u64]| {
            let mut others = buffers.iter().zip(placed);
            others.all(|(other, &at)| {
                !other.conflicts(buffer) || offset + buffer.size <= at || at + other.size <= offset
            })
        };
        let all = 0..=capacity.saturating_sub(buffer.size);
        let offsets = match buffer.fixed_offset {
            Some(offset) => offset..=offset,
            None => all,
        };
        for offset in offsets.step_by(1) {
            if offset % buffer.alignment == 0
                && offset + buffer.size <= capacity
                && free(offset, placed)
            {
                placed.push(offset);
                if put(buffers, placed, capacity) {
                    return true;
                }
                placed.pop();
            }
        }
        false
    }
    put(buffers, &mut Vec::new(), capacity)
}

/// The search's answer; what it places is checked.
fn solves(buffers: &[Lifetime], capacity: u64, seed: u64) -> bool {
    let mut solver = SkylineSolver::new(buffers, seed);
    let outcome = solver.solve(capacity, u64::MAX, &Budget::unlimited());
    if outcome == SearchOutcome::Exhausted {
        return false;
    }
    let mut offsets: Vec<u64> = buffers
        .iter()
        .map(|b| b.fixed_offset.unwrap_or(0))
        .collect();
    for (position, offset) in solver.placed() {
        offsets[position] = offset;
    }
    for (i, a) in buffers.iter().enumerate() {
        assert!(offsets[i] % a.alignment == 0 && offsets[i] + a.size <= capacity);
        for (j, b) in buffers.iter().enumerate().take(i) {
            let apart = offsets[i] + a.size <= offsets[j] || offsets[j] + b.size <= offsets[i];
            assert!(!a.conflicts(b) || apart, "{a:?} {b:?} {offsets:?}");
        }
    }
    true
}

#[test]
fn a_search_finds_a_plan_exactly_if_there_is_one() {
    let mut random = generator(3);
    for case in 0..1000 {
        let buffers: Vec<Lifetime> = (0..1 + random(6))
            .map(|_| {
                let lower = random(6) as i64;
                let upper = lower + 1 + random(4) as i64;
                lifetime(lower, upper, 1 + random(5), 1 << random(1 + case % 3))
            })
            .collect();
        for capacity in 3..12 {
            let found = solves(&buffers, capacity, case);
            assert_eq!(found, fits(&buffers, capacity), "{capacity}: {buffers:?}");
        }
    }
}

#[test]
fn a_search_around_fixed_buffers_finds_a_plan_exactly_if_there_is_one() {
    let mut random = generator(5);
    for case in 0..1000 {
        let mut buffers: Vec<Lifetime> = (0..2 + random(5))
            .map(|_| {
                let lower = random(5) as i64;
                let upper = lower + 1 + random(4) as i64;
                lifetime(lower, upper, 1 + random(4), 1 << random(1 + case % 2))
            })
            .collect();
        let fixed = random(2) as usize + 1;
        for buffer in &mut buffers[..fixed] {
            buffer.fixed_offset = Some(random(7) / buffer.alignment * buffer.alignment);
        }
        let bytes = |b: &Lifetime| b.fixed_bytes().unwrap_or(0..0);
        let (a, b) = (&buffers[0], &buffers[1]);
        let (x, y) = (bytes(a), bytes(b));
        if a.conflicts(b) && x.start < y.end && y.start < x.end {
            continue;
        }
        for capacity in 4..12 {
            let found = solves(&buffers, capacity, case);
            assert_eq!(found, fits(&buffers, capacity), "{capacity}: {buffers:?}");
        }
    }
}
