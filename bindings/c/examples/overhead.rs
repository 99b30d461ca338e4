//! What the C interface costs beside the library's own: a million tensors, by both in turns.
//!
//! ```sh
//! cargo run --release -p orionrt-c --example overhead
//! ```
//!
//! Both sides do the same work: they read the same columns and names, or give each tensor its
//! position as a name; make lifetimes, plan, and copy the offsets. The plan is one greedy pass, so
//! that what is around it shows. They take turns in going first. Shown are medians with quartiles,
//! of the times and of the ratio of the two in each round.

use std::ffi::{CString, c_char};
use std::ptr::{null, null_mut};
use std::time::{Duration, Instant};

use ::orionrt_plan::{Lifetime, Lifetimes, LifetimesError, Planner};
use orionrt_c::*;

// What C does for tensors without names, so that Rust can do the same.
#[path = "../src/position.rs"]
mod position;

const TENSORS: usize = 1_000_000;
const ROUNDS: usize = 11;

/// Tensors as columns, with names as each side has them, or none.
struct Columns {
    lower: Vec<i64>,
    upper: Vec<i64>,
    size: Vec<u64>,
    names: Vec<String>,
    c_names: Vec<CString>,
    name_pointers: Vec<*const c_char>,
}

impl Columns {
    fn new(has_names: bool) -> Self {
        let steps = 0..TENSORS as i64;
        let names = steps.clone().filter(|_| has_names);
        let names: Vec<String> = names.map(|i| format!("tensor {i}")).collect();
        let c_names = names.iter().map(|name| CString::new(name.as_str()));
        let c_names: Vec<CString> = c_names.collect::<Result<_, _>>().expect("no zero bytes");
        Self {
            lower: steps.clone().collect(),
            upper: steps.clone().map(|i| i + 1 + i * 7 % 13).collect(),
            size: steps.map(|i| 64 * (1 + i as u64 * 31 % 97)).collect(),
            name_pointers: c_names.iter().map(|name| name.as_ptr()).collect(),
            names,
            c_names,
        }
    }

    fn row(&self, i: usize) -> Lifetime {
        Lifetime::new(self.lower[i], self.upper[i], self.size[i])
    }

    fn lifetimes(&self) -> Result<Lifetimes, LifetimesError> {
        if self.names.is_empty() {
            let named = (0..TENSORS).map(|i| (position::Position::new(i), self.row(i)));
            return Lifetimes::from_named(named);
        }
        let names = self.names.iter().enumerate();
        Lifetimes::from_named(names.map(|(i, name)| (name, self.row(i))))
    }

    fn raw(&self) -> orionrt_columns {
        let packed = |data: *const _| orionrt_column { data, stride: 0 };
        let left_out = packed(null());
        orionrt_columns {
            count: TENSORS,
            lower: packed(self.lower.as_ptr().cast()),
            upper: packed(self.upper.as_ptr().cast()),
            size: packed(self.size.as_ptr().cast()),
            alignment: left_out,
            fixed_offset: left_out,
            root: left_out,
            root_offset: left_out,
            name: match self.c_names.len() {
                0 => left_out,
                _ => packed(self.name_pointers.as_ptr().cast()),
            },
        }
    }
}

/// A part of the times of a plan.
type Part = fn(Times) -> Duration;

/// How long lifetimes took, and planning with the copy of the offsets.
#[derive(Clone, Copy)]
struct Times {
    lifetimes: Duration,
    plan: Duration,
}

fn by_rust(columns: &Columns, offsets: &mut [u64]) -> Times {
    let planner = Planner::new().strategy_named("greedy-size");
    let planner = planner.expect("a strategy").nodes(1);
    let start = Instant::now();
    let lifetimes = columns.lifetimes().expect("they are lifetimes");
    let made = Instant::now();
    let plan = planner.plan(&lifetimes).expect("there is a plan");
    offsets.copy_from_slice(plan.offsets());
    Times {
        lifetimes: made - start,
        plan: made.elapsed(),
    }
}

fn by_c(columns: &Columns, offsets: &mut [u64]) -> Times {
    let columns = columns.raw();
    let ok = |status| assert_eq!(status, orionrt_status::ORIONRT_OK);
    let room = offsets.len();
    let offsets = offsets.as_mut_ptr();
    // SAFETY: the columns have as many values as there are tensors, and each handle is used as it
    // was given and freed once.
    unsafe {
        let (mut lifetimes, mut plan) = (null_mut(), null_mut());
        let planner = orionrt_planner_new();
        let strategy = c"greedy-size".as_ptr();
        ok(orionrt_planner_set_strategy(planner, strategy, null_mut()));
        ok(orionrt_planner_set_node_limit(planner, 1, null_mut()));
        let start = Instant::now();
        let status = orionrt_lifetimes_from_columns(&columns, &mut lifetimes, null_mut());
        let made = Instant::now();
        ok(status);
        ok(orionrt_plan_make(lifetimes, planner, &mut plan, null_mut()));
        ok(orionrt_plan_copy_offsets(plan, offsets, room, null_mut()));
        let times = Times {
            lifetimes: made - start,
            plan: made.elapsed(),
        };
        orionrt_plan_free(plan);
        orionrt_planner_free(planner);
        orionrt_lifetimes_free(lifetimes);
        times
    }
}

/// The median of some values, and their quartiles.
fn quartiles(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let last = values.len() - 1;
    [last / 2, last / 4, last - last / 4].map(|i| values[i])
}

fn compare(what: &str, columns: &Columns) {
    let (mut ours, mut theirs) = (vec![0; TENSORS], vec![0; TENSORS]);
    let rounds = (0..ROUNDS).map(|round| {
        if round % 2 == 0 {
            let rust = by_rust(columns, &mut ours);
            return (rust, by_c(columns, &mut theirs));
        }
        let c = by_c(columns, &mut theirs);
        (by_rust(columns, &mut ours), c)
    });
    let rounds: Vec<(Times, Times)> = rounds.collect();
    assert_eq!(ours, theirs, "both make the same plan");
    let parts: [(&str, Part); 3] = [
        ("lifetimes", |times| times.lifetimes),
        ("plan, offsets", |times| times.plan),
        ("all", |times| times.lifetimes + times.plan),
    ];
    for (name, part) in parts {
        let ms = |times| 1000.0 * part(times).as_secs_f64();
        let rust = quartiles(rounds.iter().map(|round| ms(round.0)));
        let c = quartiles(rounds.iter().map(|round| ms(round.1)));
        let ratio = quartiles(rounds.iter().map(|round| ms(round.1) / ms(round.0)));
        let [rust, c] = [rust, c].map(|[median, low, high]| {
            let range = format!("({low:.0}-{high:.0})");
            format!("{median:>6.0} {range:12}")
        });
        let [median, low, high] = ratio;
        println!("{what:14} {name:14}{rust}{c}{median:>6.2} ({low:.2}-{high:.2})");
    }
}

fn main() {
    println!("{TENSORS} tensors, {ROUNDS} rounds, ms");
    println!("{:32}Rust{:18}C{:14}C / Rust", "", "", "");
    compare("without names", &Columns::new(false));
    compare("with names", &Columns::new(true));
}
