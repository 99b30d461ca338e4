//! Options that only some kinds of files can follow.
//!
//! Stands on [`args`](crate::args). Invariant: an option that a file cannot follow is wrong usage,
//! never ignored.

#![forbid(unsafe_code)]

use crate::{
    args::{Aliasing, Order, SourceArgs, Unknown},
    device_memory::DeviceName,
    failure::Failure,
};

/// Fails if there is an option that only models can follow; `kind` is what the file is read as.
pub(super) fn refuse_model_options(args: &SourceArgs, kind: &str) -> Result<(), Failure> {
    let path = args.input.display();
    let model = &args.model;
    let refused = |option: String, lacks: &str| {
        Failure::Usage(format!(
            "{option} is for models: '{path}' is read as {kind}, which has no {lacks}"
        ))
    };
    if let Some(dim) = model.dims.first() {
        return Err(refused(format!("--dim {dim}"), "dimensions"));
    }
    if let Some(input) = model.inputs.first() {
        return Err(refused(format!("--input {}", input.name), "inputs"));
    }
    if model.order != Order::File {
        return Err(refused(
            format!("--order {}", model.order.name()),
            "operators",
        ));
    }
    if model.aliasing != Aliasing::Off {
        return Err(refused(
            format!("--aliasing {}", model.aliasing.name()),
            "operators",
        ));
    }
    if let Some(input) = model.donated.first() {
        return Err(refused(format!("--donate {input}"), "inputs"));
    }
    if let Some(same) = model.same.first() {
        return Err(refused(format!("--same {same}"), "inputs"));
    }
    if model.unknown != Unknown::Refuse {
        return Err(refused("--unknown skip".into(), "unknown sizes"));
    }
    Ok(())
}

/// Fails if a device is given, which a file without devices does not have.
pub(super) fn refuse_device(args: &SourceArgs) -> Result<(), Failure> {
    match &args.device {
        Some(device) => Err(no_devices(args, device)),
        None => Ok(()),
    }
}

/// Fails if a device is given that is not one of this machine.
pub(super) fn refuse_device_of_model(args: &SourceArgs) -> Result<(), Failure> {
    match &args.device {
        Some(device) if device.parse::<DeviceName>().is_err() => Err(Failure::Usage(format!(
            "--device {device}: a model is planned for a device of this machine, expected a name \
             such as vulkan:0, as 'orionrt devices' lists them"
        ))),
        _ => Ok(()),
    }
}

/// A device is given, and the file has none.
pub(super) fn no_devices(args: &SourceArgs, device: &str) -> Failure {
    let path = args.input.display();
    Failure::Usage(format!(
        "--device {device} is for memory snapshots of PyTorch and for CSV with a column 'device', \
         which '{path}' is not"
    ))
}

/// Fails if a part of a recording is chosen that is not of a process.
pub(super) fn refuse_part(args: &SourceArgs) -> Result<(), Failure> {
    let Some(option) = args.part.given() else {
        return Ok(());
    };
    let path = args.input.display();
    Err(Failure::Usage(format!(
        "{option} is for recordings of a process, which '{path}' is not"
    )))
}

/// The device that is given is not one of the file's.
pub(super) fn unknown_device(
    args: &SourceArgs,
    device: &str,
    known: impl Iterator<Item = impl ToString>,
) -> Failure {
    Failure::Device {
        path: args.input.clone(),
        device: Some(device.into()),
        known: known.map(|name| name.to_string()).collect(),
    }
}
