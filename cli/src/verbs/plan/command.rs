//! The verb `plan`.
//!
//! Stands on the files above it. Invariant: files are written only if the plan is within the
//! capacity, and the result is printed only when they are written.

#![forbid(unsafe_code)]

use super::{
    files::{check, write},
    search::{EarlierPlans, search},
    show,
};
use crate::{args::PlanArgs, failure::Failure, input, output};

pub(crate) fn plan(args: &PlanArgs) -> Result<(), Failure> {
    check(args)?;
    let earlier = EarlierPlans::load(args)?;
    let input = input::load(&args.source)?;
    let found = search(args, &input, &earlier)?;
    if found.failure.is_none() {
        write(args, &input, &found.plan)?;
    }
    if args.json {
        output::print_json(&show::json(args, &input, &found))?;
    } else {
        output::print(&show::text(args, &input, &found))?;
    }
    found.failure.map_or(Ok(()), Err)
}
