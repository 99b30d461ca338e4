//! Plans in several regions as JSON.
//!
//! ```json
//! {"format": "orionrt-region-plan", "version": 1, "limit": 1000, "sizes": [600, 600],
//!  "lower_bound": 2, "tensors": [
//!   {"id": "a", "lower": 0, "upper": 2, "size": 600, "alignment": 1, "region": 0,
//!    "offset": 0}, …]}
//! ```
//!
//! Stands on the form of tensors in the plan of one region, to which `"region"` is added.
//! Invariant: a file is checked like any proposal; the sizes that it states must be those of its
//! plan, and its lower bound must be one that the plan may have.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use super::{
    error::{FileError, FileMistake, FilePosition},
    json::{TensorForm, Tensors, lifetimes, unreadable},
};
use crate::plan::RegionPlan;

const FORMAT: &str = "orionrt-region-plan";
const VERSION: u64 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegionPlanForm<T> {
    format: String,
    version: u64,
    /// The most bytes of a region.
    limit: u64,
    /// The bytes of each region.
    sizes: Vec<u64>,
    /// No plan has fewer regions.
    lower_bound: u64,
    tensors: T,
}

impl RegionPlan {
    /// Writes everything as JSON.
    ///
    /// ```
    /// # use orionrt_plan::{Lifetimes, Planner, plan::RegionPlan};
    /// let lifetimes = Lifetimes::from_rows([("a", 0, 2, 8, 4), ("b", 0, 2, 8, 4)])?;
    /// let plan = Planner::new().plan_regions(&lifetimes, 8)?;
    /// let mut text = Vec::new();
    /// plan.write_json(&mut text)?;
    /// let read = RegionPlan::read_json(&text[..])?;
    /// assert_eq!((read.regions(), read.limit()), (plan.regions(), 8));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When `output` refuses a write.
    pub fn write_json(&self, mut output: impl Write) -> Result<(), FileError> {
        let form = RegionPlanForm {
            format: FORMAT.to_string(),
            version: VERSION,
            limit: self.limit(),
            sizes: self.sizes().to_vec(),
            lower_bound: self.lower_bound() as u64,
            tensors: Tensors {
                lifetimes: self.lifetimes(),
                offsets: self.offsets(),
                regions: Some(self.regions()),
            },
        };
        serde_json::to_writer_pretty(&mut output, &form).map_err(io::Error::from)?;
        output.write_all(b"\n")?;
        Ok(output.flush()?)
    }

    /// Reads a plan in JSON and checks it, including the sizes and the lower bound that it states.
    ///
    /// The bound must not be above the number of regions. One above 1 is in the file, but is not
    /// taken on trust.
    ///
    /// # Errors
    /// The first mistake and where it is; see [`FileError`].
    pub fn read_json(input: impl Read) -> Result<Self, FileError> {
        let input = io::BufReader::new(input);
        let form: RegionPlanForm<Vec<TensorForm<'_>>> =
            serde_json::from_reader(input).map_err(unreadable)?;
        let malformed =
            |position, reason: String| FileError::new(position, FileMistake::Malformed { reason });
        if form.format != FORMAT || form.version != VERSION {
            let (format, version) = (&form.format, form.version);
            let reason = alloc::format!(
                "format '{format}' version {version}, expected '{FORMAT}' version {VERSION}"
            );
            return Err(malformed(FilePosition::WholeFile, reason));
        }
        let region = |(index, tensor): (usize, &TensorForm<'_>)| {
            let lacks = || "has no region, expected a number from 0".to_string();
            tensor
                .region
                .ok_or_else(|| malformed(FilePosition::Tensor(index), lacks()))
        };
        let regions: Result<Vec<u32>, FileError> =
            form.tensors.iter().enumerate().map(region).collect();
        let offsets = form.tensors.iter().map(|tensor| tensor.offset).collect();
        let plan = Self::new(lifetimes(&form.tensors)?, form.limit, regions?, offsets)
            .map_err(|error| FileError::region_plan(error, FilePosition::Tensor))?;
        if plan.sizes() != form.sizes {
            let reason = alloc::format!(
                "sizes are stated as {:?}, but the plan has {:?}",
                form.sizes,
                plan.sizes()
            );
            return Err(malformed(FilePosition::WholeFile, reason));
        }
        let bounds = plan.lower_bound() as u64..=plan.sizes().len() as u64;
        if !bounds.contains(&form.lower_bound) {
            let mistake = FileMistake::Stated {
                what: "lower_bound",
                stated: form.lower_bound,
                actual: form.lower_bound.clamp(*bounds.start(), *bounds.end()),
            };
            return Err(FileError::new(FilePosition::WholeFile, mistake));
        }
        Ok(plan)
    }
}
