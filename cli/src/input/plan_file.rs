//! A plan in a file, the plans of several devices, or one in several regions.
//!
//! Stands on the library's plan files and on devices. Invariant: a plan that is returned has passed
//! [`Plan::new`].

#![forbid(unsafe_code)]

use std::path::Path;

use orionrt::{
    Plan,
    files::{CsvTable, FileError, FileKind, detect},
    regions::RegionPlan,
};

use super::{
    devices::{Device, Devices},
    facts::ModelJson,
    load::Kind,
    read::{Source, has_extension, is_standard_input, read_any},
};
use crate::failure::Failure;

/// Reads and checks the plan in a file: JSON if the extension says so, otherwise CSV.
pub(crate) fn load_plan(path: &Path) -> Result<Plan, Failure> {
    let text = read_any(path)?;
    if is_json(path, &text) && !is_in_regions(&text) {
        let plan = Plan::read_json(&text[..]);
        return plan.map_err(|error| Failure::file(path, error));
    }
    only(path, plans_in(path, text)?).map(|(plan, _)| plan)
}

/// A plan with the facts about the model that it is for, if its file has them.
pub(crate) fn load_plan_of_model(path: &Path) -> Result<(Plan, Option<ModelJson>), Failure> {
    only(path, load_plans(path)?)
}

fn only(path: &Path, plans: Plans) -> Result<(Plan, Option<ModelJson>), Failure> {
    match plans {
        Plans::One(plan, facts) => Ok((*plan, facts)),
        Plans::OfDevices(plans) => Err(Failure::Usage(format!(
            "'{}' has the plans of {} devices: expected that of one memory",
            path.display(),
            plans.len()
        ))),
        Plans::InRegions(plan) => Err(Failure::Usage(format!(
            "'{}' has a plan in {} regions: expected that of one memory",
            path.display(),
            plan.sizes().len()
        ))),
    }
}

/// What is in the file of a plan.
pub(crate) enum Plans {
    One(Box<Plan>, Option<ModelJson>),
    /// The plan of each device, of several.
    OfDevices(Vec<DevicePlan>),
    InRegions(Box<RegionPlan>),
}

/// The plan of one of several devices.
pub(crate) struct DevicePlan {
    pub(crate) device: Device,
    pub(crate) plan: Plan,
}

/// All plans in a file.
pub(crate) fn load_plans(path: &Path) -> Result<Plans, Failure> {
    plans_in(path, read_any(path)?)
}

fn plans_in(path: &Path, text: Vec<u8>) -> Result<Plans, Failure> {
    if is_json(path, &text) {
        if is_in_regions(&text) {
            let plan = RegionPlan::read_json(&text[..]);
            let plan = plan.map_err(|error| Failure::file(path, error))?;
            return Ok(Plans::InRegions(plan.into()));
        }
        let plan = Plan::read_json_for(&text[..]);
        let (plan, facts) = plan.map_err(|error| Failure::file(path, error))?;
        return Ok(Plans::One(plan.into(), facts));
    }
    plans_in_csv(path, text)
}

fn plans_in_csv(path: &Path, text: Vec<u8>) -> Result<Plans, Failure> {
    let failed = |error| Failure::file(path, error);
    let table = CsvTable::read(&text[..]).map_err(failed)?;
    drop(text);
    let regions = table.column("region").map_err(failed)?;
    // Such a column of another kind means nothing here.
    let is_number = |text: &String| text.trim().parse::<u32>().is_ok();
    if regions.is_some_and(|column| column.iter().all(is_number)) {
        let (plan, _) = table.region_plan(NO_LIMIT).map_err(failed)?;
        return Ok(Plans::InRegions(plan.into()));
    }
    let devices = Devices::of_table(&table).map_err(failed)?;
    let Some(devices) = devices.filter(|devices| devices.names.len() > 1) else {
        let (plan, _) = table.plan().map_err(failed)?;
        return Ok(Plans::One(plan.into(), None));
    };
    let checked = devices.check();
    checked.map_err(|error| Failure::file(path, error))?;
    let plan = |device| -> Result<DevicePlan, FileError> {
        Ok(DevicePlan {
            device: Device::of(&devices, &table, device),
            plan: devices.table(&table, device)?.plan()?.0,
        })
    };
    let plans: Result<Vec<DevicePlan>, FileError> = (0..devices.names.len()).map(plan).collect();
    plans.map(Plans::OfDevices).map_err(failed)
}

/// The limit of regions where the file states none.
pub(crate) const NO_LIMIT: u64 = i64::MAX as u64;

/// Whether JSON says that it is a plan in several regions.
fn is_in_regions(text: &[u8]) -> bool {
    const HEAD: usize = 256;
    const FORMAT: &[u8] = b"\"orionrt-region-plan\"";
    let head = &text[..text.len().min(HEAD)];
    head.windows(FORMAT.len()).any(|some| some == FORMAT)
}

/// Whether a file is a plan: JSON, or CSV with a column of offsets, and by its content nothing that
/// another loader reads.
pub(crate) fn is_plan(path: &Path) -> Result<bool, Failure> {
    let [is_json, is_csv] = ["json", "csv"].map(|ending| has_extension(path, ending));
    if !is_json && !is_csv {
        return Ok(false);
    }
    let source = Source::open(path)?;
    Ok(Kind::of(&source)? == Kind::Csv && (is_json || has_offsets(&source.head()?)))
}

/// Whether the first line of a CSV file names a column of offsets.
fn has_offsets(head: &[u8]) -> bool {
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let mut names = line.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    names.any(|name| name == b"offset")
}

/// Whether a plan is read as JSON: by its extension, or on standard input by its content.
fn is_json(path: &Path, text: &[u8]) -> bool {
    has_extension(path, "json") || is_standard_input(path) && detect(text) == FileKind::Json
}
