//! Plans in several regions against oracles that look at pairs of rows, and at all assignments.
//!
//! Checked: the check accepts exactly the plans; no plan has fewer regions than the bound, and
//! small ones have the fewest; views are with their roots; streams; generated instances are at most
//! one region above the bound.

use core::alloc::Layout;

use orionrt::{
    Aliasing, GraphBuilder, Lifetimes, Planner, TensorId,
    lifetimes::{Lifetime, Piece},
    planner::Cancel,
    regions::{RegionError, RegionPlan},
};
use orionrt_testing::{
    gap_oracle::{self, GapRow, gap_rows},
    instances,
    plan_oracle::{self, Row, optimum, peak_of},
};
use proptest::prelude::*;

const NODES: u64 = 20_000;

fn planner() -> Planner {
    Planner::new().nodes(NODES)
}

fn rows(most: usize) -> impl Strategy<Value = Vec<Row>> {
    let row = (0..8i64, 0..6i64, 0..9u64, 0..3u32).prop_map(|(lower, life, size, order)| {
        Lifetime::new(lower, lower + life, size).with_alignment(1 << order)
    });
    prop::collection::vec(row, 1..=most).prop_map(|rows| {
        let named = rows.into_iter().enumerate();
        named.map(|(i, row)| (i.to_string(), row)).collect()
    })
}

/// The rows of a region, and their offsets.
fn of_region(rows: &[Row], plan: &RegionPlan, region: u32) -> (Vec<Row>, Vec<u64>) {
    let places = plan.regions().iter().zip(plan.offsets());
    let here = rows
        .iter()
        .zip(places)
        .filter(|(_, (of, _))| **of == region);
    here.map(|(row, (_, offset))| (row.clone(), *offset))
        .unzip()
}

/// Checks each region for itself, and the sizes that the plan states.
fn check(rows: &[Row], plan: &RegionPlan, limit: u64) {
    let used = plan.sizes().len() as u32;
    for region in 0..used {
        let (here, offsets) = of_region(rows, plan, region);
        let peak = peak_of(&here, &offsets).expect("a plan of the region");
        assert_eq!(plan.sizes()[region as usize], peak);
        assert!(0 < peak && peak <= limit);
    }
    let has_bytes = |row: &Lifetime| row.lower < row.upper && row.size > 0;
    let mut placed = rows.iter().zip(plan.regions());
    assert!(placed.all(|((_, row), &region)| region < used || !has_bytes(row)));
    assert!(plan.lower_bound() <= plan.sizes().len());
}

/// The fewest regions, by trying every assignment of the rows behind those assigned.
fn fewest(rows: &[Row], limit: u64, groups: &mut Vec<Vec<Row>>) -> usize {
    let Some((row, rest)) = rows.split_first() else {
        return groups.len();
    };
    let mut best = usize::MAX;
    for group in 0..=groups.len() {
        if group == groups.len() {
            groups.push(Vec::new());
        }
        groups[group].push(row.clone());
        if optimum(&groups[group]) <= limit {
            best = best.min(fewest(rest, limit, groups));
        }
        groups[group].pop();
        if groups[group].is_empty() {
            groups.pop();
        }
    }
    best
}

/// By its load, `b` fits beside `a`, but not at a multiple of its alignment.
#[test]
fn alignments_may_keep_tensors_apart_that_fit_by_their_bytes() {
    let rows = [("a", 0, 5, 2, 4), ("b", 2, 5, 5, 4), ("c", 2, 3, 4, 1)];
    let lifetimes = Lifetimes::from_rows(rows).unwrap();
    let plan = planner().plan_regions(&lifetimes, 8).unwrap();
    assert_eq!(plan.sizes().len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn few_tensors_have_the_fewest_regions(rows in rows(6), limit in 8u64..14) {
        let rows: Vec<Row> = rows
            .into_iter()
            .filter(|(_, row)| row.lower < row.upper && row.size > 0)
            .collect();
        let plan = planner().plan_regions(&plan_oracle::lifetimes(&rows), limit).unwrap();
        check(&rows, &plan, limit);
        let fewest = fewest(&rows, limit, &mut Vec::new());
        prop_assert!(plan.lower_bound() <= fewest);
        prop_assert_eq!(plan.sizes().len(), fewest);
    }

    #[test]
    fn the_check_accepts_exactly_the_plans(
        rows in rows(5),
        places in prop::collection::vec((0u32..3, 0u64..5), 5),
        limit in 4u64..14,
    ) {
        let regions: Vec<u32> = places.iter().map(|(region, _)| *region).take(rows.len()).collect();
        let offsets: Vec<u64> = rows.iter().zip(&places)
            .map(|((_, row), (_, grains))| grains * row.alignment)
            .collect();
        let lifetimes = plan_oracle::lifetimes(&rows);
        let made = RegionPlan::new(lifetimes, limit, regions.clone(), offsets.clone());
        let has_bytes = |row: &Lifetime| row.lower < row.upper && row.size > 0;
        let fits = rows.iter().zip(&offsets).all(|((_, row), offset)| {
            !has_bytes(row) || offset + row.size <= limit
        });
        let exist = regions.iter().all(|&region| (region as usize) < rows.len());
        let are_apart = (0..3).all(|region| {
            let here = (0..rows.len()).filter(|&i| regions[i] == region);
            let (here, at): (Vec<Row>, Vec<u64>) =
                here.map(|i| (rows[i].clone(), offsets[i])).unzip();
            peak_of(&here, &at).is_ok()
        });
        prop_assert_eq!(made.is_ok(), fits && exist && are_apart, "{:?}", made);
    }

    #[test]
    fn gaps_are_used_in_every_region(rows in gap_rows(10, 12, 8), limit in 8u64..12) {
        let rows: Vec<GapRow> = rows.into_iter().map(|mut row| {
            row.lifetime.fixed_offset = None;
            row
        }).collect();
        let plan = planner().plan_regions(&gap_oracle::lifetimes(&rows), limit).unwrap();
        for (region, &size) in (0..).zip(plan.sizes()) {
            let here = (0..rows.len()).filter(|&i| plan.regions()[i] == region);
            let (here, offsets): (Vec<GapRow>, Vec<u64>) =
                here.map(|i| (rows[i].clone(), plan.offsets()[i])).unzip();
            prop_assert_eq!(gap_oracle::peak_of(&here, &offsets), Ok(size));
            prop_assert!(size <= limit);
        }
    }
}

/// Instances of every kind that is generated, of about `count` tensors.
fn generated(count: usize, seed: u64) -> [(&'static str, Vec<instances::Row>); 6] {
    [
        ("planted", instances::planted(count, seed).0),
        ("planted_loose", instances::planted_loose(count, seed).0),
        ("layers", instances::layers(count, seed)),
        ("training", instances::training(count / 5, seed)),
        ("stream", instances::stream(count, 12, seed)),
        ("uniform", instances::uniform(count, 12, seed)),
    ]
}

/// Plans such instances in regions of these parts of their load, and returns how many there are,
/// how many have a region more than the bound, and which of them have more than one.
fn beyond_bound(count: usize, seed: u64, parts: &[u64], nodes: u64) -> (usize, usize, Vec<String>) {
    let (mut all, mut one, mut more) = (0, 0, Vec::new());
    for (kind, made) in generated(count, seed) {
        let rows = made.into_iter();
        let rows = rows.map(|row| (row.id, Lifetime::new(row.lower, row.upper, row.size)));
        let rows: Vec<Row> = rows.collect();
        let lifetimes = plan_oracle::lifetimes(&rows);
        let largest = rows.iter().map(|(_, row)| row.size).max().unwrap();
        for &part in parts {
            let limit = largest.max(lifetimes.load() / part);
            let plan = planner().nodes(nodes).plan_regions(&lifetimes, limit);
            let plan = plan.unwrap();
            check(&rows, &plan, limit);
            all += 1;
            match plan.sizes().len() - plan.lower_bound() {
                0 => {}
                1 => one += 1,
                beyond => more.push(format!(
                    "{kind} of {count}, seed {seed}, part {part}: {} regions, {beyond} above the \
                     bound",
                    plan.sizes().len()
                )),
            }
        }
    }
    (all, one, more)
}

#[test]
fn generated_instances_are_at_most_one_region_above_the_bound() {
    let (mut all, mut one, mut more) = (0, 0, Vec::new());
    for (count, seed, parts) in [
        (40, 1, &[2, 3, 5, 8][..]),
        (60, 2, &[2, 5]),
        (150, 3, &[3, 8]),
    ] {
        let found = beyond_bound(count, seed, parts, 50_000);
        all += found.0;
        one += found.1;
        more.extend(found.2);
    }
    assert_eq!(more, Vec::<String>::new());
    assert!(
        2 * one <= all,
        "{one} of {all} instances are above their bounds"
    );
}

#[test]
fn large_tensors_are_spread_where_full_regions_cannot_be_planned() {
    // First fit fills two regions to the limit, and a third has no room for what their plans leave.
    for made in [
        instances::planted(800, 1).0,
        instances::planted_loose(800, 1).0,
    ] {
        let rows = made.into_iter();
        let rows = rows.map(|row| (row.id, Lifetime::new(row.lower, row.upper, row.size)));
        let rows: Vec<Row> = rows.collect();
        let lifetimes = plan_oracle::lifetimes(&rows);
        let limit = lifetimes.load() / 2;
        let plan = planner().nodes(10_000).plan_regions(&lifetimes, limit);
        let plan = plan.unwrap();
        check(&rows, &plan, limit);
        assert_eq!((plan.lower_bound(), plan.sizes().len()), (2, 3));
    }
}

#[test]
#[ignore = "takes minutes; run it with --ignored --release --nocapture"]
fn a_thousand_generated_instances_are_at_most_one_region_above_the_bound() {
    let (mut all, mut one, mut more) = (0, 0, Vec::new());
    for count in [30, 60, 120, 300, 800] {
        for seed in 0..7 {
            let found = beyond_bound(count, seed, &[2, 3, 5, 8, 13], 500_000);
            all += found.0;
            one += found.1;
            more.extend(found.2);
        }
    }
    println!("{all} instances, {one} with one region more than the bound");
    assert!(all >= 1000);
    assert_eq!(more, Vec::<String>::new());
}

#[test]
fn what_there_is_no_time_for_is_stacked_in_regions_of_its_own() {
    // No two may be in one region at a time, as the limit is below their alignment.
    let rows = (0..300).map(|i| {
        (
            i.to_string(),
            Lifetime::new(i, i + 1, 10).with_alignment(1024),
        )
    });
    let rows: Vec<Row> = rows.collect();
    let lifetimes = plan_oracle::lifetimes(&rows);
    let plan = planner().plan_regions(&lifetimes, 1000).unwrap();
    assert_eq!((plan.sizes(), plan.is_optimal()), (&[10][..], true));
    let cancel = Cancel::new();
    cancel.cancel();
    let planner = planner().cancelled_by(&cancel);
    let plan = planner.plan_regions(&lifetimes, 1000).unwrap();
    check(&rows, &plan, 1000);
    assert!(plan.sizes().len() > 100, "{}", plan.sizes().len());
}

#[test]
fn views_are_with_their_roots_and_streams_are_kept_apart() {
    let mut g = GraphBuilder::new();
    let bytes = |size| Layout::array::<u8>(size).unwrap();
    let [x, y] = [0, 1].map(|stream| {
        let tensor = g.tensor(format!("t{stream}"), bytes(600));
        g.op(format!("op{stream}")).stream(stream).writes([tensor]);
        tensor
    });
    let view = g.tensor("view", bytes(300));
    g.op("view").stream(1).view(view, y, 300);
    let graph = g.output(view).build().unwrap();
    let lifetimes = graph.lifetimes_with(Aliasing::Views);
    let plan = planner().plan_regions(&lifetimes, 1000).unwrap();
    assert_ne!(plan.region(x), plan.region(y));
    assert_eq!(plan.region(view), plan.region(y));
    assert_eq!(plan.offset(view), plan.offset(y).map(|offset| offset + 300));
    assert_eq!(plan.sizes(), [600, 600]);
    assert!(plan.is_optimal());
}

#[test]
fn bytes_that_windows_leave_free_are_used_in_a_region() {
    let rows = [
        ("table", 0, 6, 100, 1),
        ("work", 2, 4, 60, 1),
        ("more", 2, 4, 30, 1),
    ];
    let lifetimes = Lifetimes::from_rows(rows).unwrap();
    let window = Piece::new(2..4, 0..10);
    let lifetimes = lifetimes.with_windows(TensorId::new(0), [window]).unwrap();
    let plan = planner().plan_regions(&lifetimes, 100).unwrap();
    assert_eq!((plan.sizes(), plan.is_optimal()), (&[100][..], true));
    let limited = planner().plan_regions(&lifetimes, 101).unwrap();
    assert_eq!(limited.lower_bound(), 1);
}

#[test]
fn what_cannot_be_in_a_region_is_named() {
    let rows = [("small", 0, 1, 10, 1), ("large", 0, 1, 11, 1)];
    let lifetimes = Lifetimes::from_rows(rows).unwrap();
    let refused = planner().plan_regions(&lifetimes, 10).unwrap_err();
    let (id, name) = (TensorId::new(1), "large".to_string());
    assert_eq!(
        refused,
        RegionError::TooLarge {
            id,
            name,
            size: 11,
            limit: 10
        }
    );
    let fixed = [("fixed", Lifetime::new(0, 1, 4).with_fixed_offset(8))];
    let lifetimes = Lifetimes::from_named(fixed).unwrap();
    let refused = planner().plan_regions(&lifetimes, 100).unwrap_err();
    assert!(matches!(refused, RegionError::Fixed { offset: 8, .. }));
    let refused = planner()
        .alignment(3)
        .plan_regions(&Lifetimes::from_rows(rows).unwrap(), 20);
    assert!(matches!(refused, Err(RegionError::Lifetimes(_))));
}

#[test]
#[cfg(feature = "files")]
fn a_stated_bound_must_be_one_that_the_plan_may_have() {
    let rows = [("a", 0, 2, 600, 1), ("b", 0, 2, 600, 1)];
    let lifetimes = Lifetimes::from_rows(rows).unwrap();
    let plan = planner().plan_regions(&lifetimes, 1000).unwrap();
    let mut json = Vec::new();
    plan.write_json(&mut json).unwrap();
    let json = String::from_utf8(json).unwrap();
    let read = |bound: u64| {
        let stated = json.replace("\"lower_bound\": 2", &format!("\"lower_bound\": {bound}"));
        RegionPlan::read_json(stated.as_bytes())
    };
    assert!(read(1).is_ok() && read(2).is_ok());
    let refused = |bound| read(bound).unwrap_err().to_string();
    assert!(refused(99).ends_with("lower_bound is stated as 99, but the plan has 2"));
    assert!(refused(0).ends_with("lower_bound is stated as 0, but the plan has 1"));
}

#[test]
fn a_region_with_too_high_a_number_is_named() {
    let lifetimes = Lifetimes::from_rows([("a", 0, 2, 10, 1), ("b", 0, 2, 10, 1)]).unwrap();
    let refused = RegionPlan::new(lifetimes, 20, vec![0, 2], vec![0, 0]).unwrap_err();
    let expected = "tensor 'b' is in region 2, expected a region below 2, the number of tensors";
    assert_eq!(refused.to_string(), expected);
}

#[test]
fn a_mistake_is_told_in_bytes_of_its_region() {
    let rows = [("a", 0, 2, 10, 1), ("b", 0, 2, 10, 1), ("c", 1, 3, 10, 1)];
    let lifetimes = Lifetimes::from_rows(rows).unwrap();
    let refused = RegionPlan::new(lifetimes, 20, vec![0, 1, 1], vec![0, 0, 5]).unwrap_err();
    let expected = "tensors 'b' and 'c' share bytes 5..10 while both are alive in steps 1..2";
    assert_eq!(refused.to_string(), expected);
}
