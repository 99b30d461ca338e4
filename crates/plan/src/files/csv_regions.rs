//! Plans in several regions as CSV, with the columns `region` and `offset`.
//!
//! Stands on tables and on the writer. Invariant: a plan that is read has passed
//! [`RegionPlan::new`]. The limit of the regions is not in the file.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use std::io::{Read, Write};

use super::{
    csv_columns::missing, csv_rows::UNSIGNED, csv_table::CsvTable, csv_warning::CsvWarning,
    csv_writer::write_rows, error::FileError,
};
use crate::plan::RegionPlan;

/// The column of the region that a tensor lies in.
const REGION: &str = "region";

impl RegionPlan {
    /// Writes the plan as CSV: as a [`Plan`](crate::Plan) with the column `region` before `offset`,
    /// which is the offset in the region.
    ///
    /// ```
    /// # use orionrt_plan::{Lifetimes, Planner, plan::RegionPlan};
    /// let lifetimes = Lifetimes::from_rows([("a", 0, 2, 8, 4), ("b", 0, 2, 8, 4)])?;
    /// let plan = Planner::new().plan_regions(&lifetimes, 8)?;
    /// let mut text = Vec::new();
    /// plan.write_csv(&mut text)?;
    /// assert!(text.starts_with(b"id,lower,upper,size,alignment,region,offset\na,0,2,8,4,0,0\n"));
    /// assert_eq!(RegionPlan::read_csv(&text[..], 8)?.regions(), plan.regions());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When `output` refuses a write.
    pub fn write_csv(&self, output: impl Write) -> Result<(), FileError> {
        let regions = self.regions().iter();
        let regions: Vec<String> = regions.map(u32::to_string).collect();
        let column = Some((REGION, &regions[..]));
        write_rows(self.lifetimes(), column, Some(self.offsets()), output)
    }

    /// Reads a plan in CSV, which has the columns `region` and `offset`, and checks that no region
    /// has more than `limit` bytes.
    ///
    /// # Errors
    /// The first mistake, with its line where it has one; see [`FileError`].
    pub fn read_csv(input: impl Read, limit: u64) -> Result<Self, FileError> {
        Ok(CsvTable::read(input)?.region_plan(limit)?.0)
    }
}

impl CsvTable {
    /// The plan in regions of at most `limit` bytes of the rows, which have the columns `region`
    /// and `offset`, and what of the file was not looked at. The plan is checked.
    ///
    /// # Errors
    /// The first mistake, with its line where it has one; see [`FileError`].
    pub fn region_plan(&self, limit: u64) -> Result<(RegionPlan, Vec<CsvWarning>), FileError> {
        let column = |name: &'static str, found: Option<usize>| {
            found.ok_or_else(|| missing(self.header(), name))
        };
        let offset = column("offset", self.offset_column())?;
        let mut header = self.header().iter();
        let region = column(REGION, header.position(|name| name == REGION))?;
        let (mut regions, mut offsets) = (Vec::new(), Vec::new());
        let (lifetimes, mut warnings) = self.visited(|row| {
            regions.push(row.number(region, REGION, UNSIGNED)?);
            offsets.push(row.number(offset, "offset", UNSIGNED)?);
            Ok(())
        })?;
        let is_region = |warning: &CsvWarning| {
            let CsvWarning::UnknownColumn { column } = warning;
            column == REGION
        };
        warnings.retain(|warning| !is_region(warning));
        let plan = RegionPlan::new(lifetimes, limit, regions, offsets)
            .map_err(|error| FileError::region_plan(error, |row| self.position_of(row)))?;
        Ok((plan, warnings))
    }
}
