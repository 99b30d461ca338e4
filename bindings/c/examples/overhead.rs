//! What the C interface costs beside the library's own: a million tensors, by both in turns.
//!
//! ```sh
//! cargo run --release -p orionrt-c --example overhead
//! ```
//!
//! Each plan is one greedy pass, so that what is around it shows. The best of five rounds counts.

use std::ptr::{null, null_mut};
use std::time::{Duration, Instant};

use ::orionrt_plan::{Lifetimes, Planner};
use orionrt_c::*;

const TENSORS: usize = 1_000_000;
const ROUNDS: usize = 5;

/// Tensors as columns.
struct Columns {
    lower: Vec<i64>,
    upper: Vec<i64>,
    size: Vec<u64>,
}

/// How long the parts of a plan take.
#[derive(Clone, Copy)]
struct Times {
    lifetimes: Duration,
    plan: Duration,
    offsets: Duration,
}

impl Times {
    fn sum(self) -> Duration {
        self.lifetimes + self.plan + self.offsets
    }
}

fn columns() -> Columns {
    let steps = 0..TENSORS as i64;
    Columns {
        lower: steps.clone().collect(),
        upper: steps.clone().map(|i| i + 1 + i * 7 % 13).collect(),
        size: steps.map(|i| 64 * (1 + i as u64 * 31 % 97)).collect(),
    }
}

/// By the library itself, which needs a name for each tensor.
fn by_rust(columns: &Columns, offsets: &mut [u64]) -> Times {
    let start = Instant::now();
    let steps = columns.lower.iter().zip(&columns.upper).zip(&columns.size);
    let rows = steps.enumerate();
    let rows = rows.map(|(i, ((&lower, &upper), &size))| (i.to_string(), lower, upper, size, 1));
    let lifetimes = Lifetimes::from_rows(rows).expect("they are lifetimes");
    let made = Instant::now();
    let planner = Planner::new().strategy_named("greedy-size");
    let planner = planner.expect("a strategy").nodes(1);
    let plan = planner.plan(&lifetimes).expect("there is a plan");
    let planned = Instant::now();
    offsets.copy_from_slice(plan.offsets());
    Times {
        lifetimes: made - start,
        plan: planned - made,
        offsets: planned.elapsed(),
    }
}

/// By the C interface, without names.
fn by_c(columns: &Columns, offsets: &mut [u64]) -> Times {
    let packed = |data: *const _| orionrt_column { data, stride: 0 };
    let left_out = packed(null());
    let columns = orionrt_columns {
        count: TENSORS,
        lower: packed(columns.lower.as_ptr().cast()),
        upper: packed(columns.upper.as_ptr().cast()),
        size: packed(columns.size.as_ptr().cast()),
        alignment: left_out,
        fixed_offset: left_out,
        name: left_out,
    };
    let ok = |status| assert_eq!(status, orionrt_status::ORIONRT_OK);
    // SAFETY: the columns have as many values as there are tensors, and each handle is used as it
    // was given and freed once.
    unsafe {
        let (mut lifetimes, mut plan) = (null_mut(), null_mut());
        let planner = orionrt_planner_new();
        ok(orionrt_planner_set_strategy(
            planner,
            c"greedy-size".as_ptr(),
            null_mut(),
        ));
        ok(orionrt_planner_set_node_limit(planner, 1, null_mut()));
        let start = Instant::now();
        ok(orionrt_lifetimes_from_columns(
            &columns,
            &mut lifetimes,
            null_mut(),
        ));
        let made = Instant::now();
        ok(orionrt_plan_make(lifetimes, planner, &mut plan, null_mut()));
        let planned = Instant::now();
        ok(orionrt_plan_copy_offsets(
            plan,
            offsets.as_mut_ptr(),
            offsets.len(),
            null_mut(),
        ));
        let times = Times {
            lifetimes: made - start,
            plan: planned - made,
            offsets: planned.elapsed(),
        };
        orionrt_plan_free(plan);
        orionrt_planner_free(planner);
        orionrt_lifetimes_free(lifetimes);
        times
    }
}

fn main() {
    let columns = columns();
    let (mut ours, mut theirs) = (vec![0; TENSORS], vec![0; TENSORS]);
    let rounds = (0..ROUNDS).map(|_| {
        let rust = by_rust(&columns, &mut ours);
        (rust, by_c(&columns, &mut theirs))
    });
    let (rust, c): (Vec<Times>, Vec<Times>) = rounds.unzip();
    assert_eq!(ours, theirs, "both make the same plan");
    let best = |times: Vec<Times>| times.into_iter().min_by_key(|times| times.sum());
    println!("{TENSORS} tensors, ms    lifetimes      plan   offsets       sum");
    for (name, times) in [("Rust", best(rust)), ("C", best(c))] {
        let times = times.expect("there are rounds");
        let parts = [times.lifetimes, times.plan, times.offsets, times.sum()];
        let parts = parts.map(|part| format!("{:>10.1}", 1000.0 * part.as_secs_f64()));
        println!("{name:22}{}", parts.concat());
    }
}
