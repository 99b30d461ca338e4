//! A schedule as lines of text, for people.
//!
//! Stands on [`format`](crate::format), `quantities` and `moved`. Invariant: what the answer leaves
//! out or assumes stands beside it.

#![forbid(unsafe_code)]

use orionrt::fit::{FitAction, FitError, Fitted};

use super::{
    moved,
    quantities::{percent, rate, seconds, share},
};
use crate::{
    args::Order,
    format::{self, Lines},
    input,
    verbs::fit::{
        asked::Asked,
        costs::CostSource,
        files::files,
        schedule::aliasing_name,
        smallest::{NONE_KNOWN, Smallest},
        weights::Weights,
    },
};

/// How many of the things that are left out are listed for people.
const LISTED: usize = 5;

/// What a proof holds for.
const TRIED: &str = "in the orders and with the sharing of bytes that were tried";

/// A schedule was found.
pub(crate) fn text(asked: &Asked<'_>, capacity: u64, fitted: &Fitted) -> String {
    let before = asked.before.peak();
    let peak = fitted.fast_plan().peak();
    let mut lines = head(asked)
        .line("capacity", format::bytes(capacity))
        .line("fits", "yes")
        .line(
            "peak",
            format!(
                "{}, {} of the peak before",
                format::bytes(peak),
                share(peak, before)
            ),
        );
    if asked.slow.is_some() {
        let peak = fitted.slow_plan().peak();
        lines = lines.line("slow memory", format!("peak {}", format::bytes(peak)));
    }
    if let Some(weights) = asked.weights(fitted) {
        lines = streamed(lines, &weights);
    }
    lines = added(lines, asked, fitted);
    lines = left_out(lines, asked);
    if asked.cancel.is_cancelled() {
        lines = lines.line("interrupted", "this is the best schedule found until then");
    }
    for file in files(asked.args) {
        lines = lines.line("written", file.display().to_string());
    }
    lines.finish() + &moved::table(&asked.model.graph, fitted.schedule())
}

/// Where the weights are.
fn streamed(lines: Lines, weights: &Weights) -> Lines {
    let [all, peak, once, fetched] = [
        weights.bytes,
        weights.fast_peak,
        weights.fetched_once,
        weights.fetched,
    ]
    .map(format::bytes);
    let tensors = format::count(weights.tensors as u64, "tensor");
    let place = format!("{all} in {tensors}, in the slow memory at the start");
    let moved = format!("{fetched} are fetched; {once} of the weights once, to be kept");
    lines
        .line("weights", place)
        .line("", format!("at most {peak} at once in the fast memory"))
        .line("", moved)
}

/// No schedule was found.
pub(crate) fn not_found(
    asked: &Asked<'_>,
    capacity: u64,
    error: &FitError,
    smallest: &Smallest,
) -> String {
    let verdict = match error {
        FitError::Impossible { .. } => {
            "no, which is proven for the orders and the sharing of bytes that were tried"
        }
        _ => "no schedule was found, nor a proof that there is none",
    };
    let mut lines = head(asked)
        .line("capacity", format::bytes(capacity))
        .line("fits", verdict)
        .line("why", error.to_string());
    lines = match &smallest.known {
        Some(known) => {
            let added = known.fitted.cost().seconds();
            let percent = percent(asked.percent(added));
            lines
                .line(
                    "smallest",
                    format!(
                        "{}, the smallest capacity that is known to work",
                        format::bytes(known.capacity)
                    ),
                )
                .line(
                    "",
                    format!("for {} of added time, {percent}", seconds(added)),
                )
        }
        None => lines.line("smallest", format!("none is known: {NONE_KNOWN}")),
    };
    if let Some(below) = nothing_below(smallest.proven).filter(|_| smallest.proven > capacity) {
        lines = lines.line("", below);
    }
    lines = left_out(lines, asked);
    if asked.cancel.is_cancelled() {
        lines = lines.line("interrupted", "a longer search may find more");
    }
    lines.finish()
}

/// That no capacity below one works, if that is proven of any.
pub(super) fn nothing_below(proven: u64) -> Option<String> {
    let below = || {
        let proven = format::bytes(proven);
        format!("no capacity below {proven} works {TRIED}")
    };
    (proven > 0).then(below)
}

/// The model, the ways, and the peak without them.
pub(super) fn head(asked: &Asked<'_>) -> Lines {
    let args = asked.args;
    let mut lines = Lines::default()
        .title(args.input.display().to_string())
        .line(
            "model",
            format!(
                "{}, {} by themselves",
                format::count(asked.model.graph.ops().len() as u64, "operator"),
                seconds(asked.costs.total())
            ),
        )
        .line("costs", costs(asked))
        .line(
            "peak before",
            format!(
                "{}, in the order of {}, aliasing {}",
                format::bytes(asked.before.peak()),
                match &args.model.order {
                    Order::Given(path) => path.display().to_string(),
                    _ => "the model".into(),
                },
                args.model.aliasing.name()
            ),
        );
    for (at, way) in ways(asked).into_iter().enumerate() {
        lines = lines.line(if at == 0 { "ways" } else { "" }, way);
    }
    lines
}

fn costs(asked: &Asked<'_>) -> String {
    let source = match &asked.costs.source {
        CostSource::Measured(path) => format!("measured, from {}", path.display()),
        CostSource::Estimated { flops, memory } => {
            let [flops, memory] = [rate(*flops, "FLOP/s"), rate(*memory, "B/s")];
            format!("estimated at {flops} and {memory}, not measured")
        }
    };
    match asked.costs.not_repeatable() {
        0 => source,
        count => {
            let operators = format::count(count as u64, "operator");
            format!("{source}; {operators} may not be rerun")
        }
    }
}

/// The ways in which memory may be saved.
fn ways(asked: &Asked<'_>) -> Vec<String> {
    let mut ways = Vec::new();
    if let Some(slow) = asked.slow {
        let [write, read] =
            [slow.write_bytes_per_second, slow.read_bytes_per_second].map(|of| rate(of, "B/s"));
        let size = format::short_bytes(slow.capacity);
        let one_way = match slow.is_half_duplex {
            true => ", one way at a time",
            false => "",
        };
        ways.push(format!(
            "spill to {size} of slow memory, written at {write}, read at {read}{one_way}"
        ));
    }
    if let Some(compress) = asked.args.compress {
        let speed = rate(compress.speed.0, "B/s");
        ways.push(format!(
            "compress to 1/{} of the bytes at {speed}, if the data allow it",
            compress.ratio
        ));
    }
    if !asked.args.no_recompute {
        ways.push("rerun operators".into());
    }
    if asked.args.model.order == Order::Memory {
        ways.push("reorder operators".into());
    }
    if ways.is_empty() {
        ways.push("none: --slow, --compress or --order memory gives one".into());
    }
    ways
}

/// The added time, by kind, and how far it is from the least.
fn added(mut lines: Lines, asked: &Asked<'_>, fitted: &Fitted) -> Lines {
    let cost = fitted.cost();
    let total = cost.seconds();
    lines = lines.line(
        "added time",
        format!(
            "{}, {} of the model's time",
            seconds(total),
            percent(asked.percent(total))
        ),
    );
    let kinds = [
        ("spilled", cost.written_bytes, cost.spill_seconds),
        ("fetched", cost.read_bytes, cost.fetch_seconds),
        ("compressed", cost.compressed_bytes, cost.compress_seconds),
        ("expanded", cost.expanded_bytes, cost.expand_seconds),
    ];
    for (kind, bytes, time) in kinds.into_iter().filter(|(_, bytes, _)| *bytes > 0) {
        let bytes = format::bytes(bytes);
        lines = lines.line("", format!("{kind} {bytes} in {}", seconds(time)));
    }
    if cost.reruns > 0 {
        let reruns = format::count(cost.reruns as u64, "rerun");
        let time = seconds(cost.rerun_seconds);
        lines = lines.line("", format!("{reruns} in {time}"));
    }
    lines = overlapped(lines, asked, fitted);
    let bound = fitted.lower_bound();
    let far = match (total, bound) {
        (0.0, _) => "optimal: nothing is added".into(),
        (_, 0.0) => "none is known".into(),
        _ => format!(
            "{}; the answer adds {:.2} times that",
            seconds(bound),
            total / bound
        ),
    };
    lines = lines.line("lower bound", far);
    let asked_for = asked.args.model.aliasing;
    if fitted.aliasing() != asked_for.into() {
        let used = aliasing_name(fitted.aliasing());
        lines = lines.line(
            "aliasing",
            format!("{used}: nothing fits with {}", asked_for.name()),
        );
    }
    lines
}

/// The added time if transfers run beside operators, and how far ahead fetches are.
fn overlapped(mut lines: Lines, asked: &Asked<'_>, fitted: &Fitted) -> Lines {
    let cost = fitted.cost();
    let overlap = asked.overlap(fitted);
    let moves = cost.written_bytes > 0 || cost.read_bytes > 0;
    let Some(overlap) = overlap.filter(|_| moves) else {
        return lines;
    };
    let [added, waited] = [overlap.added_seconds(), overlap.waited_seconds()];
    let text = match added == 0.0 {
        true => "nothing is added if transfers run beside operators".into(),
        false => format!(
            "{}, {}, if transfers run beside operators, which wait {} for them",
            seconds(added),
            percent(asked.percent(added)),
            seconds(waited)
        ),
    };
    lines = lines.line("overlapped", text);
    if asked.args.prefetch {
        let schedule = fitted.schedule();
        let steps = schedule.steps.iter().enumerate();
        let fetches = steps.filter(|(_, step)| matches!(step.action, FitAction::Fetch(_)));
        let ahead: Vec<usize> = fetches
            .map(|(at, _)| schedule.operators_ahead(at))
            .collect();
        let early = ahead.iter().filter(|&&operators| operators > 0).count();
        let most = ahead.iter().copied().max().unwrap_or(0);
        let all = format::thousands(ahead.len() as u64);
        let text = match early {
            0 => format!("none of {all} fetches is ahead of its use"),
            early => {
                let early = format::thousands(early as u64);
                let operators = format::count(most as u64, "operator");
                format!("{early} of {all} fetches are ahead of their use, by up to {operators}")
            }
        };
        lines = lines.line("", text);
    }
    lines
}

/// What is not in the answer, and how long it took.
pub(super) fn left_out(mut lines: Lines, asked: &Asked<'_>) -> Lines {
    let facts = asked.facts;
    for (name, size) in &facts.assumed {
        lines = lines.assumed(name, *size);
    }
    for (name, bound) in &facts.bounds {
        let bound = format!("{name} is at most {bound}: sizes that follow from it are bounds");
        lines = lines.line("bounded", bound);
    }
    let (constants, computed) = facts.computed_constants;
    let outside = facts.weights_bytes.saturating_sub(asked.tensor_weights());
    let weights = outside.saturating_add(computed);
    let mut unfitted = format!("{} of weights", format::bytes(weights));
    if constants > 0 {
        unfitted += " and computed constants";
    }
    // With all weights as tensors, nothing may be left.
    let is_whole = asked.args.stream_weights && weights == 0;
    let mut label = "left out";
    if !is_whole {
        lines = lines.line(label, format!("{unfitted}: they are in neither memory"));
        label = "";
    }
    for one in facts.left_out.iter().take(LISTED) {
        let reason = input::reason(&one.reason);
        lines = lines.line(label, format!("{}: {reason}", one.name));
        label = "";
    }
    let more = facts.left_out.len().saturating_sub(LISTED);
    if more > 0 {
        let more = format::thousands(more as u64);
        lines = lines.line("", format!("and {more} more (--json lists all)"));
    }
    lines
        .line("fitted in", format::duration(asked.start.elapsed()))
        .line("loaded in", format::duration(asked.input.load_time))
}
