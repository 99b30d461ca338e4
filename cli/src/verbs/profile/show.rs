//! What is printed of a profile.
//!
//! Stands on [`heap_profile`](crate::heap_profile). Invariant: names are printed without characters
//! that change a terminal.

#![forbid(unsafe_code)]

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::accuracy::{Accuracy, half_width_of_change};
use crate::{
    escape::printable,
    format::{self, Lines},
    heap_profile::{Row, Stacks, Value},
};

/// The most comments that are shown.
const MOST_COMMENTS: usize = 12;
/// The most letters of a name that are shown.
const LONGEST: usize = 200;

/// What is shown, and of what.
pub(super) struct Shown<'s> {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) unit: String,
    pub(super) stacks: &'s Stacks,
    pub(super) rows: &'s [Row],
    /// How many of the rows are shown.
    pub(super) top: usize,
    /// The name of the profile to compare with.
    pub(super) before: Option<String>,
    /// How many addresses have no function.
    pub(super) unnamed: usize,
    pub(super) accuracy: Accuracy,
    /// That of the profile to compare with.
    pub(super) accuracy_before: Accuracy,
    pub(super) comments: Vec<String>,
    pub(super) written: Vec<String>,
}

/// A value in its unit.
pub(super) fn value(of: i64, unit: &str) -> String {
    let sign = if of < 0 { "-" } else { "" };
    let size = of.unsigned_abs();
    match unit {
        "bytes" => format!("{sign}{}", format::short_bytes(size)),
        _ => format!("{sign}{}", format::thousands(size)),
    }
}

/// The beginning of a name, printable.
fn shortened(name: &str) -> String {
    let mut letters = name.chars();
    let beginning: String = letters.by_ref().take(LONGEST).collect();
    let more = if letters.next().is_some() { "…" } else { "" };
    printable(&beginning).into_owned() + more
}

impl Shown<'_> {
    fn is_change(&self) -> bool {
        self.before.is_some()
    }

    fn value(&self, of: i64) -> String {
        value(of, &self.unit)
    }

    /// A change with its sign, or a value.
    fn of(&self, of: Value) -> String {
        match self.is_change() {
            false => self.value(of.now),
            true if of.change() > 0 => format!("+{}", self.value(of.change())),
            true => self.value(of.change()),
        }
    }

    /// A total, with the interval that it may be in.
    fn total(&self, of: i64, accuracy: &Accuracy) -> String {
        let mut text = self.value(of);
        if let Some(ends) = accuracy.interval {
            let [low, high] = ends.map(|end| self.value(i64::try_from(end).unwrap_or(i64::MAX)));
            text += &format!(", 95 % interval {low} to {high}");
        }
        text
    }

    /// The change of the total, with the interval that it may be in.
    fn change(&self, total: Value) -> String {
        let mut text = self.of(total);
        if let Some(half) = half_width_of_change(&self.accuracy, &self.accuracy_before) {
            let change = total.change();
            let (low, high) = (change.saturating_sub(half), change.saturating_add(half));
            let [low, high] = [low, high].map(|end| {
                let sign = if end > 0 { "+" } else { "" };
                format!("{sign}{}", self.value(end))
            });
            text += &format!(", 95 % interval {low} to {high}");
        }
        text
    }

    /// What to know of the numbers, and the comments that say something else.
    fn notes(&self) -> Vec<&str> {
        let mut notes = Vec::new();
        if self.accuracy.has_few_samples(&self.kind) {
            notes.push("too few samples to rely on; a lower every= in ORIONRT_PROFILE takes more");
        }
        let half = half_width_of_change(&self.accuracy, &self.accuracy_before);
        let change = self.stacks.total().change().unsigned_abs();
        if self.is_change() && half.is_some_and(|half| change <= half.unsigned_abs()) {
            notes.push("the change may be chance alone: 0 is in its interval");
        }
        let others = self.accuracy.others.iter().take(MOST_COMMENTS);
        notes.extend(others.map(String::as_str));
        notes
    }

    fn share(&self, of: Value) -> String {
        let total = self.stacks.total().now;
        match total {
            0 => String::new(),
            _ => format!("{:.1} %", of.now as f64 / total as f64 * 100.0),
        }
    }

    pub(super) fn text(&self) -> String {
        let total = self.stacks.total();
        let unit = if self.unit.is_empty() { "" } else { ", " };
        let mut lines = Lines::default().title(&self.name);
        if let Some(command) = &self.accuracy.command {
            lines = lines.line("command", shortened(command));
        }
        lines = lines
            .line("type", format!("{}{unit}{}", self.kind, self.unit))
            .line("total", self.total(total.now, &self.accuracy));
        if let Some(before) = &self.before {
            lines = lines
                .line(
                    "before",
                    format!(
                        "{} ({before})",
                        self.total(total.before, &self.accuracy_before)
                    ),
                )
                .line("change", self.change(total));
        }
        lines = lines.line("stacks", format::thousands(self.stacks.len() as u64));
        if self.unnamed > 0 {
            let places = format::count(self.unnamed as u64, "address");
            let places = places.replace("addresss", "addresses");
            lines = lines.line("without name", places);
        }
        if let Some([all, live]) = self.accuracy.samples {
            let [all, live] = [all, live].map(format::thousands);
            lines = lines.line("samples", format!("{live} live of {all}"));
        }
        for note in self.notes() {
            lines = lines.line("note", note);
        }
        for file in &self.written {
            lines = lines.line("written", file);
        }
        lines.finish() + &self.table()
    }

    fn table(&self) -> String {
        let shown = &self.rows[..self.rows.len().min(self.top)];
        if shown.is_empty() {
            return String::new();
        }
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        let mut header = vec!["own", "cumulative", "function"];
        if !self.is_change() {
            header = vec!["own", "", "cumulative", "", "function"];
        }
        let numbers = header.len() - 1;
        table.set_header(header);
        for row in shown {
            let name = shortened(self.stacks.name(row.name));
            table.add_row(match self.is_change() {
                true => vec![self.of(row.own), self.of(row.cumulative), name],
                false => vec![
                    self.of(row.own),
                    self.share(row.own),
                    self.of(row.cumulative),
                    self.share(row.cumulative),
                    name,
                ],
            });
        }
        for column in 0..numbers {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let more = self.rows.len() - shown.len();
        let more = match more {
            0 => String::new(),
            _ => format!("and {} more\n", format::thousands(more as u64)),
        };
        format!(
            "{table}
{more}"
        )
    }

    pub(super) fn json(&self) -> impl Serialize {
        let before = |value: Value| self.is_change().then_some(value.before);
        let function = |row: &Row| FunctionJson {
            name: self.stacks.name(row.name).into(),
            file: self.stacks.file(row.name).into(),
            own: row.own.now,
            own_before: before(row.own),
            cumulative: row.cumulative.now,
            cumulative_before: before(row.cumulative),
        };
        let total = self.stacks.total();
        Json {
            kind: self.kind.clone(),
            unit: self.unit.clone(),
            total: total.now,
            total_before: before(total),
            stacks: self.stacks.len(),
            unnamed: self.unnamed,
            command: self.accuracy.command.clone(),
            comments: self.comments.clone(),
            function_count: self.rows.len(),
            functions: self.rows.iter().take(self.top).map(function).collect(),
        }
    }
}

#[derive(Serialize)]
struct Json {
    #[serde(rename = "type")]
    kind: String,
    unit: String,
    total: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_before: Option<i64>,
    stacks: usize,
    unnamed: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    comments: Vec<String>,
    function_count: usize,
    functions: Vec<FunctionJson>,
}

#[derive(Serialize)]
struct FunctionJson {
    name: String,
    file: String,
    own: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    own_before: Option<i64>,
    cumulative: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cumulative_before: Option<i64>,
}
