//! Any program on streams: conflicts are those of the definition, a plan lets no two tensors in
//! conflict share bytes, and offsets are accepted as a plan exactly if this holds.
#![no_main]

use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use orionrt::{Aliasing, Lifetimes, Planner, TensorId, graph::OpId};
use orionrt_testing::{
    stream_oracle::{Oracle, with_members},
    stream_programs::{Program, ids},
};

#[derive(Arbitrary, Debug)]
struct Case {
    aliasing: u8,
    /// In units of 64 bytes.
    offsets: Vec<u8>,
    /// A tensor, and where it is moved to, in units of 64 bytes.
    moves: Vec<(u8, u8)>,
    nodes: u8,
    /// A tensor, and where it is fixed, in units of 64 bytes.
    fixed: Vec<(u8, u8)>,
    program: Vec<u8>,
}

/// Panics unless `Plan::new` says of these offsets what the definition says. Views and results in
/// place are moved to their roots before.
fn check_verdict(oracle: &Oracle, lifetimes: &Lifetimes, offsets: Vec<u64>) {
    let offsets = with_members(lifetimes, offsets);
    oracle
        .check_verdict(lifetimes, &offsets)
        .expect("the verdict of the definition");
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
    oracle.check(&plan).expect("a plan by definition");

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
            oracle.check(&plan).expect("a plan by definition");
        }
        Err(error) => assert!(!collisions.is_empty(), "{error}"),
    }
});
