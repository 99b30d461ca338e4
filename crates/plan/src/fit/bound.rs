//! A lower bound on the added cost of every schedule, and a proof that there is none.
//!
//! Stands on [`Prices`]. At the moment of an operator its own roots are there, and of those that
//! are idle then, some must be elsewhere so that the load is within the capacity. Where more bytes
//! are missing than all of them can free, nothing fits. Otherwise bytes get prices in the moments
//! that are too full: first in the one that alone proves most, then in the others.
//!
//! Invariant: no schedule that has the operators in the model's order, and the model's alias sets,
//! costs less. Another order or other alias sets may cost less.

use alloc::{vec, vec::Vec};

use super::{
    model::{Idle, Model, moment_before, op_moment},
    prices::{Offer, Prices},
};

/// The most moments that are looked at by themselves: those with the most bytes above the capacity.
const MOST_MOMENTS: usize = 256;

/// The most idle intervals that are visited for moments by themselves, and again for prices.
const MOST_VISITS: usize = 2_000_000;

/// How often each moment gets a price.
const ROUNDS: usize = 4;

/// A moment at which no choices bring the load down to the capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Impossible {
    pub(super) moment: u32,
    /// The least bytes that are there.
    pub(super) needed: u64,
}

/// A moment that is too full if nothing is elsewhere: with the bytes of its own roots, and with all
/// bytes.
#[derive(Clone, Copy)]
struct Full {
    moment: u32,
    own: u64,
    all: u64,
}

/// A lower bound on the added seconds within a capacity.
pub(super) fn lower_bound(model: &Model, capacity: u64) -> Result<f64, Impossible> {
    let full = fullest_moments(model, capacity);
    let mut prices = Prices::new(model);
    let mut by_itself: Vec<(f64, Full)> = Vec::new();
    let mut looked_at = 0;
    for (at, &full) in full.iter().enumerate() {
        let mut seconds = 0.0;
        if at < MOST_MOMENTS && looked_at <= MOST_VISITS {
            let offers = prices.offers(full.moment);
            looked_at += offers.len();
            (_, seconds) = cover(&offers, full, capacity)?;
        }
        by_itself.push((seconds, full));
    }
    by_itself.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut visits = 0;
    for _ in 0..ROUNDS {
        for &(_, full) in &by_itself {
            if visits > MOST_VISITS {
                break;
            }
            let offers = prices.offers(full.moment);
            let (price, _) = cover(&offers, full, capacity)?;
            visits += 1 + offers.len() + prices.set(full.moment, price);
        }
    }
    let missing = full.iter().map(|full| (full.moment, full.all - capacity));
    let missing: Vec<(u32, u64)> = missing.collect();
    Ok(prices.proven(&missing))
}

/// The lowest price at which offers cover the bytes that are missing in a moment, and the seconds
/// for it.
fn cover(offers: &[Offer], full: Full, capacity: u64) -> Result<(f64, f64), Impossible> {
    let mut missing = full.all.saturating_sub(capacity) as f64;
    let (mut price, mut seconds) = (0.0, 0.0);
    for offer in offers {
        if missing <= 0.0 {
            break;
        }
        let bytes = missing.min(offer.bytes);
        price = offer.price;
        seconds += bytes * price;
        missing -= bytes;
    }
    match missing > 0.0 {
        false => Ok((price, seconds)),
        true => Err(Impossible {
            moment: full.moment,
            needed: full.own.max(capacity.saturating_add(missing as u64)),
        }),
    }
}

/// The moments that are too full if nothing is elsewhere, those with most bytes first.
fn fullest_moments(model: &Model, capacity: u64) -> Vec<Full> {
    let mut changes: Vec<i64> = vec![0; model.moments() + 1];
    let joined = first_joins(model);
    let is_needed = |idle: &&Idle| idle.from < op_moment(joined[idle.root as usize]);
    for idle in model.idles.iter().filter(is_needed) {
        let (absence, size) = (idle.absence(idle.until), model.size(idle.root) as i64);
        changes[absence.start as usize] += size;
        changes[absence.end as usize] -= size;
    }
    let mut idle_bytes = 0;
    let mut moments: Vec<Full> = Vec::new();
    for (moment, change) in (0u32..).zip(&changes[..model.moments()]) {
        idle_bytes += change;
        if let Some(own) = own_bytes(model, &joined, moment) {
            let all = own + idle_bytes as u64;
            moments.push(Full { moment, own, all });
        }
    }
    moments.retain(|full| full.all > capacity);
    moments.sort_unstable_by_key(|full| (u64::MAX - full.own.max(full.all), full.moment));
    // Where the roots of one operator are too large, nothing helps: such moments come first.
    moments.sort_by_key(|full| full.own <= capacity);
    moments
}

/// For each root, the first operator within whose results it may lie, as a part of a concatenation:
/// after that, it may have no bytes beside those of the result. A number above those of all
/// operators if there is none.
fn first_joins(model: &Model) -> Vec<u32> {
    let mut first = vec![model.ops.len() as u32; model.roots.len()];
    for (op, what) in (0..).zip(&model.ops) {
        for &(read, _) in what.joins.iter().flat_map(|join| &join.parts) {
            let first = &mut first[what.operands[read].root as usize];
            *first = op.min(*first);
        }
    }
    first
}

/// The bytes of the roots that must be there in a moment. A root counts only before its first join:
/// from then on, its bytes may be those of a result, which may be kept for it. `None` for a moment
/// before an operator, in which a root may be there or not.
fn own_bytes(model: &Model, joined: &[u32], moment: u32) -> Option<u64> {
    let total = |roots: &[u32]| roots.iter().map(|&root| model.size(root)).sum::<u64>();
    let end = moment_before(model.ops.len() as u32);
    let external = |roots: &[u32]| {
        let mut roots = roots.to_vec();
        roots.retain(|&root| moment == end || !model.root(root).is_stored);
        roots.sort_unstable();
        roots.dedup();
        total(&roots)
    };
    match moment {
        0 if end == 0 => Some(external(&model.inputs).max(external(&model.outputs))),
        0 => Some(external(&model.inputs)),
        moment if moment == end => Some(external(&model.outputs)),
        moment if moment % 2 == 1 => {
            debug_assert_eq!(moment, op_moment(moment / 2));
            let op = &model.ops[(moment / 2) as usize];
            // The bytes of an operand that is joined are those of the result.
            let mut apart = op.roots.clone();
            apart.retain(|&root| moment < op_moment(joined[root as usize]));
            Some(total(&apart))
        }
        _ => None,
    }
}
