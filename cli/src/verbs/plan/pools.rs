//! Tensors divided among several memories (`--pool`).
//!
//! Stands on the library's pools. Invariant: the file is complete before it gets its name, and the
//! result is printed only then. With parts of results, the tensors are divided with and without
//! them, and the division is kept that leaves less traffic to the pools behind.

#![forbid(unsafe_code)]

use std::{
    ops::Not,
    time::{Duration, Instant},
};

use orionrt::{
    Lifetimes, TensorId,
    planner::{Cancel, PlannerError},
    pools::{self, Pool, PoolError, PoolPlan, PoolPlans, PoolReason},
};
use serde::Serialize;

use super::files::files;
use crate::{
    args::{PlanArgs, PlanFormat, PoolArg},
    failure::Failure,
    figures::{self, PlanJson},
    format::{self, Lines},
    input::{Input, Origin, WEIGHT},
    output,
    parts::{self, KeptPartsJson},
    progress,
    staging::stage,
};

/// How many of the tensors that are in no fast pool are listed for people.
const LISTED: usize = 8;

/// Why parts of results are not kept.
const SERVES_LESS: &str = "the pools in front would serve less";

/// Divides the tensors among the pools and plans each.
pub(super) fn plan(args: &PlanArgs, input: &mut Input, cancel: &Cancel) -> Result<(), Failure> {
    let output = args.output.as_ref();
    if let Some(file) = output.filter(|file| file.format != PlanFormat::Csv) {
        let file = file.path.display();
        return Err(Failure::Usage(format!(
            "--output '{file}' is for the plan of one memory, expected .csv with --pool"
        )));
    }
    let mut weights = weights_of(args, input, &input.lifetimes)?;
    let pools = args.pools.iter().map(|PoolArg { name, capacity }| {
        let pool = Pool::new(name);
        match capacity {
            Some(capacity) => pool.with_capacity(*capacity),
            None => pool,
        }
    });
    let pools: Vec<Pool> = pools.collect();
    let planner = args.search.planner(input.alignment, cancel);
    let start = Instant::now();
    let message = format!("planning {} tensors", input.lifetimes.len());
    let plan = |lifetimes: &Lifetimes, weights: &Weights| {
        let plan = || planner.plan_pools(lifetimes, &weights.of, &pools);
        progress::with_spinner(message.clone(), plan)
    };
    let mut planned = plan(&input.lifetimes, &weights);
    if let Some(without) = input.without_parts() {
        let other = weights_of(args, input, without)?;
        let second = plan(without, &other);
        if leaves_less(&second, &planned) {
            (planned, weights) = (second, other);
            input.leave_parts_out();
        }
    }
    let plans = planned.map_err(|error| failure(args, error))?;
    let time = start.elapsed();
    if let Some(file) = output {
        let staged = stage(&file.path, |output| match &input.origin {
            Origin::Csv(table) => {
                let names = plans.pool_names();
                table.write_with_column("device", &names, &plans.offsets(), output)
            }
            _ => plans.write_csv(output),
        });
        staged?.commit()?;
    }
    match args.json {
        true => output::print_json(&json(input, &plans, &weights, time, cancel)),
        false => output::print(&text(args, input, &plans, &weights, time, cancel)),
    }
}

/// Whether one way to divide tensors leaves less traffic than another to the pools behind the
/// first, or as much, and less to those behind the second, and so on.
fn leaves_less(one: &Result<PoolPlans, PoolError>, other: &Result<PoolPlans, PoolError>) -> bool {
    let left = |plans: &PoolPlans| {
        let behind = (1..plans.pools().len()).map(|first| &plans.pools()[first..]);
        let traffic = behind.map(|pools| pools.iter().map(|pool| pool.traffic).sum());
        traffic.collect::<Vec<u64>>()
    };
    match (one, other) {
        (Ok(one), Ok(other)) => left(one) < left(other),
        (one, other) => one.is_ok() && other.is_err(),
    }
}

fn failure(args: &PlanArgs, error: PoolError) -> Failure {
    let path = args.source.input.clone();
    match error {
        PoolError::Duplicate { .. } | PoolError::NoPool => Failure::Usage(error.to_string()),
        PoolError::Planner { pool, error } if matches!(*error, PlannerError::Capacity { .. }) => {
            Failure::Capacity {
                path,
                reached: format!("what is left for pool '{pool}' does not fit: {error}"),
                unwritten: files(args),
            }
        }
        error => Failure::file(&path, error),
    }
}

/// What each tensor is worth, and where that is from.
struct Weights {
    of: Vec<u64>,
    source: &'static str,
}

/// Those of the tensors with these lifetimes.
fn weights_of(args: &PlanArgs, input: &Input, lifetimes: &Lifetimes) -> Result<Weights, Failure> {
    if let Some(model) = input.graph() {
        return Ok(Weights {
            of: pools::traffic(&model.graph, lifetimes),
            source: "bytes that the operators read and write",
        });
    }
    let failed =
        |error: Box<dyn std::error::Error + Send + Sync>| Failure::file(&args.source.input, error);
    let column = match &input.origin {
        Origin::Csv(table) => table.column(WEIGHT).map_err(|error| failed(error.into()))?,
        _ => None,
    };
    let Some(column) = column else {
        let rows = input.lifetimes.rows().iter();
        return Ok(Weights {
            of: rows.map(|row| row.size.saturating_mul(2)).collect(),
            source: "the size of each tensor twice: one write and one read",
        });
    };
    let each = column.iter().zip(input.lifetimes.iter());
    let each = each.map(|(text, (_, name, _))| {
        text.trim().parse::<u64>().map_err(|_| {
            failed(
                format!(
                    "id '{name}': weight is '{text}', expected a whole number that is not negative"
                )
                .into(),
            )
        })
    });
    Ok(Weights {
        of: each.collect::<Result<_, _>>()?,
        source: "the column weight",
    })
}

#[derive(Serialize)]
struct Json<'p> {
    buffers: usize,
    total_bytes: u64,
    traffic: u64,
    traffic_source: &'static str,
    pools: Vec<PoolJson<'p>>,
    tensors: Vec<TensorJson<'p>>,
    elapsed_ms: f64,
    alignment: u64,
    #[serde(skip_serializing_if = "Not::not")]
    interrupted: bool,
    left_out: usize,
    #[serde(flatten)]
    parts: Option<KeptPartsJson>,
    load_ms: f64,
    load_peak_rss_bytes: Option<u64>,
}

#[derive(Serialize)]
struct PoolJson<'p> {
    pool: &'p str,
    capacity: Option<u64>,
    traffic: u64,
    /// Whether no other choice of tensors serves more.
    best_choice: bool,
    #[serde(flatten)]
    plan: PlanJson<'p>,
}

#[derive(Serialize)]
struct TensorJson<'p> {
    id: &'p str,
    pool: &'p str,
    offset: u64,
    traffic: u64,
    /// Why it is not in the first pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

fn json<'p>(
    input: &Input,
    plans: &'p PoolPlans,
    weights: &Weights,
    time: Duration,
    cancel: &Cancel,
) -> Json<'p> {
    let pool = |planned: &'p PoolPlan| PoolJson {
        pool: &planned.pool.name,
        capacity: planned.pool.capacity,
        traffic: planned.traffic,
        best_choice: planned.is_best,
        plan: PlanJson::new(&planned.plan),
    };
    let tensors = plans.lifetimes().iter().map(|(id, name, _)| TensorJson {
        id: name,
        pool: pool_name(plans, id),
        offset: plans.offset(id).unwrap_or(0),
        traffic: plans.traffic(id),
        why: plans.why_not_in(id, 0).map(|why| reason(&why)),
    });
    Json {
        buffers: figures::buffers(plans.lifetimes()),
        total_bytes: plans.lifetimes().total_bytes(),
        traffic: plans.total_traffic(),
        traffic_source: weights.source,
        pools: plans.pools().iter().map(pool).collect(),
        tensors: tensors.collect(),
        elapsed_ms: format::milliseconds(time),
        alignment: input.alignment,
        interrupted: cancel.is_cancelled(),
        left_out: input.limits().left_out,
        parts: KeptPartsJson::of(input),
        load_ms: format::milliseconds(input.load_time),
        load_peak_rss_bytes: input.peak_rss_bytes,
    }
}

fn pool_name(plans: &PoolPlans, id: TensorId) -> &str {
    let pool = plans.pool_of(id).and_then(|pool| plans.pools().get(pool));
    pool.map_or("", |planned| &planned.pool.name)
}

/// `full in steps 3..5, with 128 bytes free`
fn reason(why: &PoolReason) -> String {
    match why {
        PoolReason::TooLarge => "larger than the pool".into(),
        PoolReason::Full { steps, free } => {
            let free = format::bytes(*free);
            let (start, end) = (steps.start, steps.end);
            format!("others that are worth more leave {free} in steps {start}..{end}")
        }
        _ => "the free bytes are not contiguous, or are those of other streams".into(),
    }
}

fn text(
    args: &PlanArgs,
    input: &Input,
    plans: &PoolPlans,
    weights: &Weights,
    time: Duration,
    cancel: &Cancel,
) -> String {
    let tensors = format::thousands(figures::buffers(plans.lifetimes()) as u64);
    let total = format::bytes(plans.lifetimes().total_bytes());
    let mut lines = Lines::default()
        .title(args.source.input.display().to_string())
        .line("tensors", format!("{tensors}, {total} in total"))
        .line("traffic", weights.source);
    if let Some(facts) = parts::facts(input) {
        lines = lines.line("parts", parts::line(facts, SERVES_LESS));
    }
    lines = lines
        .line("planned in", format::duration(time))
        .line("loaded in", format::duration(input.load_time));
    if input.limits().left_out > 0 {
        let count = format::thousands(input.limits().left_out as u64);
        lines = lines.line("left out", format!("{count} of what the model has"));
    }
    if cancel.is_cancelled() {
        lines = lines.line("interrupted", "these are the best plans found until then");
    }
    if let Some(file) = &args.output {
        lines = lines.line("written", file.path.display().to_string());
    }
    let all = plans.total_traffic().max(1);
    for planned in plans.pools() {
        let share = 100.0 * planned.traffic as f64 / all as f64;
        let rows = planned.plan.lifetimes().rows().iter();
        let held = format::thousands(rows.filter(|row| row.occupies()).count() as u64);
        let capacity = match planned.pool.capacity {
            Some(capacity) => format!(" of {}", format::bytes(capacity)),
            None => String::new(),
        };
        lines = lines
            .title(format!("pool {}", planned.pool.name))
            .line("tensors", held)
            .line(
                "peak",
                format!("{}{capacity}", format::bytes(planned.plan.peak())),
            )
            .line("serves", format!("{share:.1} % of the traffic"));
        if planned.is_best && plans.pools().len() > 1 {
            lines = lines.line("", "no other choice serves more");
        }
    }
    not_in_first(lines, plans).finish()
}

/// The tensors worth most that are not in the first pool, and why.
fn not_in_first(mut lines: Lines, plans: &PoolPlans) -> Lines {
    let tensors = plans.lifetimes().iter();
    let others = tensors.filter_map(|(id, name, row)| {
        let why = plans.why_not_in(id, 0).filter(|_| row.within.is_none())?;
        Some((plans.traffic(id), name, why))
    });
    let mut others: Vec<(u64, &str, PoolReason)> = others.collect();
    others.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    let first = plans.pools().first().map(|planned| &*planned.pool.name);
    if let (Some(first), false) = (first, others.is_empty()) {
        lines = lines.title(format!("not in pool {first}"));
    }
    for (_, name, why) in others.iter().take(LISTED) {
        lines = lines.line("", format!("{name}: {}", reason(why)));
    }
    let more = others.len().saturating_sub(LISTED);
    if more > 0 {
        let more = format::thousands(more as u64);
        lines = lines.line("", format!("and {more} more (--json lists all)"));
    }
    lines
}
