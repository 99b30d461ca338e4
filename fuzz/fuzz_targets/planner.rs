//! Any lifetimes under every strategy: the plan is valid by the definition, and its peak is never below the bound.
#![no_main]

use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use orionrt::{Lifetimes, Planner};

#[derive(Arbitrary, Debug)]
struct Case {
    rows: Vec<(i16, u8, u32, u8)>,
    wide: bool,
    alignment: u8,
    seed: u64,
}

fuzz_target!(|case: Case| {
    let scale = if case.wide { 1 << 30 } else { 1 };
    let rows =
        case.rows
            .iter()
            .take(60)
            .enumerate()
            .map(|(i, &(lower, length, size, alignment))| {
                let (lower, size) = (
                    i64::from(lower) * scale,
                    u64::from(size) * scale.unsigned_abs(),
                );
                (
                    i.to_string(),
                    lower,
                    lower + i64::from(length),
                    size,
                    1 << (alignment % 13),
                )
            });
    let Ok(lifetimes) = Lifetimes::from_rows(rows) else {
        return;
    };
    for strategy in Planner::strategies() {
        let planner = Planner::new()
            .rounds(12)
            .seed(case.seed)
            .alignment(1 << (case.alignment % 10));
        let planner = planner
            .strategy_named(strategy.name())
            .expect("its own name");
        let plan = planner.plan(&lifetimes).expect("a valid proposal");
        let (rows, offsets) = (plan.lifetimes().rows(), plan.offsets());
        let mut peak = 0;
        for (i, a) in rows.iter().enumerate() {
            assert_eq!(offsets[i] % a.alignment, 0);
            if a.lower == a.upper || a.size == 0 {
                continue;
            }
            peak = peak.max(offsets[i] + a.size);
            for (j, b) in rows.iter().enumerate().take(i) {
                let in_time = a.lower.max(b.lower) < a.upper.min(b.upper);
                let in_space =
                    offsets[i].max(offsets[j]) < (offsets[i] + a.size).min(offsets[j] + b.size);
                assert!(
                    !in_time || !in_space || b.size == 0,
                    "{i} and {j} under {}",
                    strategy.name()
                );
            }
        }
        assert_eq!(plan.peak(), peak);
        assert!(peak >= plan.lower_bound() && plan.lower_bound() >= plan.load());
    }
});
