//! A table as Markdown: rows of workloads, columns of allocators.

use comfy_table::{CellAlignment, presets::ASCII_MARKDOWN};

/// Figures by row and allocator.
#[derive(Default)]
pub struct Table {
    columns: Vec<&'static str>,
    rows: Vec<(String, Vec<Option<f64>>)>,
}

impl Table {
    /// With a column for each allocator.
    pub fn new(columns: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            columns: columns.into_iter().collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; `None` where there is no figure.
    pub fn row(&mut self, name: impl Into<String>, figures: impl IntoIterator<Item = Option<f64>>) {
        self.rows.push((name.into(), figures.into_iter().collect()));
    }

    /// Each column's geometric mean of figures relative to the best of its row among `rivals`, itself left out; rows that it lacks are left out too.
    pub fn relative(&self, rivals: impl Fn(&str) -> bool) -> Vec<Option<f64>> {
        (0..self.columns.len())
            .map(|column| {
                let ratios: Vec<_> = self
                    .rows
                    .iter()
                    .filter_map(|(_, figures)| {
                        let best = (0..figures.len())
                            .filter(|&other| other != column && rivals(self.columns[other]))
                            .filter_map(|other| figures[other])
                            .min_by(f64::total_cmp)?;
                        Some((figures[column]? / best).ln())
                    })
                    .collect();
                (!ratios.is_empty())
                    .then(|| (ratios.iter().sum::<f64>() / ratios.len() as f64).exp())
            })
            .collect()
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(ASCII_MARKDOWN);
        table.set_header([""].iter().chain(&self.columns));
        for (name, figures) in &self.rows {
            let cells = figures
                .iter()
                .map(|figure| figure.map_or_else(String::new, short));
            table.add_row([name.clone()].into_iter().chain(cells));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.to_string()
    }
}

/// Three digits.
fn short(figure: f64) -> String {
    match figure {
        f if f >= 99.95 => format!("{f:.0}"),
        f if f >= 9.995 => format!("{f:.1}"),
        f => format!("{f:.2}"),
    }
}
