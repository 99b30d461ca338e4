//! The complete search alone, against trying all offsets.

use alloc::{format, vec::Vec};

use proptest::prelude::*;

use super::{disjunctions, distances::Distances};
use crate::ids::TensorId;
use crate::lifetimes::{Lifetime, Lifetimes, Piece};
use crate::plan::Plan;
use crate::planner::budget::Budget;
use crate::planner::conflict::Interference;
use crate::planner::incumbent::Incumbent;
use crate::planner::strategy::Task;

const STEPS: usize = 3;

/// Tensors of up to six bytes that are all alive in three steps, with up to three windows each.
fn lifetimes() -> impl Strategy<Value = Lifetimes> {
    let window = (0..STEPS as i64, 0..6u64, 1..5u64);
    let tensor = (1..7u64, 0..2u32, prop::collection::vec(window, 0..4));
    prop::collection::vec(tensor, 1..7).prop_map(|tensors| {
        let rows = tensors.iter().enumerate().map(|(i, (size, order, _))| {
            (
                format!("{i}"),
                Lifetime::new(0, STEPS as i64, *size).with_alignment(1 << order),
            )
        });
        let windows = tensors.iter().enumerate().map(|(i, (size, _, windows))| {
            let each = windows.iter().filter(|(_, low, _)| low < size);
            let each = each.map(|&(step, low, length)| {
                Piece::new(step..step + 1, low..(low + length).min(*size))
            });
            (TensorId::from_index(i), each.collect())
        });
        let lifetimes = Lifetimes::from_named(rows).unwrap();
        lifetimes.with_all_windows(windows).unwrap()
    })
}

/// The bytes of a tensor that are needed at each step, a bit for each.
type Needed = [u64; STEPS];

fn needed(lifetimes: &Lifetimes, tensor: usize) -> Needed {
    core::array::from_fn(|step| {
        let pieces = lifetimes.pieces(TensorId::from_index(tensor));
        let here = pieces.filter(|piece| piece.steps.contains(&(step as i64)));
        here.flat_map(|piece| piece.bytes)
            .fold(0, |bits, byte| bits | 1 << byte)
    })
}

/// Whether tensors fit below a peak beside what is taken, by trying all offsets.
fn fit(rows: &[Lifetime], needed: &[Needed], peak: u64, taken: Needed) -> bool {
    let (Some((row, rows)), Some((own, needed))) = (rows.split_first(), needed.split_first())
    else {
        return true;
    };
    let highest = peak.checked_sub(row.size);
    let offsets = highest.into_iter().flat_map(|highest| 0..=highest);
    offsets.step_by(row.alignment as usize).any(|offset| {
        let own = own.map(|bits| bits << offset);
        let is_free = own.iter().zip(taken).all(|(own, taken)| own & taken == 0);
        is_free
            && fit(
                rows,
                needed,
                peak,
                core::array::from_fn(|i| taken[i] | own[i]),
            )
    })
}

proptest! {
    #[test]
    fn the_search_proves_the_lowest_peak_from_whatever_it_begins_with(lifetimes in lifetimes()) {
        let tensors: Vec<usize> = (0..lifetimes.len()).collect();
        let interference = Interference { lifetimes: &lifetimes, tensors: &tensors };
        let task = Task {
            buffers: lifetimes.rows(),
            goal: 0,
            capacity: None,
            start: None,
            budget: Budget::unlimited(),
            seed: 0,
            interference: None,
            proven: core::cell::Cell::default(),
            #[cfg(feature = "std")]
            progress: None,
        };
        let distances = Distances::new(task.buffers, &interference, &task.budget).unwrap();
        let stacked = task.buffers.iter().scan(0u64, |end, buffer| {
            let offset = end.next_multiple_of(buffer.alignment);
            *end = offset + buffer.size;
            Some(offset)
        });
        let stacked: Vec<u64> = stacked.collect();
        let mut incumbent = Incumbent::new(&task);
        incumbent.offer(&task, task.peak(&stacked), &stacked);
        prop_assert!(disjunctions::improve(&task, &distances, &mut incumbent));
        prop_assert!(Plan::check(&lifetimes, &incumbent.offsets).is_ok());
        let needed: Vec<Needed> = tensors.iter().map(|&i| needed(&lifetimes, i)).collect();
        let lowest = (0..).find(|&peak| fit(lifetimes.rows(), &needed, peak, [0; STEPS]));
        prop_assert_eq!(Some(incumbent.peak), lowest);
        prop_assert_eq!(task.proven.get(), incumbent.peak);
    }
}
