//! Any lifetimes under every strategy, some of them fixed, with and without an earlier plan: the plan is valid by the definition, its
//! peak is never below the bound, what has not changed stays, and a start is never made worse.
#![no_main]

use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use orionrt::{
    Lifetimes, Plan, Planner, lifetimes::Lifetime, plan::PlanError, planner::PlannerError,
};

#[derive(Arbitrary, Debug)]
struct Buffer {
    lower: i16,
    length: u8,
    size: u32,
    alignment: u8,
    fixed: Option<u8>,
    /// In the next version.
    grows: bool,
    dies_later: bool,
}

#[derive(Arbitrary, Debug)]
struct Case {
    buffers: Vec<Buffer>,
    wide: bool,
    alignment: u8,
    nodes: u16,
    seed: u64,
}

impl Case {
    fn rows(&self) -> Vec<Lifetime> {
        // Two versions together stay below 2^63, so that what is kept always leaves room.
        let scale = if self.wide { 1 << 22 } else { 1 };
        let each = self.buffers.iter().take(60).map(|buffer| {
            let (lower, alignment) = (
                i64::from(buffer.lower) * scale,
                1 << (buffer.alignment % 13),
            );
            Lifetime {
                lower,
                upper: lower + i64::from(buffer.length),
                size: u64::from(buffer.size) * scale.unsigned_abs(),
                alignment,
                // A multiple of every alignment asked for.
                fixed_offset: buffer.fixed.map(|at| u64::from(at) * alignment.max(1 << 9)),
                within: None,
            }
        });
        each.collect()
    }
}

fn lifetimes(rows: &[Lifetime]) -> Option<Lifetimes> {
    let each = rows.iter().enumerate();
    Lifetimes::from_named(each.map(|(i, row)| (i.to_string(), *row))).ok()
}

/// The first two that share a byte at some step, of those that `looked_at` asks for.
fn overlap(
    rows: &[Lifetime],
    offsets: &[u64],
    looked_at: impl Fn(&Lifetime) -> bool,
) -> Option<(usize, usize)> {
    let occupies = |a: &Lifetime| a.lower < a.upper && a.size > 0 && looked_at(a);
    for (i, a) in rows.iter().enumerate().filter(|(_, a)| occupies(a)) {
        for (j, b) in rows[..i].iter().enumerate().filter(|(_, b)| occupies(b)) {
            let in_time = a.lower.max(b.lower) < a.upper.min(b.upper);
            let ends = (offsets[i] + a.size).min(offsets[j] + b.size);
            if in_time && offsets[i].max(offsets[j]) < ends {
                return Some((i, j));
            }
        }
    }
    None
}

/// Panics unless it is one.
fn check(plan: &Plan, given: &[Lifetime]) {
    let (offsets, strategy) = (plan.offsets(), plan.strategy());
    assert_eq!(offsets.len(), given.len());
    let mut peak = 0;
    for ((row, aligned), &offset) in given.iter().zip(plan.lifetimes().rows()).zip(offsets) {
        assert!(aligned.alignment >= row.alignment);
        assert_eq!(offset % aligned.alignment, 0, "{strategy}");
        assert_eq!(row.fixed_offset.unwrap_or(offset), offset, "{strategy}");
        if row.lower < row.upper && row.size > 0 {
            peak = peak.max(offset + row.size);
        }
    }
    assert_eq!(overlap(given, offsets, |_| true), None, "{strategy}");
    assert_eq!(plan.peak(), peak);
    assert!(peak >= plan.lower_bound() && plan.lower_bound() >= plan.load());
}

fuzz_target!(|case: Case| {
    let rows = case.rows();
    let Some(given) = lifetimes(&rows) else {
        return;
    };
    let fixed: Vec<u64> = rows.iter().map(|r| r.fixed_offset.unwrap_or(0)).collect();
    let refused = overlap(&rows, &fixed, |row| row.fixed_offset.is_some());
    let mut changed = rows.clone();
    for (row, buffer) in changed.iter_mut().zip(&case.buffers) {
        // One that is fixed would be in the way of those that have not changed.
        if row.fixed_offset.is_none() {
            row.size += u64::from(buffer.grows);
            row.upper += i64::from(buffer.dies_later);
        }
    }
    let changed = lifetimes(&changed).map(|given| (changed, given));
    for strategy in Planner::strategies() {
        let planner = Planner::new()
            .nodes(case.nodes.into())
            .seed(case.seed)
            .alignment(1 << (case.alignment % 10));
        let planner = planner
            .strategy_named(strategy.name())
            .expect("its own name");
        let plan = match planner.plan(&given) {
            Err(PlannerError::Fixed(PlanError::Overlap { .. })) => {
                assert!(refused.is_some());
                continue;
            }
            other => other.expect("a valid proposal"),
        };
        assert_eq!(refused, None);
        check(&plan, &rows);
        let again = planner.plan(&given).expect("as before");
        assert_eq!(again.offsets(), plan.offsets());
        let again = planner.clone().keep(&plan).plan(&given).expect("as before");
        assert_eq!(again.offsets(), plan.offsets());
        let again = planner.clone().start_from(&plan).plan(&given);
        let again = again.expect("it is a plan");
        check(&again, &rows);
        assert!(again.peak() <= plan.peak());
        if let Some((changed, given)) = &changed {
            let next = planner.clone().start_from(&plan).plan(given);
            check(&next.expect("a valid proposal"), changed);
            let next = planner.keep(&plan).plan(given).expect("a valid proposal");
            check(&next, changed);
            for (i, (before, after)) in rows.iter().zip(changed).enumerate() {
                let occupies = after.lower < after.upper && after.size > 0;
                assert!(before != after || !occupies || plan.offsets()[i] == next.offsets()[i]);
            }
        }
    }
});
