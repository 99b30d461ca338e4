//! A schedule as lines of text, for people.
//!
//! Stands on [`format`](crate::format), `quantities`, `moved`, `head` and `left_out`. Invariant:
//! what the answer leaves out or assumes stands beside it.

#![forbid(unsafe_code)]

use orionrt::fit::{FitAction, FitError, Fitted};

use super::{
    head::head,
    left_out::left_out,
    moved,
    quantities::{percent, seconds, share},
};
use crate::{
    format::{self, Lines},
    verbs::fit::{
        asked::Asked,
        files::files,
        schedule::aliasing_name,
        smallest::{NONE_KNOWN, Smallest},
        weights::Weights,
    },
};

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
