//! Lifetimes and plans, in all forms that are read again. The plan takes a search, which finds the
//! same one everywhere.

use orionrt_plan::{Lifetimes, Plan, Planner, plan::RegionPlan};

use crate::Exchanged;

/// The most bytes of a region, and more than 32 bits can say.
const LIMIT: u64 = 100 << 30;

pub(crate) fn files() -> [Exchanged; 5] {
    let (plan, regions) = (plan(), region_plan());
    let written = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = Vec::new();
        write(&mut bytes);
        bytes
    };
    let in_memory = "memory grows";
    [
        (
            "lifetimes.csv",
            written(&|out| lifetimes().write_csv(out).expect(in_memory)),
            |bytes| assert_eq!(Lifetimes::read_csv(bytes).expect("a table"), lifetimes()),
        ),
        (
            "plan.csv",
            written(&|out| plan.write_csv(out).expect(in_memory)),
            |bytes| {
                let read = Plan::read_csv(bytes).expect("a plan");
                assert_eq!(read.offsets(), self::plan().offsets());
            },
        ),
        (
            "plan.json",
            written(&|out| plan.write_json(out).expect(in_memory)),
            |bytes| {
                let read = Plan::read_json(bytes).expect("a plan");
                assert_eq!(read.offsets(), self::plan().offsets());
            },
        ),
        (
            "regions.csv",
            written(&|out| regions.write_csv(out).expect(in_memory)),
            |bytes| {
                let read = RegionPlan::read_csv(bytes, LIMIT).expect("a plan in regions");
                let own = region_plan();
                assert_eq!(read.regions(), own.regions());
                assert_eq!(read.offsets(), own.offsets());
            },
        ),
        (
            "regions.json",
            written(&|out| regions.write_json(out).expect(in_memory)),
            |bytes| {
                let read = RegionPlan::read_json(bytes).expect("a plan in regions");
                let own = region_plan();
                assert_eq!(read.regions(), own.regions());
                assert_eq!(read.offsets(), own.offsets());
            },
        ),
    ]
}

fn lifetimes() -> Lifetimes {
    let mut state = 1u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) % below
    };
    let rows = (0..60).map(|i| {
        let (lower, length) = (random(100) as i64, 1 + random(30) as i64);
        let size = 1 + random(20 << 30);
        (format!("t{i}, \"é\""), lower, lower + length, size, 64)
    });
    Lifetimes::from_rows(rows).expect("valid")
}

fn plan() -> Plan {
    let planner = Planner::new().nodes(10_000);
    planner.plan(&lifetimes()).expect("a plan")
}

fn region_plan() -> RegionPlan {
    let planner = Planner::new().nodes(1000);
    planner
        .plan_regions(&lifetimes(), LIMIT)
        .expect("a plan in regions")
}
