//! Every strategy against an oracle that shares no code with planner or plan, on random, degenerate and generated instances.
//!
//! The oracle looks at all pairs. Checked: no overlap, alignment kept, the peak is what it should be and never below the bound,
//! equal seeds give equal plans, and transforming an instance never makes an invalid plan.

use orionrt::{Lifetimes, Plan, PlanError, Planner, PlannerError, Task};
use proptest::prelude::*;

type Row = (String, i64, i64, u64, u64);

/// The definition, the O(n²) way.
fn oracle(rows: &[Row], offsets: &[u64]) -> Result<u64, String> {
    let mut peak = 0;
    for (i, (id, lower, upper, size, alignment)) in rows.iter().enumerate() {
        if !offsets[i].is_multiple_of(*alignment) {
            return Err(format!("{id} is not aligned"));
        }
        if lower == upper || *size == 0 {
            continue;
        }
        peak = peak.max(offsets[i] + size);
        for (j, (other, l, u, s, _)) in rows.iter().enumerate().take(i) {
            let in_time = lower.max(l) < upper.min(u);
            let in_space = offsets[i].max(offsets[j]) < (offsets[i] + size).min(offsets[j] + s);
            if in_time && in_space {
                return Err(format!("{id} and {other} overlap"));
            }
        }
    }
    Ok(peak)
}

/// The load, step by step over every birth.
fn load(rows: &[Row]) -> u64 {
    let births = rows.iter().map(|row| row.1);
    let live = |t: i64| {
        rows.iter()
            .filter(move |r| r.1 <= t && t < r.2)
            .map(|r| r.3)
            .sum()
    };
    births.map(live).max().unwrap_or(0)
}

fn lifetimes(rows: &[Row]) -> Lifetimes {
    Lifetimes::from_rows(rows.iter().cloned()).unwrap()
}

fn planner() -> Planner {
    Planner::new().rounds(20)
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let time = prop_oneof![4 => 0..30i64, 1 => -1000..1_000_000_000_000i64];
    let length = prop_oneof![1 => Just(0i64), 8 => 1..12i64, 1 => 1..1_000_000i64];
    let size =
        prop_oneof![1 => Just(0u64), 6 => 1..200u64, 2 => 1..50_000u64, 1 => Just(1u64 << 40)];
    let row = (time, length, size, 0..8u32);
    proptest::collection::vec(row, 0..40).prop_map(|rows| {
        let each = rows.into_iter().enumerate();
        each.map(|(i, (t, l, size, a))| (format!("t{i}"), t, t + l, size, 1 << a))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_strategy_makes_valid_plans(rows in rows(), seed in any::<u64>(), alignment in 0..9u32) {
        let given = lifetimes(&rows);
        prop_assert_eq!(given.load(), load(&rows));
        let aligned: Vec<Row> = rows.iter().cloned().map(|mut r| { r.4 = r.4.max(1 << alignment); r }).collect();
        for strategy in Planner::strategies() {
            let planner = planner().seed(seed).alignment(1 << alignment).strategy_named(strategy.name()).unwrap();
            let plan = planner.plan(&given).unwrap();
            let peak = oracle(&aligned, plan.offsets()).unwrap();
            prop_assert_eq!(plan.peak(), peak, "{}", strategy.name());
            prop_assert!(plan.lower_bound() >= plan.load() && peak >= plan.lower_bound());
            prop_assert_eq!(plan.is_optimal(), peak == plan.lower_bound());
            let again = planner.plan(&given).unwrap();
            prop_assert_eq!(again.offsets(), plan.offsets(), "{}", strategy.name());
        }
    }

    #[test]
    fn the_checker_agrees_with_the_oracle(rows in rows(), offsets in proptest::collection::vec(0..300u64, 40)) {
        let offsets: Vec<u64> = rows.iter().zip(offsets).map(|(row, o)| o / row.4 * row.4).collect();
        let checked = Plan::new(lifetimes(&rows), offsets.clone());
        match oracle(&rows, &offsets) {
            Ok(peak) => prop_assert_eq!(checked.unwrap().peak(), peak),
            Err(_) => {
                let refused = matches!(checked, Err(PlanError::Overlap { .. }));
                prop_assert!(refused);
            }
        }
    }

    #[test]
    fn transformed_instances_are_planned_as_well(rows in rows(), shift in -100..100i64, stretch in 1..5i64) {
        let original = planner().plan(&lifetimes(&rows)).unwrap();
        let reversed: Vec<Row> = rows.iter().map(|r| (r.0.clone(), -r.2, -r.1, r.3, r.4)).collect();
        let moved: Vec<Row> = rows.iter().rev().map(|r| {
            (format!("x{}", r.0), r.1 * stretch + shift, r.2 * stretch + shift, r.3, r.4)
        }).collect();
        for rows in [reversed, moved] {
            let plan = planner().plan(&lifetimes(&rows)).unwrap();
            oracle(&rows, plan.offsets()).unwrap();
            prop_assert_eq!(plan.lower_bound(), original.lower_bound());
        }
    }
}

/// Cuts a rectangle of time × memory into pieces: a perfect plan exists, with the rectangle's height as its peak.
fn cut_rectangle(pieces: usize, seed: u64) -> (Vec<Row>, u64) {
    let (time, memory) = (1000i64, 1 << 20);
    let mut state = seed.wrapping_mul(2) + 1;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) % below
    };
    let mut boxes = vec![(0i64, time, 0u64, memory)];
    while boxes.len() < pieces {
        let index = random(boxes.len() as u64) as usize;
        let (start, end, low, high) = boxes[index];
        let along_time = random(2) == 0;
        let (a, b) = if along_time && end - start > 1 {
            let cut = start + 1 + random((end - start - 1) as u64) as i64;
            ((start, cut, low, high), (cut, end, low, high))
        } else if !along_time && high - low > 64 {
            let cut = low + 1 + random(high - low - 1);
            ((start, end, low, cut), (start, end, cut, high))
        } else {
            continue;
        };
        boxes[index] = a;
        boxes.push(b);
    }
    let rows = boxes.iter().enumerate();
    let rows =
        rows.map(|(i, &(start, end, low, high))| (format!("p{i}"), start, end, high - low, 1));
    (rows.collect(), memory)
}

#[test]
fn planted_rectangles_are_planned_near_their_optimum() {
    for seed in 0..6 {
        let (rows, optimum) = cut_rectangle(60, seed);
        let given = lifetimes(&rows);
        assert_eq!(given.lower_bound(), optimum);
        let plan = Planner::new().rounds(400).plan(&given).unwrap();
        assert_eq!(oracle(&rows, plan.offsets()), Ok(plan.peak()));
        assert!(plan.ratio() < 1.25, "seed {seed}: {}", plan.ratio());
    }
}

#[test]
fn the_classic_example_takes_3072_bytes() {
    let rows = [
        ("t0", 0, 2, 1024, 64),
        ("t1", 1, 3, 2048, 64),
        ("t2", 2, 4, 1024, 64),
    ];
    let plan = Planner::new()
        .plan(&Lifetimes::from_rows(rows).unwrap())
        .unwrap();
    assert_eq!(
        (plan.peak(), plan.lower_bound(), plan.len()),
        (3072, 3072, 3)
    );
    assert!(plan.is_optimal());
}

#[test]
fn a_capacity_is_a_goal_and_a_limit() {
    let (rows, optimum) = cut_rectangle(40, 3);
    let given = lifetimes(&rows);
    let loose = Planner::new()
        .rounds(50)
        .capacity(2 * optimum)
        .plan(&given)
        .unwrap();
    assert!(loose.peak() <= 2 * optimum);
    match Planner::new().rounds(5).capacity(optimum - 1).plan(&given) {
        Err(PlannerError::Capacity { capacity, best }) => {
            assert_eq!(capacity, optimum - 1);
            assert!(best.peak() >= optimum);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn threads_do_not_change_validity() {
    let (rows, _) = cut_rectangle(80, 5);
    let plan = Planner::new()
        .rounds(30)
        .threads(4)
        .plan(&lifetimes(&rows))
        .unwrap();
    assert_eq!(oracle(&rows, plan.offsets()), Ok(plan.peak()));
}

#[test]
fn nothing_and_almost_nothing_can_be_planned() {
    let empty = Lifetimes::from_rows(Vec::<Row>::new()).unwrap();
    let dead = Lifetimes::from_rows([("dead", 3, 3, 100, 8), ("void", 0, 9, 0, 64)]).unwrap();
    let huge =
        Lifetimes::from_rows([("a", 0, 2, (1 << 62) - 1, 1), ("b", 1, 3, 1 << 61, 1)]).unwrap();
    for strategy in Planner::strategies() {
        let planner = planner().strategy_named(strategy.name()).unwrap();
        assert_eq!(planner.plan(&empty).unwrap().peak(), 0);
        assert_eq!(planner.plan(&dead).unwrap().offsets(), [0, 0]);
        assert!(
            planner.plan(&huge).unwrap().peak() >= huge.load(),
            "{}",
            strategy.name()
        );
    }
}

/// Strategies that propose nonsense are refused, not trusted.
#[test]
fn a_wrong_strategy_is_refused() {
    struct AllAtZero;
    impl orionrt::Strategy for AllAtZero {
        fn name(&self) -> &str {
            "all-at-zero"
        }
        fn place(&self, task: &Task<'_>) -> Vec<u64> {
            vec![0; task.buffers.len()]
        }
    }
    let given = Lifetimes::from_rows([("a", 0, 2, 8, 1), ("b", 1, 3, 8, 1)]).unwrap();
    let error = Planner::new().strategy(AllAtZero).plan(&given).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("all-at-zero") && text.contains("bytes 0..8") && text.contains("steps 1..2"),
        "{text}"
    );
}

#[test]
fn a_strategy_that_forgets_buffers_is_refused() {
    struct Lazy;
    impl orionrt::Strategy for Lazy {
        fn name(&self) -> &str {
            "lazy"
        }
        fn place(&self, _: &Task<'_>) -> Vec<u64> {
            Vec::new()
        }
    }
    let given = Lifetimes::from_rows([("a", 0, 2, 8, 1)]).unwrap();
    let error = Planner::new().strategy(Lazy).plan(&given).unwrap_err();
    assert!(
        matches!(
            error,
            PlannerError::Strategy {
                error: PlanError::Count { .. },
                ..
            }
        ),
        "{error}"
    );
}
