//! Pools: plans that do not fit a device, typed transfers, and what is given back.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use orionrt_devices::{
    DeviceArena, DeviceBlock, DeviceKind, DeviceMemoryError, DevicePool, DeviceProperties,
    DeviceSlot, DeviceSlotError, HostDevice, StreamId, StreamOrder,
};
use orionrt_plan::{Lifetimes, Plan, Planner};

use crate::{
    arena,
    plans::{id, plan, pool},
};

fn device(change: impl FnOnce(&mut DeviceProperties)) -> DeviceArena<HostDevice> {
    let mut properties = DeviceProperties::unlimited("strict", DeviceKind::Other);
    properties.offset_alignment = 64;
    properties.copy_alignment = 4;
    change(&mut properties);
    let device = HostDevice::with_properties(8192, properties).unwrap();
    DeviceArena::new(device).unwrap()
}

fn planned(rows: &[(&str, u64, u64)]) -> Plan {
    let rows = rows
        .iter()
        .map(|&(name, size, alignment)| (name, 0, 1, size, alignment));
    let lifetimes = Lifetimes::from_rows(rows).unwrap();
    Planner::new().plan(&lifetimes).unwrap()
}

#[test]
fn a_plan_for_another_device_is_refused_with_what_is_needed() {
    let order = StreamOrder::new(1);
    let arena = device(|_| {});
    let other = planned(&[("a", 16, 16), ("b", 16, 16)]);
    let moved = if other.offset(id(0)) == Some(16) {
        "a"
    } else {
        "b"
    };
    assert_eq!(
        arena.pool(&other, &order).unwrap_err(),
        DeviceMemoryError::OtherAlignment {
            tensor: moved.to_owned(),
            offset: 16,
            needed: 64,
        }
    );
    let strict = device(|properties| properties.largest_binding = 100);
    let wide = planned(&[("wide", 101, 64)]);
    assert_eq!(
        strict.pool(&wide, &order).unwrap_err(),
        DeviceMemoryError::TensorTooLarge {
            tensor: "wide".to_owned(),
            bytes: 101,
            largest: 100,
        }
    );
    let large = planned(&[("large", 10_000, 64)]);
    assert_eq!(
        arena.pool(&large, &order).unwrap_err(),
        DeviceMemoryError::Exhausted {
            needed: 10_000,
            free: 8192,
            largest: 8192,
        }
    );
    let small = device(|properties| properties.largest_block = 8192);
    assert_eq!(
        small.pool(&large, &order).unwrap_err(),
        DeviceMemoryError::TooLarge {
            needed: 10_000,
            largest: 8192,
        }
    );
    let none = device(|_| {})
        .pool(&planned(&[("empty", 0, 1)]), &order)
        .unwrap();
    assert_eq!((none.region(), none.buffer(id(0))), (0..0, None));
}

#[test]
fn a_pool_takes_the_plans_peak_and_its_buffers_are_the_planned_bytes() {
    let arena = device(|_| {});
    let before = arena.allocate(300).unwrap();
    let plan = planned(&[("a", 65, 64), ("b", 3, 64), ("c", 128, 64)]);
    let pool = arena.pool(&plan, &StreamOrder::new(1)).unwrap();
    let region = pool.region();
    assert_eq!(region.end - region.start, plan.peak().next_multiple_of(4));
    assert!(region.start >= 300);
    for index in 0..3 {
        let slot = pool.slot(id(index), StreamId::HOST).unwrap();
        let planned = plan.bytes(id(index)).unwrap();
        let (start, end) = (region.start + planned.start, region.start + planned.end);
        assert_eq!((slot.range(), slot.bytes()), (start..end, end - start));
        assert_eq!(slot.buffer(), &(start..end.next_multiple_of(4)));
        assert_eq!(pool.buffer(id(index)), Some(slot.buffer()));
        assert_eq!(
            (slot.name(), slot.offset()),
            (["a", "b", "c"][index], start)
        );
    }
    drop(before);
    let free = arena.stats().free_bytes;
    drop(pool);
    assert_eq!((free, arena.stats().free_bytes), (8192 - 512, 8192));
}

#[test]
fn a_plan_with_a_stricter_alignment_than_the_devices_keeps_it_in_the_block() {
    let arena = device(|_| {});
    let before = arena.allocate(1).unwrap();
    let plan = planned(&[("a", 16, 64), ("b", 16, 2048)]);
    let pool = arena.pool(&plan, &StreamOrder::new(1)).unwrap();
    assert_eq!(pool.region().start, 2048);
    let b = pool.slot(id(1), StreamId::HOST).unwrap();
    assert!(b.offset().is_multiple_of(2048));
    let vast = planned(&[("x", 16, 1 << 62)]);
    assert!(arena.pool(&vast, &StreamOrder::new(1)).is_err());
    drop(before);
}

#[test]
fn a_slot_keeps_its_pool_and_a_pool_its_arena() {
    let pool = pool(&plan(&[(0, 8)]), 1);
    let slot = pool.slot(id(0), StreamId::HOST).unwrap();
    let arena = pool.arena().clone();
    drop(pool);
    assert_eq!(arena.stats().free_bytes, 4096 - 256);
    drop(slot);
    assert_eq!(arena.stats().free_bytes, 4096);
}

#[test]
fn a_pool_that_is_refused_or_dropped_gives_its_range_back_behind_the_device() {
    let (arena, progress) = arena::arena(4);
    let plan = plan(&[(0, 256), (0, 1024)]);
    let order = StreamOrder::new(1);
    progress.refuse_buffers(true);
    assert!(arena.pool(&plan, &order).is_err());
    assert_eq!(arena.stats().free_bytes, 1024);
    progress.refuse_buffers(false);
    let pool = arena.pool(&plan, &order).unwrap();
    progress.submit();
    drop(pool);
    assert_eq!(
        (arena.stats().free_bytes, arena.stats().set_aside),
        (0, 1024)
    );
    let again = arena.pool(&plan, &order).unwrap();
    assert_eq!((again.region(), arena.stats().set_aside), (0..1024, 0));
}

#[test]
fn values_are_of_the_tensors_length_and_whole() {
    let pool = pool(&plan(&[(0, 12)]), 1);
    let slot = pool.slot(id(0), StreamId::HOST).unwrap();
    assert_eq!(slot.elements::<f32>(), Ok(3));
    let values = [1.0f32, 2.0, 3.0];
    let memory = pool.arena().memory();
    memory
        .write(slot.range(), slot.upload_bytes(&values).unwrap())
        .unwrap();
    let mut back = [0.0f32; 3];
    memory
        .read(slot.range(), slot.download_bytes(&mut back).unwrap())
        .unwrap();
    assert_eq!(back, values);
    assert_eq!(
        slot.upload_bytes(&values[1..]).unwrap_err().to_string(),
        "tensor `t0` has 3 elements, and there are 2 on the host"
    );
    assert!(slot.download_bytes(&mut [0u8; 13]).is_err());
    let tensor = "t0".to_owned();
    for (error, element) in [(slot.elements::<u64>(), 8), (slot.elements::<()>(), 0)] {
        let (tensor, bytes) = (tensor.clone(), 12);
        let expected = DeviceSlotError::NotWhole {
            tensor,
            bytes,
            element,
        };
        assert_eq!(error, Err(expected));
    }
    let refused = memory.write(slot.range(), &[0; 5]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "5 bytes are copied to or from a range of 12 bytes"
    );
    assert!(memory.read(4090..4097, &mut [0; 7]).is_err());
    assert!(HostDevice::new(u64::MAX).is_err());
}

#[test]
fn what_memory_allows_its_pools_and_slots_allow_threads() {
    fn assert_shared<T: Send + Sync + 'static>() {}
    assert_shared::<DeviceArena<HostDevice>>();
    assert_shared::<DevicePool<HostDevice>>();
    assert_shared::<DeviceSlot<HostDevice>>();
    assert_shared::<DeviceBlock<HostDevice>>();
    assert_shared::<StreamOrder>();
    let plan = plan(&[(0, 8); 8]);
    let pool = pool(&plan, 1);
    // All tensors have the same bytes: one thread at a time has them.
    let is_held = AtomicBool::new(false);
    let hold = |slot: DeviceSlot<HostDevice>| {
        assert!(!is_held.swap(true, Ordering::Relaxed), "two have the bytes");
        is_held.store(false, Ordering::Relaxed);
        slot.free();
    };
    let granted = |tensor| {
        let slots = (0..1000).filter_map(|_| pool.slot(id(tensor), StreamId::HOST).ok());
        slots.map(hold).count()
    };
    let granted: usize = thread::scope(|scope| {
        let granted = &granted;
        let threads = [0, 1, 2, 3].map(|tensor| scope.spawn(move || granted(tensor)));
        threads.into_iter().map(|it| it.join().unwrap()).sum()
    });
    assert!(granted > 0);
    assert!((0..8).all(|tensor| !pool.is_in_use(id(tensor))));
}
