//! A Markdown table: rows of workloads, columns of allocators.
//!
//! Stands on `comfy_table`.

use comfy_table::{CellAlignment, presets::ASCII_MARKDOWN};

/// Numbers by workload and allocator.
#[derive(Default)]
pub struct Table {
    columns: Vec<&'static str>,
    rows: Vec<(String, Vec<Option<f64>>)>,
}

impl Table {
    /// An empty table with a column for each allocator.
    pub fn new(columns: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            columns: columns.into_iter().collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; `None` is an empty cell.
    pub fn row(&mut self, name: impl Into<String>, numbers: impl IntoIterator<Item = Option<f64>>) {
        self.rows.push((name.into(), numbers.into_iter().collect()));
    }

    /// For each column, the geometric mean over the rows of its number divided by the best number
    /// of another column in `rivals`. Rows without a number of that column are left out.
    pub fn relative(&self, rivals: impl Fn(&str) -> bool) -> Vec<Option<f64>> {
        (0..self.columns.len())
            .map(|column| {
                let ratios: Vec<_> = self
                    .rows
                    .iter()
                    .filter_map(|(_, numbers)| {
                        let best = (0..numbers.len())
                            .filter(|&other| other != column && rivals(self.columns[other]))
                            .filter_map(|other| numbers[other])
                            .min_by(f64::total_cmp)?;
                        Some((numbers[column]? / best).ln())
                    })
                    .collect();
                (!ratios.is_empty())
                    .then(|| (ratios.iter().sum::<f64>() / ratios.len() as f64).exp())
            })
            .collect()
    }

    /// The table as Markdown.
    pub fn markdown(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(ASCII_MARKDOWN);
        table.set_header([""].iter().chain(&self.columns));
        for (name, numbers) in &self.rows {
            let cells = numbers
                .iter()
                .map(|number| number.map_or_else(String::new, short));
            table.add_row([name.clone()].into_iter().chain(cells));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.to_string()
    }
}

/// Three significant digits.
fn short(number: f64) -> String {
    match number {
        f if f >= 99.95 => format!("{f:.0}"),
        f if f >= 9.995 => format!("{f:.1}"),
        f => format!("{f:.2}"),
    }
}
