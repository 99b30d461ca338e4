//! How a planned region is used over time, and what a buddy arena would need for the same tensors.
//!
//! Stands on [`Plan::usage`] and on
//! [`Lifetimes::simulate_buddy`](orionrt::Lifetimes::simulate_buddy). The JSON has every section
//! of steps between changes of what is alive. In the table for people adjacent sections share a
//! row, which shows the section with the most bytes alive.
//!
//! ```text
//! steps   █ alive, ░ free below   live   reach   idle │ buddy reach   waste
//! 0..4    █████░░░                                    │
//! 4..9    ████████████            the full width of the column is the region
//! ```
//!
//! Invariant: the *n*th section of the plan and the *n*th of the buddy arena are the same steps.

#![forbid(unsafe_code)]

use std::{fmt::Write, ops::Range};

use comfy_table::{CellAlignment, Table, presets};
use orionrt::{
    Plan, TensorId,
    buddy_simulation::{BuddySection, BuddyUsage},
    plan::{Section, Usage},
};
use serde::Serialize;

use crate::{
    escape::printable,
    format::{self, Lines},
};

/// The most rows of the timeline.
const ROWS: usize = 16;
/// The most tensors of the peak in the table.
const TENSORS: usize = 12;
/// The letters of the longest bar.
const BAR: u64 = 24;
/// The most letters of a name that are shown.
const NAME: usize = 48;

/// The use over time of a planned region and of a buddy arena.
struct Report<'p> {
    plan: &'p Plan,
    usage: Usage,
    /// `None` if the sizes are beyond those of any arena.
    buddy: Option<BuddyUsage>,
}

impl<'p> Report<'p> {
    fn of(plan: &'p Plan) -> Self {
        Self {
            plan,
            usage: plan.usage(),
            buddy: simulate_buddy(plan),
        }
    }

    fn buddy_section(&self, index: usize) -> Option<&BuddySection> {
        self.buddy.as_ref()?.sections.get(index)
    }

    /// The tensors alive at the fullest moment, largest first.
    fn at_peak(&self) -> impl Iterator<Item = AtPeak<'p>> {
        let plan = self.plan;
        let each = self.usage.at_peak.iter();
        each.filter_map(move |&id| AtPeak::of(plan, id))
    }
}

/// With blocks of 64 bytes, the default of an arena, or the smallest larger ones that the sizes
/// allow.
fn simulate_buddy(plan: &Plan) -> Option<BuddyUsage> {
    let blocks = (6..usize::BITS).map(|shift| 1 << shift);
    blocks
        .filter_map(|block| plan.lifetimes().simulate_buddy(block).ok())
        .next()
}

/// Everything, for programs.
#[derive(Serialize)]
pub(crate) struct Json<'p> {
    mean_use: f64,
    fullest: Option<SectionJson>,
    at_peak: Vec<AtPeak<'p>>,
    buddy: Option<BuddyJson>,
    sections: Vec<SectionJson>,
}

#[derive(Clone, Serialize)]
struct SectionJson {
    lower: i64,
    upper: i64,
    live_bytes: u64,
    reach: u64,
    idle_bytes: u64,
    #[serde(flatten)]
    buddy: Option<InBuddyJson>,
}

#[derive(Clone, Serialize)]
struct InBuddyJson {
    buddy_granted_bytes: u64,
    buddy_reach: u64,
}

#[derive(Serialize)]
struct AtPeak<'p> {
    id: &'p str,
    size: u64,
    lower: i64,
    upper: i64,
    offset: u64,
}

impl<'p> AtPeak<'p> {
    fn of(plan: &'p Plan, id: TensorId) -> Option<Self> {
        let row = plan.lifetimes().get(id)?;
        Some(Self {
            id: plan.lifetimes().name(id)?,
            size: row.size,
            lower: row.lower,
            upper: row.upper,
            offset: plan.offset(id)?,
        })
    }
}

#[derive(Serialize)]
struct BuddyJson {
    block_bytes: usize,
    peak: u64,
    /// The section that wastes the most.
    worst: Option<SectionJson>,
    internal_bytes_at_worst: u64,
    external_bytes_at_worst: u64,
}

/// The use of a planned region over time as JSON.
pub(crate) fn json(plan: &Plan) -> Json<'_> {
    let report = Report::of(plan);
    let each = report.usage.sections.iter().enumerate();
    let sections: Vec<_> = each.map(|(i, s)| section_json(&report, i, s)).collect();
    let at = |steps: &Range<i64>| sections.iter().find(|s| s.lower == steps.start).cloned();
    Json {
        mean_use: report.usage.mean_use(),
        fullest: report.usage.fullest().and_then(|s| at(&s.steps)),
        at_peak: report.at_peak().collect(),
        buddy: report.buddy.as_ref().map(|buddy| BuddyJson {
            block_bytes: buddy.block_bytes,
            peak: buddy.peak,
            worst: buddy.worst().and_then(|s| at(&s.steps)),
            internal_bytes_at_worst: buddy.worst().map_or(0, BuddySection::internal_bytes),
            external_bytes_at_worst: buddy.worst().map_or(0, BuddySection::external_bytes),
        }),
        sections,
    }
}

fn section_json(report: &Report, index: usize, section: &Section) -> SectionJson {
    SectionJson {
        lower: section.steps.start,
        upper: section.steps.end,
        live_bytes: section.live_bytes,
        reach: section.reach,
        idle_bytes: report.usage.idle_bytes(section),
        buddy: report.buddy_section(index).map(|buddy| InBuddyJson {
            buddy_granted_bytes: buddy.granted_bytes,
            buddy_reach: buddy.reach,
        }),
    }
}

/// The use of a planned region over time for people.
pub(crate) fn text(plan: &Plan) -> String {
    let report = Report::of(plan);
    let mut text = summary(&report);
    if report.usage.sections.is_empty() {
        return text;
    }
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "\n{}\n{}\n\nalive at the fullest moment, largest first:\n{}\n",
        caption(report.usage.sections.len()),
        timeline(&report),
        tensors(&report)
    );
    let more = report.usage.at_peak.len().saturating_sub(TENSORS);
    if more > 0 {
        let _ = writeln!(text, "and {} more", format::thousands(more as u64));
    }
    text
}

fn summary(report: &Report) -> String {
    let mean = 100.0 * report.usage.mean_use();
    let mut lines = Lines::default()
        .block("\nuse over time\n")
        .line("mean use", format!("{mean:.1} % of the region"));
    if let Some(section) = report.usage.fullest() {
        let (live, steps) = (format::bytes(section.live_bytes), steps(&section.steps));
        lines = lines.line("fullest", format!("{live} alive in steps {steps}"));
    }
    let Some(buddy) = &report.buddy else {
        return lines
            .line("buddy arena", "no arena can hold sizes as large as these")
            .finish();
    };
    let blocks = format::thousands(buddy.block_bytes as u64);
    let peak = format::bytes(buddy.peak);
    lines = lines.line(
        "buddy arena",
        format!("{peak} without a plan, in blocks of {blocks} bytes"),
    );
    if let Some(worst) = buddy.worst() {
        let [internal, external] =
            [worst.internal_bytes(), worst.external_bytes()].map(format::bytes);
        let steps = steps(&worst.steps);
        lines = lines
            .line("", format!("most fragmented in steps {steps}:"))
            .line("", format!("{internal} internal, {external} external"));
    }
    lines.finish()
}

fn caption(sections: usize) -> &'static str {
    if sections <= ROWS {
        "█ alive, ░ free below the topmost tensor; the full width is the region:"
    } else {
        "each row at its fullest moment; █ alive, ░ free below the topmost tensor; \
         the full width is the region:"
    }
}

fn timeline(report: &Report) -> Table {
    let header = [
        "steps",
        "use",
        "live",
        "reach",
        "idle",
        "buddy reach",
        "buddy waste",
    ];
    let mut table = table(&header, &[2, 3, 4, 5, 6]);
    let sections = &report.usage.sections;
    let per_row = sections.len().div_ceil(ROWS).max(1);
    for start in (0..sections.len()).step_by(per_row) {
        let end = sections.len().min(start + per_row);
        table.add_row(row(report, start..end));
    }
    table
}

/// Sections that share a row.
fn row(report: &Report, indices: Range<usize>) -> [String; 7] {
    let sections = &report.usage.sections;
    let steps = steps(&(sections[indices.start].steps.start..sections[indices.end - 1].steps.end));
    // Of equal sections the first: `max_by_key` alone would take the last.
    let fullest = indices.rev().max_by_key(|&i| sections[i].live_bytes);
    let fullest = fullest.unwrap_or_default();
    let section = &sections[fullest];
    let buddy = |bytes: fn(&BuddySection) -> u64| {
        let section = report.buddy_section(fullest);
        section.map_or("-".into(), |section| format::short_bytes(bytes(section)))
    };
    [
        steps,
        bar(
            section.live_bytes,
            section.reach,
            report.usage.planned_bytes,
        ),
        format::short_bytes(section.live_bytes),
        format::short_bytes(section.reach),
        format::short_bytes(report.usage.idle_bytes(section)),
        buddy(|section| section.reach),
        buddy(BuddySection::wasted_bytes),
    ]
}

/// Full letters for what is alive, shaded ones up to where the region is in use.
fn bar(live_bytes: u64, reach: u64, planned_bytes: u64) -> String {
    let letters = |bytes: u64| {
        let share = bytes as f64 / planned_bytes.max(1) as f64;
        (share * BAR as f64).round() as usize
    };
    let (live, reach) = (letters(live_bytes), letters(reach));
    "█".repeat(live) + &"░".repeat(reach - live)
}

fn tensors(report: &Report) -> Table {
    let header = ["tensor", "size", "of the peak", "steps", "offset"];
    let mut table = table(&header, &[1, 2, 4]);
    let peak = report.usage.planned_bytes.max(1) as f64;
    for tensor in report.at_peak().take(TENSORS) {
        table.add_row([
            name(tensor.id),
            format::short_bytes(tensor.size),
            format!("{:.1} %", 100.0 * tensor.size as f64 / peak),
            steps(&(tensor.lower..tensor.upper)),
            format::thousands(tensor.offset),
        ]);
    }
    table
}

/// A table with these columns, counted from 0, aligned to the right.
fn table(header: &[&str], numbers: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(header);
    for &column in numbers {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn steps(steps: &Range<i64>) -> String {
    format!("{}..{}", steps.start, steps.end)
}

/// A name for a terminal, shortened if it is long.
fn name(id: &str) -> String {
    // Of a name that is as long as a file, the first letters are enough.
    let begin: String = id.chars().take(NAME + 1).collect();
    let shown = printable(&begin);
    let mut name: String = shown.chars().take(NAME).collect();
    if shown.chars().nth(NAME).is_some() {
        name.pop();
        name.push('…');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_shows_what_is_alive_and_then_what_is_free_below_the_topmost() {
        assert_eq!(bar(100, 100, 100), "█".repeat(24));
        assert_eq!(bar(25, 50, 100), "██████░░░░░░");
        assert_eq!(bar(0, 0, 0), "");
    }

    #[test]
    fn a_shown_name_is_one_short_line() {
        assert_eq!(name("a\nb\u{1b}[1m"), r"a\nb\u{1b}[1m");
        assert_eq!(name(&"é".repeat(48)), "é".repeat(48));
        assert_eq!(name(&"é".repeat(49)), "é".repeat(47) + "…");
    }
}
