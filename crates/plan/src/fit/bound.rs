//! A lower bound on the added cost of every schedule, and a proof that there is none.
//!
//! Stands on [`Model`]. At the moment of an operator its own roots are there, and of those that are
//! idle then, some must be elsewhere so that the load is within the capacity. Each that is
//! elsewhere has to come back: it is fetched and was written before, unless it is stored, or its
//! writer is rerun. An operator that is rerun brings back at most its own results, so each of them
//! is charged its part of the cost. Which roots cost least together is a knapsack; with parts of
//! roots allowed, the cheapest bytes first are the answer, and a lower bound. That of the whole
//! schedule is the largest of a moment.
//!
//! Invariant: no schedule that has the operators in the model's order, and the model's alias sets,
//! costs less. Another order or other alias sets may cost less.

use alloc::vec::Vec;

use super::model::{Idle, Model, Operand, Writes, moment_before, op_moment};

/// The most moments that are looked at: those with the most bytes above the capacity.
const MOST_MOMENTS: usize = 256;

/// A moment at which no choices bring the load down to the capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Impossible {
    pub(super) moment: u32,
    /// The least bytes that are there.
    pub(super) needed: u64,
}

/// A lower bound on the added seconds within a capacity.
pub(super) fn lower_bound(model: &Model, capacity: u64) -> Result<f64, Impossible> {
    let mut seconds: f64 = 0.0;
    let mut by_cost: Vec<(f64, &Idle)> = model
        .idles
        .iter()
        .map(|i| (per_byte(model, i), i))
        .collect();
    by_cost.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (moment, own, all) in fullest_moments(model, capacity) {
        let mut excess = all.saturating_sub(capacity);
        let mut cost = 0.0;
        let idle_now = by_cost.iter().filter(|(_, idle)| is_idle_at(idle, moment));
        for &(per_byte, idle) in idle_now.take_while(|(per_byte, _)| per_byte.is_finite()) {
            let bytes = excess.min(model.size(idle.root));
            cost += bytes as f64 * per_byte;
            excess -= bytes;
        }
        if excess > 0 {
            let needed = own.max(capacity.saturating_add(excess));
            return Err(Impossible { moment, needed });
        }
        seconds = seconds.max(cost);
    }
    Ok(seconds)
}

/// Whether a root could be elsewhere in a moment.
fn is_idle_at(idle: &Idle, moment: u32) -> bool {
    idle.absence(idle.until).contains(&moment)
}

/// The seconds for each byte of a root that is elsewhere in an idle interval, at least.
fn per_byte(model: &Model, idle: &Idle) -> f64 {
    let root = idle.root;
    let write = match model.is_stored(idle.operand()) {
        true => 0.0,
        false => model.write_cost(root),
    };
    let spilled = match model.can_spill {
        true => write + model.read_cost(root),
        false => f64::INFINITY,
    };
    let operand = Operand {
        root,
        version: idle.version,
    };
    let writer = model.writer(operand).filter(|_| model.can_recompute);
    let made = writer.map_or(f64::INFINITY, |op| {
        let what = &model.ops[op as usize];
        let products = what.products.iter();
        let written = products.filter(|product| product.writes != Writes::Nothing);
        what.cost / written.count().max(1) as f64
    });
    spilled.min(made) / model.size(root) as f64
}

/// The moments with most bytes above the capacity if nothing is elsewhere: each with the bytes of
/// its own roots, and with all bytes.
fn fullest_moments(model: &Model, capacity: u64) -> Vec<(u32, u64, u64)> {
    let mut changes: Vec<i64> = alloc::vec![0; model.moments() + 1];
    for idle in &model.idles {
        let (absence, size) = (idle.absence(idle.until), model.size(idle.root) as i64);
        changes[absence.start as usize] += size;
        changes[absence.end as usize] -= size;
    }
    let mut idle_bytes = 0;
    let mut moments: Vec<(u32, u64, u64)> = Vec::new();
    for (moment, change) in (0u32..).zip(&changes[..model.moments()]) {
        idle_bytes += change;
        if let Some(own) = own_bytes(model, moment) {
            moments.push((moment, own, own + idle_bytes as u64));
        }
    }
    moments.retain(|&(_, _, all)| all > capacity);
    moments.sort_unstable_by_key(|&(moment, own, all)| (u64::MAX - own.max(all), moment));
    // Where the roots of one operator are too large, nothing helps: such moments come first.
    moments.sort_by_key(|&(_, own, _)| own <= capacity);
    moments.truncate(MOST_MOMENTS);
    moments
}

/// The bytes of the roots that must be there in a moment; `None` for a moment before an operator,
/// in which a root may be there or not.
fn own_bytes(model: &Model, moment: u32) -> Option<u64> {
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
            Some(total(&model.ops[(moment / 2) as usize].roots))
        }
        _ => None,
    }
}
