//! The orders in which tensors are assigned to regions.
//!
//! Stands on live ranges and on random numbers. Invariant: every order has each row once.

use alloc::{vec, vec::Vec};
use core::cmp::Reverse;

use crate::lifetimes::{Lifetime, Lifetimes};
use crate::planner::Random;

/// What rows are sorted by, the largest first.
type Key = fn(&Lifetime) -> (u128, i64);

/// These rows in the orders in which an assignment begins: by size, by size times life, by life,
/// and by their first steps.
pub(super) fn orders(lifetimes: &Lifetimes, rows: &[usize]) -> [Vec<usize>; 4] {
    let keys: [Key; 4] = [
        |row| (u128::from(row.size), -row.lower.max(-i64::MAX)),
        |row| {
            (
                u128::from(row.size) * u128::from(row.lower.abs_diff(row.upper)),
                0,
            )
        },
        |row| (u128::from(row.lower.abs_diff(row.upper)), 0),
        |row| (0, -row.lower.max(-i64::MAX)),
    ];
    let order = |key: Key| {
        let mut order = rows.to_vec();
        order.sort_by_key(|&row| (Reverse(key(&lifetimes.rows()[row])), row));
        order
    };
    keys.map(order)
}

/// Moves rows ahead in an order by random distances: to half of their places on average.
pub(super) fn hurry(order: &mut [usize], late: &[usize], random: &mut Random) {
    let most = order.iter().copied().max().unwrap_or(0);
    let mut is_late = vec![false; most + 1];
    late.iter().for_each(|&row| is_late[row] = true);
    let keys = order.iter().enumerate();
    let mut keyed: Vec<(u64, usize)> = keys
        .map(|(place, &row)| {
            let place = 2 * place as u64;
            match is_late[row] {
                true => (random.below(place + 1), row),
                false => (place + random.below(2), row),
            }
        })
        .collect();
    keyed.sort_by_key(|(place, _)| *place);
    for (slot, (_, row)) in order.iter_mut().zip(keyed) {
        *slot = row;
    }
}
