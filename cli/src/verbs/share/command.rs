//! The verb `share`.
//!
//! Stands on the files above it. Invariant: the result is printed only when all files are written.

#![forbid(unsafe_code)]

use super::{
    files::{files, write},
    models::{load, model_set},
    schedule,
    search::search,
    show,
};
use crate::{args::ShareArgs, failure::Failure, output};

pub(crate) fn share(args: &ShareArgs) -> Result<(), Failure> {
    let mut models = load(args)?;
    let set = model_set(&models, |_| false)?;
    let schedule = schedule::read(&args.schedule, &set)?;
    let files = files(args, &models)?;
    let found = search(args, &mut models, &set, &schedule)?;
    // All models that are planned for a device are for the same one.
    if let Some(device) = show::device(&models) {
        device.check(found.shared.plan())?;
    }
    write(&models, &found.shared, &files)?;
    if args.json {
        output::print_json(&show::json(&models, &found))
    } else {
        output::print(&show::text(args, &models, &found, &files))
    }
}
