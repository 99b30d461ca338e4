//! The functions that have most of the bytes of a recorded process.
//!
//! Stands on [`origins`](super::origins) and on [`heap_profile`](crate::heap_profile), which names
//! functions as `orionrt profile` does.

#![forbid(unsafe_code)]

use comfy_table::{CellAlignment, Table, presets};
use orionrt_pprof::Profile;
use serde::Serialize;

use super::origins::{ALLOCATED, PEAK};
use crate::{
    escape::printable,
    format,
    heap_profile::{Stacks, StacksError, top},
};

/// The most letters of a name that are shown.
const LONGEST: usize = 100;

/// The functions with most bytes, of their own first.
#[derive(Debug, Serialize)]
pub(super) struct Sites {
    /// At the peak.
    pub(super) peak: Vec<Site>,
    /// Of all allocations.
    pub(super) allocated: Vec<Site>,
}

/// A function that asked for memory, and its bytes.
#[derive(Debug, Serialize)]
pub(super) struct Site {
    function: String,
    file: String,
    bytes: i64,
    /// With what the functions that it called asked for.
    cumulative_bytes: i64,
    #[serde(skip)]
    share: f64,
}

impl Sites {
    /// Of a profile whose addresses are named: so many functions of each kind.
    pub(super) fn of(profile: &Profile, most: usize) -> Result<Self, StacksError> {
        let sites = |kind| -> Result<Vec<Site>, StacksError> {
            let mut stacks = Stacks::new(false);
            stacks.add(profile, kind, false)?;
            let total = stacks.total().now.max(1) as f64;
            let rows = top(&stacks, false).into_iter().take(most);
            let rows = rows.map(|row| Site {
                function: stacks.name(row.name).into(),
                file: stacks.file(row.name).into(),
                bytes: row.own.now,
                cumulative_bytes: row.cumulative.now,
                share: row.own.now as f64 / total * 100.0,
            });
            Ok(rows.collect())
        };
        Ok(Self {
            peak: sites(PEAK)?,
            allocated: sites(ALLOCATED)?,
        })
    }

    /// Two tables for people.
    pub(super) fn text(&self) -> String {
        let tables = [("at the peak", &self.peak), ("allocated", &self.allocated)];
        let shown = tables.into_iter().filter(|(_, sites)| !sites.is_empty());
        shown
            .map(|(title, sites)| format!("{}\n", table(title, sites)))
            .collect()
    }
}

fn table(title: &str, sites: &[Site]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header([title, "", "cumulative", "function"]);
    let bytes = |bytes: i64| format::short_bytes(u64::try_from(bytes).unwrap_or(0));
    for site in sites {
        let name: String = printable(&site.function).chars().take(LONGEST).collect();
        let share = format!("{:.1} %", site.share);
        table.add_row([bytes(site.bytes), share, bytes(site.cumulative_bytes), name]);
    }
    for column in table.column_iter_mut().take(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
