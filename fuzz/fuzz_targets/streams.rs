//! Any program on streams: conflicts are those of the definition, the plan has none of them share bytes, and any offsets are a plan exactly
//! if they do not.
#![no_main]

use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use orionrt::{Aliasing, Lifetimes, Plan, Planner, TensorId, graph::OpId, plan::PlanError};
use orionrt_testing::{
    stream_oracle::Oracle,
    stream_programs::{Program, ids},
};

#[derive(Arbitrary, Debug)]
struct Case {
    aliasing: u8,
    /// In steps of 64 bytes.
    offsets: Vec<u8>,
    /// A tensor, and where it is moved to.
    moves: Vec<(u8, u8)>,
    nodes: u8,
    fixed: Vec<(u8, u8)>,
    program: Vec<u8>,
}

fn check(oracle: &Oracle, plan: &Plan) {
    let (rows, offsets) = (plan.lifetimes().rows(), plan.offsets());
    assert_eq!(oracle.collisions(offsets, |_| true), []);
    let mut peak = 0;
    for (t, (row, offset)) in rows.iter().zip(offsets).enumerate() {
        assert_eq!(offset % row.alignment, 0);
        assert_eq!(row.fixed_offset.unwrap_or(*offset), *offset);
        if let Some(within) = row.within {
            assert_eq!(*offset, offsets[within.root.index()] + within.offset);
        }
        if oracle.occupies(t) {
            peak = peak.max(offset + row.size);
        }
    }
    assert_eq!(plan.peak(), peak);
    assert!(plan.load() <= plan.lower_bound() && plan.lower_bound() <= peak);
}

/// What lies within others is where they are.
fn check_verdict(oracle: &Oracle, lifetimes: &Lifetimes, mut offsets: Vec<u64>) {
    for (t, row) in lifetimes.rows().iter().enumerate() {
        if let Some(within) = row.within {
            offsets[t] = offsets[within.root.index()] + within.offset;
        }
    }
    let collisions = oracle.collisions(&offsets, |_| true);
    match Plan::new(lifetimes.clone(), offsets) {
        Ok(plan) => check(oracle, &plan),
        Err(PlanError::Overlap { ids: [a, b], .. }) => {
            assert!(collisions.contains(&(a.index(), b.index())));
            assert!(oracle.meet(a.index(), b.index()));
        }
        Err(PlanError::Unordered { ids: [a, b], .. }) => {
            assert!(collisions.contains(&(a.index(), b.index())));
            assert!(!oracle.meet(a.index(), b.index()));
        }
        Err(other) => panic!("{other}"),
    }
}

fuzz_target!(|case: Case| {
    let program = Program::decode(&case.program);
    let (graph, before) = (program.graph(), program.before());
    let ids: Vec<OpId> = ids(before.len());
    for (b, mask) in before.iter().enumerate() {
        for a in 0..before.len() {
            assert_eq!(graph.happens_before(ids[a], ids[b]), mask & 1 << a != 0);
        }
    }
    let all = [Aliasing::Off, Aliasing::Views, Aliasing::InPlace];
    let lifetimes = graph.lifetimes_with(all[usize::from(case.aliasing) % 3]);
    let oracle = Oracle::new(&program, &lifetimes);
    for a in 0..lifetimes.len() {
        for b in 0..lifetimes.len() {
            let [x, y] = [a, b].map(|t| TensorId::new(t as u32));
            assert_eq!(lifetimes.conflict(x, y), oracle.conflict(a, b));
        }
    }
    let planner = Planner::new().nodes(case.nodes.into());
    let plan = planner.plan(&lifetimes).expect("nothing is fixed");
    check(&oracle, &plan);

    let roots = oracle.occupying();
    let at = |i: usize| u64::from(case.offsets.get(i).copied().unwrap_or(i as u8)) * 64;
    check_verdict(&oracle, &lifetimes, (0..lifetimes.len()).map(at).collect());
    let mut offsets = plan.offsets().to_vec();
    for &(t, offset) in case.moves.iter().take(4).filter(|_| !roots.is_empty()) {
        offsets[roots[usize::from(t) % roots.len()]] = u64::from(offset) * 64;
        check_verdict(&oracle, &lifetimes, offsets.clone());
    }

    let mut fixed = lifetimes;
    for &(t, offset) in case.fixed.iter().take(4).filter(|_| !roots.is_empty()) {
        let t = TensorId::new(roots[usize::from(t) % roots.len()] as u32);
        fixed = fixed
            .with_fixed_offset(t, u64::from(offset) * 64)
            .expect("a multiple");
    }
    let oracle = Oracle::new(&program, &fixed);
    let at: Vec<Option<u64>> = fixed.rows().iter().map(|row| row.fixed_offset).collect();
    let offsets: Vec<u64> = at.iter().map(|at| at.unwrap_or(0)).collect();
    let collisions = oracle.collisions(&offsets, |t| at[t].is_some());
    match planner.plan(&fixed) {
        Ok(plan) => {
            assert_eq!(collisions, []);
            check(&oracle, &plan);
        }
        Err(error) => assert!(!collisions.is_empty(), "{error}"),
    }
});
