//! The results as text for people and as one JSON object.
//!
//! Stands on [`measure`](super::measure) and [`peak_memory`](super::peak_memory). Invariant: every
//! number of the text is in the object.

#![forbid(unsafe_code)]

use std::{collections::BTreeMap, ops::Not, time::Duration};

use comfy_table::{CellAlignment, Table, presets};
use orionrt::replay::{Advice, KeyReport, MissCounts, RequestCounts};
use serde::Serialize;

use super::{
    measure::{Measured, Ratio, Summary},
    peak_memory::PeakMemory,
};
use crate::{
    args::{Mode, RunArgs},
    escape::printable,
    format::{self, Lines, count, thousands},
};

/// All results of the verb.
pub(crate) struct Results<'r> {
    pub(crate) args: &'r RunArgs,
    pub(crate) assumed: &'r [(String, u64)],
    pub(crate) measured: &'r Measured,
    pub(crate) peaks: [PeakMemory; Mode::ALL.len()],
    pub(crate) replayed: &'r KeyReport,
    pub(crate) outputs_equal: bool,
}

#[derive(Serialize)]
pub(crate) struct Json {
    model: String,
    assumed: BTreeMap<String, u64>,
    iterations: usize,
    threads: usize,
    allocations_per_iteration: u64,
    hit_rate: f64,
    served_share: f64,
    misses: MissesJson,
    outliving: u64,
    small: u64,
    bytes: BytesJson,
    other_threads: OtherThreadsJson,
    advice: Vec<String>,
    recorded: u64,
    replayed: u64,
    lower_bound: u64,
    planned_bytes: u64,
    outputs_equal: bool,
    #[serde(flatten)]
    modes: BTreeMap<&'static str, Option<ModeJson>>,
    cpu_ratio_to_system: BTreeMap<&'static str, Option<RatioJson>>,
    #[serde(skip_serializing_if = "Not::not")]
    interrupted: bool,
    #[serde(skip_serializing_if = "Not::not")]
    out_of_time: bool,
}

#[derive(Serialize)]
struct MissesJson {
    unmatched: u64,
    occupied: u64,
    outgrown: u64,
}

/// The bytes of all replayed inferences, by outcome.
#[derive(Serialize)]
struct BytesJson {
    hits: u64,
    misses: MissesJson,
    outliving: u64,
    small: u64,
    grown: u64,
}

#[derive(Serialize)]
struct OtherThreadsJson {
    threads: u64,
    requests: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct ModeJson {
    cpu_ms_median: f64,
    cpu_ms_q1: f64,
    cpu_ms_q3: f64,
    wall_ms_median: f64,
    page_faults_per_iteration: Option<u64>,
    #[serde(flatten)]
    peak: PeakMemory,
}

#[derive(Serialize)]
struct RatioJson {
    ratio: f64,
    q1: f64,
    median: f64,
    q3: f64,
}

impl Results<'_> {
    pub(crate) fn json(&self) -> Json {
        let KeyReport {
            counts,
            last,
            recorded,
            replayed,
            lower_bound,
            planned_bytes,
            ..
        } = *self.replayed;
        let others = Mode::ALL.iter().filter(|mode| **mode != Mode::System);
        Json {
            model: self.args.model.display().to_string(),
            assumed: self.assumed.iter().cloned().collect(),
            iterations: self.measured.iterations(),
            threads: self.args.threads,
            allocations_per_iteration: last.requests(),
            hit_rate: self.replayed.hit_rate(),
            served_share: self.replayed.served_share(),
            misses: misses_json(counts.misses),
            outliving: last.outliving,
            small: last.small,
            bytes: BytesJson {
                hits: counts.bytes.hits,
                misses: misses_json(counts.bytes.misses),
                outliving: counts.bytes.outliving,
                small: counts.bytes.small,
                grown: counts.bytes.grown,
            },
            other_threads: OtherThreadsJson {
                threads: counts.other_threads.threads,
                requests: counts.other_threads.requests,
                bytes: counts.other_threads.bytes,
            },
            advice: self.replayed.advice.iter().map(Advice::to_string).collect(),
            recorded,
            replayed,
            lower_bound,
            planned_bytes,
            outputs_equal: self.outputs_equal,
            modes: Mode::ALL
                .map(|mode| (mode.name(), self.mode_json(mode)))
                .into(),
            cpu_ratio_to_system: others
                .map(|mode| (mode.name(), self.measured.ratio(*mode).map(ratio_json)))
                .collect(),
            interrupted: self.measured.interrupted,
            out_of_time: self.measured.out_of_time,
        }
    }

    fn mode_json(&self, mode: Mode) -> Option<ModeJson> {
        let Summary { cpu, wall, faults } = self.measured.summary(mode)?;
        Some(ModeJson {
            cpu_ms_median: to_microseconds(cpu.median),
            cpu_ms_q1: to_microseconds(cpu.q1),
            cpu_ms_q3: to_microseconds(cpu.q3),
            wall_ms_median: to_microseconds(wall),
            page_faults_per_iteration: faults,
            peak: self.peaks[mode as usize],
        })
    }

    pub(crate) fn text(&self) -> String {
        let replayed = self.replayed;
        let title = format!(
            "{}: {} with {} each, on {}",
            self.args.model.display(),
            count(self.measured.iterations() as u64, "iteration"),
            count(replayed.last.requests(), "allocation"),
            count(self.args.threads as u64, "thread"),
        );
        let mut lines = Lines::default();
        for (name, size) in self.assumed {
            lines = lines.assumed(name, *size);
        }
        lines = lines
            .line("lower bound", format::bytes(replayed.lower_bound))
            .line("planned", format::bytes(replayed.planned_bytes))
            .line("replayed", self.hits())
            .line("not planned", self.not_planned());
        for (requests, bytes, kind) in self.missed() {
            let missed = format!(
                "{}, {}",
                count(requests, "allocation"),
                format::bytes(bytes)
            );
            lines = lines.line(kind, missed);
        }
        for advice in &replayed.advice {
            lines = lines.line("advice", advice.to_string());
        }
        lines = lines.line("outputs", self.outputs());
        if self.measured.out_of_time {
            lines = lines.line("time limit", "reached: these are the iterations until then");
        }
        if self.measured.interrupted {
            lines = lines.line("interrupted", "these are the iterations until then");
        }
        let title = printable(&title);
        format!("{title}\n{}\n{}", self.table(), lines.finish())
    }

    fn hits(&self) -> String {
        // Rounded down: nothing but the whole is 100 %.
        let percent = (10_000.0 * self.replayed.served_share()).floor() / 100.0;
        format!(
            "{percent:.2} % of all bytes from the plan, in {} runs after {} recorded",
            thousands(self.replayed.replayed),
            thousands(self.replayed.recorded)
        )
    }

    /// What the plan did not serve in all replayed inferences, although it is planned or might be:
    /// requests, bytes and the cause.
    fn missed(&self) -> impl Iterator<Item = (u64, u64, &'static str)> {
        let RequestCounts {
            misses,
            bytes,
            other_threads,
            ..
        } = self.replayed.counts;
        let kinds = [
            (misses.unmatched, bytes.misses.unmatched, "unmatched"),
            (misses.occupied, bytes.misses.occupied, "occupied"),
            (misses.outgrown, bytes.misses.outgrown, "outgrown"),
            (other_threads.requests, other_threads.bytes, "elsewhere"),
        ];
        kinds.into_iter().filter(|(requests, ..)| *requests > 0)
    }

    fn not_planned(&self) -> String {
        let RequestCounts {
            outliving,
            small,
            bytes,
            ..
        } = self.replayed.last;
        format!(
            "per iteration {} that outlive it ({}) and {} small ones ({})",
            count(outliving, "allocation"),
            format::short_bytes(bytes.outliving),
            thousands(small),
            format::short_bytes(bytes.small)
        )
    }

    fn outputs(&self) -> &'static str {
        if self.outputs_equal {
            "bit-identical in all runs"
        } else {
            "NOT identical in all runs"
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header([
            "",
            "CPU time",
            "quartiles",
            "vs. system",
            "wall time",
            "page faults",
            "peak memory",
            "later peak",
        ]);
        for mode in Mode::ALL {
            if let Some(summary) = self.measured.summary(mode) {
                table.add_row(self.cells(mode, &summary));
            }
        }
        for column in 1..8 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }

    fn cells(&self, mode: Mode, summary: &Summary) -> [String; 8] {
        let unknown = || "unknown".to_string();
        let bytes = |bytes: Option<u64>| bytes.map_or_else(unknown, format::short_bytes);
        let PeakMemory {
            peak_bytes,
            steady_peak_bytes,
        } = self.peaks[mode as usize];
        let ratio = self.measured.ratio(mode);
        [
            mode.name().into(),
            time(summary.cpu.median),
            format!("{} to {}", time(summary.cpu.q1), time(summary.cpu.q3)),
            ratio.map_or_else(String::new, |ratio| format!("{:.3}", ratio.of_medians)),
            time(summary.wall),
            summary.faults.map_or_else(unknown, thousands),
            bytes(peak_bytes),
            bytes(steady_peak_bytes),
        ]
    }
}

fn misses_json(misses: MissCounts) -> MissesJson {
    MissesJson {
        unmatched: misses.unmatched,
        occupied: misses.occupied,
        outgrown: misses.outgrown,
    }
}

fn ratio_json(ratio: Ratio) -> RatioJson {
    RatioJson {
        ratio: ratio.of_medians,
        q1: ratio.paired.q1,
        median: ratio.paired.median,
        q3: ratio.paired.q3,
    }
}

/// Milliseconds without digits beyond the microsecond.
fn to_microseconds(milliseconds: f64) -> f64 {
    (milliseconds * 1e3).round() / 1e3
}

fn time(milliseconds: f64) -> String {
    format::duration(Duration::from_secs_f64(milliseconds / 1e3))
}
