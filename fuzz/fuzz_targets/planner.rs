//! Any lifetimes under every strategy, some of them fixed, with and without an earlier plan: plans
//! are valid by definition, no peak is below the bound, buffers that have not changed keep their
//! offsets, and a search never makes the plan that it starts from worse.
#![no_main]

use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use orionrt::{
    Lifetimes, Plan, Planner, lifetimes::Lifetime, plan::PlanError, planner::PlannerError,
};
use orionrt_testing::plan_oracle::{self, Row, fixed_overlap};

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
    fn rows(&self) -> Vec<Row> {
        // Two versions together stay below 2^63, so that what is kept always leaves room.
        let scale = if self.wide { 1 << 22 } else { 1 };
        let each = self.buffers.iter().take(60).map(|buffer| {
            let (lower, alignment) = (
                i64::from(buffer.lower) * scale,
                1 << (buffer.alignment % 13),
            );
            let size = u64::from(buffer.size) * scale.unsigned_abs();
            let mut row = Lifetime::new(lower, lower + i64::from(buffer.length), size)
                .with_alignment(alignment);
            // A multiple of every alignment asked for.
            row.fixed_offset = buffer.fixed.map(|at| u64::from(at) * alignment.max(1 << 9));
            row
        });
        each.enumerate()
            .map(|(i, row)| (i.to_string(), row))
            .collect()
    }
}

fn lifetimes(rows: &[Row]) -> Option<Lifetimes> {
    Lifetimes::from_named(rows.iter().cloned()).ok()
}

/// Panics unless it is a plan of these rows, whose alignments the planner may have raised.
fn check(rows: &[Row], plan: &Plan) {
    plan_oracle::check(rows, plan);
    let planned = plan.lifetimes().rows().iter().zip(plan.offsets());
    for ((_, row), (planned, offset)) in rows.iter().zip(planned) {
        assert!(planned.alignment >= row.alignment);
        assert_eq!(offset % planned.alignment, 0, "{}", plan.strategy());
    }
}

fuzz_target!(|case: Case| {
    let rows = case.rows();
    let Some(given) = lifetimes(&rows) else {
        return;
    };
    let is_refused = fixed_overlap(&rows);
    let mut changed = rows.clone();
    for ((_, row), buffer) in changed.iter_mut().zip(&case.buffers) {
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
                assert!(is_refused);
                continue;
            }
            other => other.expect("a valid proposal"),
        };
        assert!(!is_refused);
        check(&rows, &plan);
        let again = planner.plan(&given).expect("as before");
        assert_eq!(again.offsets(), plan.offsets());
        let again = planner.clone().keep(&plan).plan(&given).expect("as before");
        assert_eq!(again.offsets(), plan.offsets());
        let again = planner.clone().start_from(&plan).plan(&given);
        let again = again.expect("it is a plan");
        check(&rows, &again);
        assert!(again.peak() <= plan.peak());
        if let Some((changed, given)) = &changed {
            let next = planner.clone().start_from(&plan).plan(given);
            check(changed, &next.expect("a valid proposal"));
            let next = planner.keep(&plan).plan(given).expect("a valid proposal");
            check(changed, &next);
            for (i, ((_, before), (_, after))) in rows.iter().zip(changed).enumerate() {
                let occupies = after.lower < after.upper && after.size > 0;
                assert!(before != after || !occupies || plan.offsets()[i] == next.offsets()[i]);
            }
        }
    }
});
