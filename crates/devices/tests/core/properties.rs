//! What of a device matters for planning: layouts, and limits to the byte.

use core::alloc::Layout;

use orionrt_devices::{DeviceKind, DeviceMemoryError, DeviceProperties, MemoryHeap};
use orionrt_plan::{Lifetime, Lifetimes, Plan, Planner, TensorId};

fn properties() -> DeviceProperties {
    let mut properties = DeviceProperties::unlimited("device", DeviceKind::Other);
    properties.offset_alignment = 16;
    properties.copy_alignment = 4;
    properties
}

#[test]
fn the_largest_of_three_alignments_is_planned_with() {
    let mut properties = properties();
    assert_eq!(properties.plan_alignment(), 16);
    properties.copy_alignment = 32;
    assert_eq!(properties.plan_alignment(), 32);
    properties.buffer_image_granularity = 1024;
    assert_eq!(properties.plan_alignment(), 1024);
}

#[test]
fn a_layout_is_rounded_up_to_what_copies_need() {
    let properties = properties();
    let expected = |size| Ok(Layout::from_size_align(size, 16).unwrap());
    assert_eq!(properties.layout(0), expected(0));
    assert_eq!(properties.layout(5), expected(8));
    assert_eq!(properties.layout(8), expected(8));
    for bytes in [u64::MAX, u64::MAX - 2, 1 << 63] {
        let error = properties.layout(bytes).unwrap_err();
        let largest = isize::MAX as u64;
        let needed = bytes;
        assert_eq!(error, DeviceMemoryError::TooLarge { needed, largest });
    }
}

/// One tensor of 100 bytes at offset 32, and a view of ten of its bytes.
fn plan(view_at: u64) -> Plan {
    let x = Lifetime::new(0, 2, 100).with_alignment(16);
    let view = Lifetime::new(0, 2, 10);
    let view = view.with_root(TensorId::new(0), view_at);
    let lifetimes = Lifetimes::from_named([("x", x), ("view", view)]).unwrap();
    Plan::new(lifetimes, vec![32, 32 + view_at]).unwrap()
}

#[test]
fn a_plan_is_checked_to_the_byte() {
    let mut properties = properties();
    properties.largest_binding = 100;
    properties.largest_block = 132;
    assert_eq!(properties.check(&plan(16)), Ok(()));
    // A kernel cannot be given a view that begins between two multiples.
    let tensor = "view".to_owned();
    assert_eq!(
        properties.check(&plan(20)),
        Err(DeviceMemoryError::OtherAlignment {
            tensor,
            offset: 52,
            needed: 16
        })
    );
    properties.largest_block = 131;
    let (needed, largest) = (132, 131);
    let error = properties.check(&plan(16)).unwrap_err();
    assert_eq!(error, DeviceMemoryError::TooLarge { needed, largest });
    properties.largest_binding = 99;
    assert_eq!(
        properties.check(&plan(16)).unwrap_err().to_string(),
        "tensor `x` has 100 bytes, and a kernel of the device can be given at most 99"
    );
}

#[test]
fn each_region_of_a_plan_is_checked_as_a_block() {
    let tensor = |bytes| Lifetime::new(0, 2, bytes).with_alignment(16);
    let named = [("x", tensor(100)), ("y", tensor(60)), ("z", tensor(40))];
    let lifetimes = Lifetimes::from_named(named).unwrap();
    let plan = Planner::new().plan_regions(&lifetimes, 112).unwrap();
    assert_eq!(plan.sizes().len(), 2);
    let most = *plan.sizes().iter().max().unwrap();
    let mut properties = properties();
    properties.largest_block = most;
    properties.largest_binding = 100;
    assert_eq!(properties.check_regions(&plan), Ok(()));
    properties.largest_block = most - 1;
    let (needed, largest) = (most, most - 1);
    let error = properties.check_regions(&plan).unwrap_err();
    assert_eq!(error, DeviceMemoryError::TooLarge { needed, largest });
    properties.largest_binding = 99;
    assert!(matches!(
        properties.check_regions(&plan),
        Err(DeviceMemoryError::TensorTooLarge { .. })
    ));
    properties.largest_binding = 100;
    properties.offset_alignment = 1024;
    assert!(matches!(
        properties.check_regions(&plan),
        Err(DeviceMemoryError::OtherAlignment { needed: 1024, .. })
    ));
}

#[test]
fn the_largest_heap_counts_if_there_is_one() {
    let mut properties = properties();
    assert_eq!(properties.check_heaps(u64::MAX), Ok(()));
    properties.heaps = [100, 200, 50]
        .map(|bytes| MemoryHeap {
            bytes,
            budget: None,
            device_local: true,
            host_visible: false,
        })
        .to_vec();
    assert_eq!(properties.check_heaps(200), Ok(()));
    let (needed, heap) = (201, Some(200));
    let error = properties.check_heaps(201).unwrap_err();
    assert_eq!(error, DeviceMemoryError::OutOfMemory { needed, heap });
}
