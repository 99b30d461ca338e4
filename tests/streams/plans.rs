//! Conflicts, plans and bounds of random programs on several streams, against the definition.

use orionrt::{
    Aliasing, Plan, Planner, TensorId, graph::DeviceId, plan::PlanError, planner::PlannerError,
};
use orionrt_testing::{
    stream_oracle::{Oracle, with_members},
    stream_programs::{DEVICES, MOST_OPS, Program},
};
use proptest::prelude::*;

use crate::programs;

const ALL: [Aliasing; 3] = [Aliasing::Off, Aliasing::Views, Aliasing::InPlace];

fn planner() -> Planner {
    Planner::new().nodes(300)
}

fn id(index: usize) -> TensorId {
    TensorId::new(index as u32)
}

/// The program with some results twice as large; results that share bytes keep their size.
fn grown(program: &Program, which: u64) -> Program {
    let mut grown = program.clone();
    let plain = program.ops.iter().flat_map(|op| {
        let shares = !op.views.is_empty() || !op.in_place.is_empty();
        op.writes.iter().filter(move |_| !shares)
    });
    for &t in plain.filter(|&&t| which >> (t % 64) & 1 == 1) {
        let is_shared = program
            .ops
            .iter()
            .any(|op| op.in_place.iter().any(|pair| pair.1 == t));
        if !is_shared {
            grown.tensors[t].size *= 2;
        }
    }
    grown
}

proptest! {
    #[test]
    fn conflicts_are_those_of_the_definition(program in programs()) {
        let graph = program.graph();
        let of_devices = graph.devices().flat_map(|(device, _)| {
            ALL.map(|aliasing| graph.lifetimes_on(device, aliasing))
        });
        let of_all = ALL.map(|aliasing| graph.lifetimes_with(aliasing));
        for lifetimes in of_all.into_iter().chain(of_devices) {
            let oracle = Oracle::new(&program, &lifetimes);
            for a in 0..lifetimes.len() {
                for b in 0..lifetimes.len() {
                    let conflict = lifetimes.conflict(id(a), id(b));
                    prop_assert_eq!(conflict, oracle.conflict(a, b), "{} and {}", a, b);
                }
            }
            prop_assert!(!lifetimes.conflict(id(0), id(lifetimes.len())));
        }
    }

    #[test]
    fn tensors_that_conflict_share_no_bytes_in_a_plan(program in programs(), seed in any::<u64>()) {
        for aliasing in ALL {
            let lifetimes = program.graph().lifetimes_with(aliasing);
            let oracle = Oracle::new(&program, &lifetimes);
            oracle.check(&planner().seed(seed).plan(&lifetimes).unwrap())?;
            let plan = planner().alignment(32).plan(&lifetimes).unwrap();
            oracle.check(&plan)?;
            let own = oracle.occupying();
            prop_assert!(own.iter().all(|&t| plan.offsets()[t].is_multiple_of(32)));
            let aligned = lifetimes.with_alignment(32).unwrap();
            prop_assert_eq!(&aligned, plan.lifetimes());
        }
    }

    #[test]
    fn plans_are_refused_exactly_if_tensors_that_conflict_share_bytes(
        program in programs(),
        moves in prop::collection::vec((any::<usize>(), 0u64..40), 1..6),
        spread in prop::collection::vec(0u64..40, 3 * MOST_OPS),
    ) {
        for aliasing in ALL {
            let lifetimes = program.graph().lifetimes_with(aliasing);
            let oracle = Oracle::new(&program, &lifetimes);
            let mut offsets = planner().plan(&lifetimes).unwrap().offsets().to_vec();
            oracle.check_verdict(&lifetimes, &offsets)?;
            let roots = oracle.occupying();
            for &(t, offset) in moves.iter().filter(|_| !roots.is_empty()) {
                offsets[roots[t % roots.len()]] = offset * 64;
                offsets = with_members(&lifetimes, offsets);
                oracle.check_verdict(&lifetimes, &offsets)?;
            }
            for (offset, place) in offsets.iter_mut().zip(&spread) {
                *offset = place * 64;
            }
            oracle.check_verdict(&lifetimes, &with_members(&lifetimes, offsets))?;
        }
    }

    #[test]
    fn a_plan_with_one_overlap_is_refused_and_both_tensors_are_named(
        program in programs(),
        pick in any::<usize>(),
        distance in 0u64..64,
    ) {
        let lifetimes = program.clone().unaligned().on_host().graph().lifetimes();
        let oracle = Oracle::new(&program, &lifetimes);
        let roots = oracle.occupying();
        let pairs = roots.iter().flat_map(|&a| roots.iter().map(move |&b| (a, b)));
        let pairs: Vec<_> = pairs.filter(|&(a, b)| oracle.conflict(a, b)).collect();
        prop_assume!(!pairs.is_empty());
        let (a, b) = pairs[pick % pairs.len()];
        // All tensors are far from each other, except that one reaches into another one.
        let mut offsets: Vec<u64> = (0..lifetimes.len() as u64).map(|t| t * 256).collect();
        offsets[b] = offsets[a] + distance % lifetimes.rows()[a].size;
        let offsets = with_members(&lifetimes, offsets);
        prop_assert_eq!(oracle.collisions(&offsets, |_| true), [(a.min(b), a.max(b))]);
        let error = Plan::new(lifetimes.clone(), offsets.clone()).unwrap_err();
        let text = error.to_string();
        prop_assert!([a, b].iter().all(|t| text.contains(&format!("'t{t}'"))), "{}", text);
        oracle.check_verdict(&lifetimes, &offsets)?;
    }

    #[test]
    fn the_lower_bound_is_the_heaviest_set_of_tensors_that_all_conflict(
        bytes in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let program = Program::decode(&bytes).unaligned().on_host();
        for aliasing in ALL {
            let lifetimes = program.graph().lifetimes_with(aliasing);
            let oracle = Oracle::new(&program, &lifetimes);
            if oracle.occupying().len() <= 12 {
                prop_assert_eq!(lifetimes.lower_bound(), oracle.heaviest());
            }
        }
    }

    #[test]
    fn fixed_offsets_are_kept_unless_tensors_conflict_there(
        program in programs(),
        fixed in prop::collection::vec((any::<usize>(), 0u64..8), 0..6),
    ) {
        let mut lifetimes = program.graph().lifetimes();
        let roots = Oracle::new(&program, &lifetimes).occupying();
        for &(t, offset) in fixed.iter().filter(|_| !roots.is_empty()) {
            let t = roots[t % roots.len()];
            lifetimes = lifetimes.with_fixed_offset(id(t), offset * 64).unwrap();
        }
        let oracle = Oracle::new(&program, &lifetimes);
        let at = |t: usize| lifetimes.rows()[t].fixed_offset;
        let offsets: Vec<u64> = (0..lifetimes.len()).map(|t| at(t).unwrap_or(0)).collect();
        let collisions = oracle.collisions(&offsets, |t| at(t).is_some());
        match planner().plan(&lifetimes) {
            Ok(plan) => {
                prop_assert_eq!(collisions, []);
                oracle.check(&plan)?;
            }
            Err(PlannerError::Fixed(
                PlanError::Overlap { ids, .. } | PlanError::StreamsOverlap { ids, .. },
            )) => {
                prop_assert!(collisions.contains(&(ids[0].index(), ids[1].index())));
            }
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        }
    }

    #[test]
    fn tensors_that_did_not_change_keep_their_offsets_and_a_start_is_never_made_worse(
        program in programs(),
        which in any::<u64>(),
    ) {
        let lifetimes = program.graph().lifetimes();
        let oracle = Oracle::new(&program, &lifetimes);
        let before = planner().plan(&lifetimes).unwrap();
        let again = planner().keep(&before).plan(&lifetimes).unwrap();
        prop_assert_eq!(again.offsets(), before.offsets());
        let again = planner().start_from(&before).plan(&lifetimes).unwrap();
        oracle.check(&again)?;
        prop_assert!(again.peak() <= before.peak());

        let changed = grown(&program, which);
        let lifetimes = changed.graph().lifetimes();
        let oracle = Oracle::new(&changed, &lifetimes);
        oracle.check(&planner().start_from(&before).plan(&lifetimes).unwrap())?;
        let after = planner().keep(&before).plan(&lifetimes).unwrap();
        oracle.check(&after)?;
        for t in oracle.occupying() {
            if before.lifetimes().rows()[t] == lifetimes.rows()[t] {
                prop_assert_eq!(before.offsets()[t], after.offsets()[t]);
            }
        }
    }

    #[test]
    fn each_device_has_a_plan_of_its_own(program in programs()) {
        let graph = program.graph();
        for aliasing in ALL {
            let plans = planner().plan_devices(&graph, aliasing).unwrap();
            let devices: Vec<DeviceId> = graph.devices().map(|device| device.0).collect();
            for (device, alignment) in devices.into_iter().zip([1, DEVICES[0], DEVICES[1]]) {
                let plan = plans.get(device).unwrap();
                let oracle = Oracle::new(&program, plan.lifetimes());
                oracle.check(plan)?;
                for t in oracle.occupying() {
                    prop_assert_eq!(program.tensors[t].device, device.index());
                    prop_assert_eq!(plan.offsets()[t] % alignment, 0);
                }
            }
        }
    }

    #[test]
    fn an_earlier_plan_for_one_stream_does_not_make_conflicting_tensors_share_bytes(
        program in programs(),
    ) {
        let before = planner().plan(&program.clone().in_order().graph().lifetimes()).unwrap();
        let lifetimes = program.graph().lifetimes();
        let oracle = Oracle::new(&program, &lifetimes);
        oracle.check(&planner().keep(&before).plan(&lifetimes).unwrap())?;
        oracle.check(&planner().start_from(&before).plan(&lifetimes).unwrap())?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_strategy_plans_programs_on_several_streams(program in programs()) {
        let lifetimes = program.graph().lifetimes();
        let oracle = Oracle::new(&program, &lifetimes);
        for strategy in Planner::strategies() {
            let planner = planner().threads(2).strategy_named(strategy.name()).unwrap();
            oracle.check(&planner.plan(&lifetimes).unwrap())?;
        }
    }
}
