//! The verb `plan`.
//!
//! Stands on the files above it. Invariant: files are written only if the plan is within the
//! capacity, and the result is printed only when they are written.

#![forbid(unsafe_code)]

use super::{
    devices,
    dims::list_dims,
    files::{check, check_format, check_weights, write},
    pools, regions,
    search::{EarlierPlans, search},
    show,
};
use crate::{
    args::{PlanArgs, PlanFormat},
    failure::Failure,
    input, interrupt, output,
};

pub(crate) fn plan(args: &PlanArgs) -> Result<(), Failure> {
    if args.lists_dims {
        return list_dims(args);
    }
    check(args)?;
    let earlier = EarlierPlans::load(args)?;
    let mut source = args.source.clone();
    let format = args.output.as_ref().map(|file| file.format);
    source.model.is_for_micro = format == Some(PlanFormat::Tflite);
    source.model.has_page = args.html.is_some();
    source.model.keeps_graph =
        args.html.is_some() || args.perfetto.is_some() || args.snapshot.is_some();
    source.model.has_pools = !args.pools.is_empty();
    source.model.keeps_graph |= source.model.has_pools;
    let mut inputs = input::load_each(&source)?;
    let cancel = interrupt::cancel_on_ctrl_c();
    let [input] = &mut inputs[..] else {
        return devices::plan(args, &inputs, &cancel);
    };
    check_weights(args, input)?;
    check_format(args, input)?;
    if let Some(device) = input
        .planned_for
        .as_ref()
        .filter(|_| !args.pools.is_empty())
    {
        return Err(device.is_one_memory());
    }
    if let Some(limit) = args.max_region {
        return regions::plan(args, input, limit, &cancel);
    }
    if !args.pools.is_empty() {
        return pools::plan(args, input, &cancel);
    }
    let found = search(args, input, &earlier, &cancel)?;
    if found.is_without_parts {
        input.leave_parts_out();
    }
    input.check_device(&found.plan)?;
    if found.failure.is_none() {
        write(args, input, &found.plan)?;
    }
    if args.json {
        output::print_json(&show::json(args, input, &found))?;
    } else {
        output::print(&show::text(args, input, &found))?;
    }
    found.failure.map_or(Ok(()), Err)
}
