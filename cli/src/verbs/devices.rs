//! The verb `devices`: the devices of this machine, with what matters for planning.
//!
//! Stands on [`device_memory`](crate::device_memory). Invariant: of each backend there are devices,
//! or the reason why it cannot be used.

#![forbid(unsafe_code)]

use orionrt_devices::{DeviceProperties, MemoryHeap};
use serde::Serialize;

use crate::{
    args::DevicesArgs,
    device_memory::{Backend, DeviceName, kind_name},
    failure::Failure,
    format::{self, Lines},
    output,
};

#[derive(Serialize)]
struct Json {
    devices: Vec<DeviceJson>,
    unavailable: Vec<UnavailableJson>,
}

#[derive(Serialize)]
struct DeviceJson {
    device: String,
    name: String,
    kind: &'static str,
    plan_alignment: u64,
    offset_alignment: u64,
    block_alignment: u64,
    buffer_image_granularity: u64,
    copy_alignment: u64,
    largest_binding: Option<u64>,
    largest_block: Option<u64>,
    heaps: Vec<HeapJson>,
}

#[derive(Serialize)]
struct HeapJson {
    bytes: u64,
    budget: Option<u64>,
    device_local: bool,
    host_visible: bool,
}

#[derive(Serialize)]
struct UnavailableJson {
    backend: &'static str,
    reason: String,
}

/// A device of this machine.
type Found = (DeviceName, DeviceProperties);

pub(crate) fn devices(args: &DevicesArgs) -> Result<(), Failure> {
    let mut found: Vec<Found> = Vec::new();
    let mut unavailable = Vec::new();
    for backend in Backend::ALL {
        match backend.devices() {
            Ok(devices) => found.extend(named(backend, devices)),
            Err(error) => unavailable.push(UnavailableJson {
                backend: backend.name(),
                reason: error.to_string(),
            }),
        }
    }
    if args.json {
        let devices = found.iter().map(device_json).collect();
        return output::print_json(&Json {
            devices,
            unavailable,
        });
    }
    let devices = found.iter().map(text);
    let reasons = unavailable
        .iter()
        .map(|it| Lines::default().title(&it.reason).finish());
    output::print(&devices.chain(reasons).collect::<String>())
}

fn named(backend: Backend, devices: Vec<DeviceProperties>) -> impl Iterator<Item = Found> {
    let each = devices.into_iter().enumerate();
    each.map(move |(index, properties)| (DeviceName { backend, index }, properties))
}

/// A limit, unless there is none.
fn limit(bytes: u64) -> Option<u64> {
    (bytes < u64::MAX).then_some(bytes)
}

fn device_json((device, about): &Found) -> DeviceJson {
    DeviceJson {
        device: device.to_string(),
        name: about.name.clone(),
        kind: kind_name(about.kind),
        plan_alignment: about.plan_alignment(),
        offset_alignment: about.offset_alignment,
        block_alignment: about.block_alignment,
        buffer_image_granularity: about.buffer_image_granularity,
        copy_alignment: about.copy_alignment,
        largest_binding: limit(about.largest_binding),
        largest_block: limit(about.largest_block),
        heaps: about.heaps.iter().map(heap_json).collect(),
    }
}

fn heap_json(heap: &MemoryHeap) -> HeapJson {
    let MemoryHeap {
        bytes,
        budget,
        device_local,
        host_visible,
    } = *heap;
    HeapJson {
        bytes,
        budget,
        device_local,
        host_visible,
    }
}

/// ```text
/// vulkan:0: llvmpipe, CPU
///   alignment     64 bytes for plans: kernels 16, copies 4, images beside buffers 64
/// ```
fn text((device, about): &Found) -> String {
    let largest = |bytes: u64| match limit(bytes) {
        Some(bytes) => format!("at most {}", format::bytes(bytes)),
        None => "of any size".to_owned(),
    };
    let plan = format::count(about.plan_alignment(), "byte");
    let alignment = format!(
        "{plan} for plans: kernels {}, copies {}, images beside buffers {}",
        about.offset_alignment, about.copy_alignment, about.buffer_image_granularity
    );
    let mut lines = Lines::default()
        .title(format!(
            "{device}: {}, {}",
            about.name,
            kind_name(about.kind)
        ))
        .line("alignment", alignment)
        .line("tensor", largest(about.largest_binding))
        .line("block", largest(about.largest_block));
    for heap in &about.heaps {
        lines = lines.line("heap", heap_text(heap));
    }
    lines.finish()
}

fn heap_text(heap: &MemoryHeap) -> String {
    let mut text = format::bytes(heap.bytes);
    if let Some(budget) = heap.budget {
        text += &format!(
            ", {} of them for this process now",
            format::short_bytes(budget)
        );
    }
    if heap.device_local {
        text += ", the device's own";
    }
    if heap.host_visible {
        text += ", mapped by the host";
    }
    text
}

#[cfg(test)]
mod tests {
    use orionrt_devices::DeviceKind;

    use super::*;

    #[test]
    fn text_and_json_have_what_matters_for_planning() {
        let mut about = DeviceProperties::unlimited("a \u{1b}[1mname", DeviceKind::Integrated);
        about.offset_alignment = 64;
        about.copy_alignment = 4;
        about.buffer_image_granularity = 1024;
        about.largest_binding = 1 << 27;
        about.heaps = vec![MemoryHeap {
            bytes: 1 << 30,
            budget: Some(1 << 29),
            device_local: true,
            host_visible: true,
        }];
        let found = ("wgpu:1".parse().expect("a name"), about);
        assert_eq!(
            text(&found),
            "wgpu:1: a \\u{1b}[1mname, integrated GPU\n  \
             alignment     1,024 bytes for plans: kernels 64, copies 4, images beside buffers \
             1024\n  \
             tensor        at most 128 MiB (134,217,728 bytes)\n  \
             block         of any size\n  \
             heap          1.00 GiB (1,073,741,824 bytes), 512 MiB of them for this process now, \
             the device's own, mapped by the host\n"
        );
        let json = serde_json::to_value(device_json(&found)).expect("JSON");
        assert_eq!(
            (&json["device"], &json["kind"]),
            (&"wgpu:1".into(), &"integrated GPU".into())
        );
        assert_eq!(
            (&json["plan_alignment"], &json["largest_block"]),
            (&1024.into(), &().into())
        );
        assert_eq!(json["heaps"][0]["budget"], 1 << 29);
    }
}
