//! The result of `orionrt plan` as lines of text, for people.
//!
//! Stands on [`figures`](crate::figures), on [`model`](super::model) and on what each kind of file
//! has beside a plan. Invariant: reading the file and planning are timed apart.

#![forbid(unsafe_code)]

use super::model::model_lines;
use crate::{
    args::PlanArgs,
    figures,
    format::{self, Lines},
    input::{Input, Origin},
    verbs::plan::{
        alternate, files::files, heaptrack, process, search::Found, snapshot, usage, why, xla,
    },
};

pub(crate) fn text(args: &PlanArgs, input: &Input, found: &Found) -> String {
    let plan = &found.plan;
    let mut lines = Lines::default().title(args.source.input.display().to_string());
    match &input.origin {
        Origin::Model(model) => lines = model_lines(lines, model, plan),
        Origin::Snapshot(facts) => lines = snapshot::lines(lines, facts, plan),
        Origin::Heaptrack(facts) => lines = heaptrack::lines(lines, facts, plan),
        Origin::Process(facts) => lines = process::lines(lines, facts, plan),
        #[cfg(target_os = "linux")]
        Origin::Trace(facts) => lines = crate::verbs::plan::trace::lines(lines, facts),
        Origin::Xla(facts) => lines = xla::lines(lines, facts, plan),
        Origin::MemorySpaces(facts) => lines = alternate::lines(lines, facts, plan),
        Origin::Csv(_) | Origin::Rows => {}
    }
    if let Some(device) = &input.planned_for {
        lines = lines.line("device", device.to_string());
    }
    let tensors = format::thousands(figures::buffers(plan.lifetimes()) as u64);
    let total = format::bytes(plan.lifetimes().total_bytes());
    let (alignment, seed) = (input.alignment, args.search.seed);
    lines = lines
        .line("tensors", format!("{tensors}, {total} in total"))
        .peak(plan, input.limits())
        .line(
            "strategy",
            format!("{}, alignment {alignment}, seed {seed}", plan.strategy()),
        )
        .line("planned in", format::duration(found.time))
        .line("loaded in", loaded(input));
    if let (Some(kept), Some(path)) = (found.kept, &args.keep) {
        let [tensors, of] = [kept.tensors, kept.of].map(|count| format::thousands(count as u64));
        let kept = format!("{tensors} of {of} tensors of {}", path.display());
        lines = lines.line("kept", kept);
    }
    if let Some(why) = &found.why {
        lines = why::lines(lines, why, plan);
    }
    if found.interrupted {
        lines = lines.line("interrupted", "this is the best plan found until then");
    }
    let written = found.failure.is_none();
    for file in files(args).iter().filter(|_| written) {
        lines = lines.line("written", file.display().to_string());
    }
    let report = args.report.then(|| usage::text(plan));
    lines.finish() + &report.unwrap_or_default()
}

/// How long reading the file took, as opposed to planning.
fn loaded(input: &Input) -> String {
    let time = format::duration(input.load_time);
    match input.peak_rss_bytes {
        Some(bytes) => format!(
            "{time}, peak resident memory {}",
            format::short_bytes(bytes)
        ),
        None => time,
    }
}
