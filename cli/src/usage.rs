//! How a plan's region is used over time, and what the same tensors would take from a buddy arena without a plan.
//!
//! Stands on [`Plan::usage`] and [`Lifetimes::simulate_buddy`](orionrt::Lifetimes::simulate_buddy). For programs it is complete: every section. For people
//! neighbouring sections share a row, which tells of the moment when the most bytes are alive.
//!
//! ```text
//! steps   █ alive, ░ free below   live   reach   idle │ buddy reach   waste
//! 0..4    █████░░░                                    │
//! 4..9    ████████████            the region is as wide as the column
//! ```
//!
//! Invariant: the sections of both are those between changes of what is alive, so the *n*th of one and the *n*th of the other are the same steps.

#![forbid(unsafe_code)]

use std::{fmt::Write, ops::Range};

use comfy_table::{CellAlignment, Table, presets};
use orionrt::{
    Plan, TensorId,
    buddy_simulation::{BuddySection, BuddyUsage},
    plan::{Section, Usage},
};
use serde::Serialize;

use crate::report::{self, Lines};

/// Rows of the timeline at most.
const ROWS: usize = 16;
/// Tensors of the peak that are listed for people.
const TENSORS: usize = 12;
/// Letters of the longest bar.
const BAR: u64 = 24;
/// Letters of a name that are shown.
const NAME: usize = 48;

/// A plan's use over time, and that of a buddy arena.
struct Report<'p> {
    plan: &'p Plan,
    usage: Usage,
    /// None where the sizes are beyond what an arena can have.
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

    fn simulate_buddy(&self, index: usize) -> Option<&BuddySection> {
        self.buddy.as_ref()?.sections.get(index)
    }

    /// The tensors alive at the fullest moment, largest first.
    fn at_peak(&self) -> impl Iterator<Item = AtPeak<'p>> {
        let plan = self.plan;
        let each = self.usage.at_peak.iter();
        each.filter_map(move |&id| AtPeak::of(plan, id))
    }
}

/// In blocks of 64 bytes as an arena has them unless told otherwise, or the smallest in which sizes so large can be replayed.
fn simulate_buddy(plan: &Plan) -> Option<BuddyUsage> {
    let blocks = (6..usize::BITS).map(|shift| 1 << shift);
    blocks
        .filter_map(|block| plan.lifetimes().simulate_buddy(block).ok())
        .next()
}

/// All of it, for programs.
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

/// The use of a plan's region over time as an object.
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
        buddy: report.simulate_buddy(index).map(|buddy| InBuddyJson {
            buddy_granted_bytes: buddy.granted_bytes,
            buddy_reach: buddy.reach,
        }),
    }
}

/// The use of a plan's region over time for people.
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
        let _ = writeln!(text, "and {} more", report::thousands(more as u64));
    }
    text
}

fn summary(report: &Report) -> String {
    let mean = 100.0 * report.usage.mean_use();
    let mut lines = Lines::default()
        .title("\nuse over time")
        .line("mean use", format!("{mean:.1} % of the region"));
    if let Some(section) = report.usage.fullest() {
        let (live, steps) = (report::bytes(section.live_bytes), steps(&section.steps));
        lines = lines.line("fullest", format!("{live} alive in steps {steps}"));
    }
    let Some(buddy) = &report.buddy else {
        return lines.line("buddy arena", "none can be so large").finish();
    };
    let blocks = report::thousands(buddy.block_bytes as u64);
    let peak = report::bytes(buddy.peak);
    lines = lines.line(
        "buddy arena",
        format!("{peak} without a plan, in blocks of {blocks} bytes"),
    );
    if let Some(worst) = buddy.worst() {
        let [internal, external] =
            [worst.internal_bytes(), worst.external_bytes()].map(report::bytes);
        let steps = steps(&worst.steps);
        lines = lines
            .line("", format!("fragmented most in steps {steps}:"))
            .line("", format!("{internal} internal, {external} external"));
    }
    lines.finish()
}

fn caption(sections: usize) -> &'static str {
    if sections <= ROWS {
        "█ alive, ░ free below the topmost tensor; the column is as wide as the region:"
    } else {
        "each row at its fullest moment; █ alive, ░ free below the topmost tensor; the column is as wide as the region:"
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
    let a_row = sections.len().div_ceil(ROWS).max(1);
    for start in (0..sections.len()).step_by(a_row) {
        let end = sections.len().min(start + a_row);
        table.add_row(bucket(report, start..end));
    }
    table
}

/// Sections that share a row.
fn bucket(report: &Report, indices: Range<usize>) -> [String; 7] {
    let sections = &report.usage.sections;
    let steps = steps(&(sections[indices.start].steps.start..sections[indices.end - 1].steps.end));
    // The first of those with the most bytes: `max_by_key` alone would take the last.
    let fullest = indices.rev().max_by_key(|&i| sections[i].live_bytes);
    let fullest = fullest.unwrap_or_default();
    let section = &sections[fullest];
    let buddy = |bytes: fn(&BuddySection) -> u64| {
        let section = report.simulate_buddy(fullest);
        section.map_or("-".into(), |section| report::short_bytes(bytes(section)))
    };
    [
        steps,
        bar(section, report.usage.planned_bytes),
        report::short_bytes(section.live_bytes),
        report::short_bytes(section.reach),
        report::short_bytes(report.usage.idle_bytes(section)),
        buddy(|section| section.reach),
        buddy(BuddySection::wasted_bytes),
    ]
}

/// What is alive, and up to where the region is in use.
fn bar(section: &Section, planned_bytes: u64) -> String {
    let letters = |bytes: u64| {
        let share = bytes as f64 / planned_bytes.max(1) as f64;
        (share * BAR as f64).round() as usize
    };
    let (live, reach) = (letters(section.live_bytes), letters(section.reach));
    "█".repeat(live) + &"░".repeat(reach - live)
}

fn tensors(report: &Report) -> Table {
    let header = ["tensor", "size", "of the peak", "steps", "offset"];
    let mut table = table(&header, &[1, 2, 4]);
    let peak = report.usage.planned_bytes.max(1) as f64;
    for tensor in report.at_peak().take(TENSORS) {
        table.add_row([
            name(tensor.id),
            report::short_bytes(tensor.size),
            format!("{:.1} %", 100.0 * tensor.size as f64 / peak),
            steps(&(tensor.lower..tensor.upper)),
            report::thousands(tensor.offset),
        ]);
    }
    table
}

/// A table with numbers on the right of these columns.
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

/// A name on one line, and not a long one.
fn name(id: &str) -> String {
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut name: String = id.chars().take(NAME).map(printable).collect();
    if id.chars().nth(NAME).is_some() {
        name.pop();
        name.push('…');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_what_is_alive_and_then_what_is_below_the_topmost() {
        let section = |live_bytes, reach| Section {
            steps: 0..1,
            live_bytes,
            reach,
        };
        assert_eq!(bar(&section(100, 100), 100), "█".repeat(24));
        assert_eq!(bar(&section(25, 50), 100), "██████░░░░░░");
        assert_eq!(bar(&section(0, 0), 0), "");
    }

    #[test]
    fn a_name_is_one_short_line() {
        assert_eq!(name("a\nb\u{1b}[1m"), "a\u{fffd}b\u{fffd}[1m");
        assert_eq!(name(&"é".repeat(48)), "é".repeat(48));
        assert_eq!(name(&"é".repeat(49)), "é".repeat(47) + "…");
    }
}
