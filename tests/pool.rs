//! Planned slots: tensors lie at their planned addresses, and no two live ones share a byte.

use std::{
    alloc::Layout,
    mem::MaybeUninit,
    sync::{Arc, Barrier},
    thread,
};

use allocator_api2::{
    alloc::{AllocError, Allocator, Global},
    boxed::Box,
    vec::Vec as SlotVec,
};
use orionrt::{
    Arena, GraphBuilder, Lifetimes, Plan, Planner, TensorId, TensorPool,
    slots::{OwnedSlot, PoolError, Slot, SlotError},
};
use proptest::prelude::*;

type Row = (&'static str, i64, i64, u64, u64);

/// Ops 0 → 1 → 2 → 3 with a tensor between each two.
const CLASSIC: [Row; 3] = [
    ("t0", 0, 2, 1024, 64),
    ("t1", 1, 3, 2048, 64),
    ("t2", 2, 4, 1024, 64),
];
const T0: TensorId = TensorId::new(0);
const T1: TensorId = TensorId::new(1);
const T2: TensorId = TensorId::new(2);

fn plan(rows: &[Row]) -> Plan {
    let lifetimes = Lifetimes::from_rows(rows.iter().copied()).unwrap();
    Planner::new().plan(&lifetimes).unwrap()
}

fn arena() -> Arena {
    Arena::builder().capacity(64 << 20).build().unwrap()
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 4).unwrap()
}

#[test]
fn the_classic_example_runs_in_three_slots() {
    let mut g = GraphBuilder::new();
    let t = [("t0", 1024), ("t1", 2048), ("t2", 1024)];
    let t = t.map(|(name, size)| g.tensor(name, layout(size)));
    g.op("op0").writes([t[0]]);
    g.op("op1").reads([t[0]]).writes([t[1]]);
    g.op("op2").reads([t[1]]).writes([t[2]]);
    g.op("op3").reads([t[2]]);
    let graph = g.build().unwrap();
    let plan = Planner::new().plan(&graph.lifetimes()).unwrap();
    assert_eq!(plan.peak(), 3072);

    let arena = arena();
    let pool = TensorPool::new(&arena, &plan).unwrap();
    assert_eq!(
        (pool.region_bytes(), arena.stats().live_bytes),
        (3072, 3072)
    );
    let first = pool.filled(t[0], 1.0f32).unwrap();
    let mut second = pool.filled(t[1], 0.0f32).unwrap();
    second[..256].copy_from_slice(&first);
    drop(first);
    let third = pool.filled(t[2], 3.0f32).unwrap();
    assert_eq!((second[255], second[256], third.len()), (1.0, 0.0, 256));
}

#[test]
fn every_tensor_lies_at_its_planned_offset() {
    let plan = plan(&CLASSIC);
    let arena = arena();
    let pool = TensorPool::new(&arena, &plan).unwrap();
    for id in plan.execution_order() {
        let offset = plan.offset(id).unwrap() as usize;
        let address = pool.as_ptr(id).unwrap();
        assert_eq!(address.addr().get(), pool.base().addr().get() + offset);
        let tensor = pool.uninit::<[u8; 16]>(id).unwrap();
        assert_eq!(tensor.as_ptr().addr(), address.addr().get());
        assert!(pool.is_live(id));
    }
    assert!(pool.as_ptr(TensorId::new(3)).is_none());
}

#[test]
fn overlapping_tensors_are_never_alive_together() {
    let arena = arena();
    let pool = TensorPool::new(&arena, &plan(&CLASSIC)).unwrap();
    assert_eq!(pool.as_ptr(T0), pool.as_ptr(T2));
    let first = pool.filled(T0, 7u8).unwrap();
    assert_eq!(pool.slot(T2).unwrap().allocate(layout(8)), Err(AllocError));
    assert_eq!(pool.in_the_way(T2), Some(T0));
    assert_eq!(
        pool.filled(T2, 1u8).unwrap_err(),
        SlotError::InUse {
            name: "t2".into(),
            by: Some("t0".into())
        }
    );
    let again = pool.filled(T0, 1u8).unwrap_err();
    assert_eq!(again.to_string(), "tensor 't0' is already allocated");
    assert!(first.iter().all(|&byte| byte == 7));
    drop(first);
    assert_eq!(pool.in_the_way(T2), None);
    drop(pool.filled(T2, 1u8).unwrap());
}

#[test]
fn a_vec_grows_inside_its_slot_and_fails_beyond() {
    let arena = arena();
    let pool = TensorPool::new(&arena, &plan(&CLASSIC)).unwrap();
    let mut v: SlotVec<f32, _> = SlotVec::new_in(pool.slot(T1).unwrap());
    v.push(0.0);
    let start = v.as_ptr();
    assert_eq!(start.addr(), pool.as_ptr(T1).unwrap().addr().get());
    v.extend((1..512).map(|i| i as f32));
    assert_eq!(v.as_ptr(), start);
    assert!(v.try_reserve(1).is_err());
    assert_eq!((v.len(), v[511]), (512, 511.0));
    v.truncate(1);
    v.shrink_to_fit();
    v.reserve_exact(511);
    assert_eq!((v.as_ptr(), v[0]), (start, 0.0));
    v.clear();
    v.shrink_to_fit();
    assert!(!pool.is_live(T1));
    assert!(pool.slot(T1).unwrap().allocate(layout(2049)).is_err());
}

/// The pointer of a grown tensor must be the slot's own: that of the box is valid for fewer bytes.
#[test]
fn a_vec_made_from_a_box_grows_inside_its_slot() {
    let arena = arena();
    let pool = TensorPool::new(&arena, &plan(&CLASSIC)).unwrap();
    let mut v: SlotVec<u8, _> = SlotVec::with_capacity_in(8, pool.slot(T1).unwrap());
    v.extend([1; 8]);
    let mut v = v.into_boxed_slice().into_vec();
    v.reserve_exact(2040);
    v.extend([2; 2040]);
    assert_eq!((v.len(), v[7], v[2047]), (2048, 1, 2));
}

/// Blocks that the arena lends a slot go back to it even if they are shrunk to nothing first.
#[test]
fn a_fallback_block_shrunk_to_nothing_goes_back_to_the_arena() {
    let arena = arena();
    let pool = TensorPool::with_fallback(&arena, &plan(&CLASSIC)).unwrap();
    let slot = pool.slot(T0).unwrap();
    let block = slot.allocate(layout(5000)).unwrap();
    // SAFETY: the slot's own block, with its current layout.
    unsafe {
        let nothing = slot.shrink(block.cast(), layout(5000), layout(0)).unwrap();
        slot.deallocate(nothing.cast(), layout(0));
    }
    assert_eq!(arena.stats().live_bytes, 3072);
}

#[test]
fn with_a_fallback_a_tensor_that_outgrows_its_slot_moves_to_the_arena() {
    let arena = arena();
    let pool = TensorPool::with_fallback(&arena, &plan(&CLASSIC)).unwrap();
    let mut v: SlotVec<u32, _> = SlotVec::with_capacity_in(512, pool.slot(T1).unwrap());
    v.extend(0..512);
    v.push(512);
    assert!(!pool.is_live(T1) && arena.contains(v.as_ptr()));
    assert!(v.iter().copied().eq(0..513));
    v.extend(513..10_000);
    v.truncate(100);
    v.shrink_to_fit();
    assert!(v.iter().copied().eq(0..100));
    let in_slot = pool.filled(T1, 1u8).unwrap();
    assert_eq!(pool.slot(T1).unwrap().allocate(layout(4)), Err(AllocError));
    let strict = Layout::from_size_align(4096, 1 << 16).unwrap();
    let slot = pool.slot(T1).unwrap();
    let elsewhere = slot.allocate(strict).unwrap();
    assert_eq!(elsewhere.cast::<u8>().addr().get() % (1 << 16), 0);
    // SAFETY: allocated above with this layout.
    unsafe { slot.deallocate(elsewhere.cast(), strict) };
    drop((v, in_slot));
    assert_eq!(arena.stats().live_bytes, 3072);
}

#[test]
fn zeroed_means_zeroed_and_zero_sizes_take_nothing() {
    let arena = arena();
    let pool = TensorPool::new(&arena, &plan(&CLASSIC)).unwrap();
    drop(pool.filled(T1, 0xffu8).unwrap());
    let slot = pool.slot(T1).unwrap();
    let (old, new) = (layout(100), layout(2048));
    let block = slot.allocate_zeroed(old).unwrap();
    // SAFETY: the slot's own block throughout, with its current layout.
    unsafe {
        assert!(block.as_ref().iter().all(|&byte| byte == 0));
        block.cast::<u8>().write_bytes(1, 100);
        let grown = slot.grow_zeroed(block.cast(), old, new).unwrap();
        assert_eq!(
            grown
                .as_ref()
                .iter()
                .map(|&byte| usize::from(byte))
                .sum::<usize>(),
            100
        );
        let gone = slot.shrink(grown.cast(), new, layout(0)).unwrap();
        assert!(gone.is_empty() && !pool.is_live(T1));
        slot.deallocate(gone.cast(), layout(0));
        let back = slot.grow(gone.cast(), layout(0), old).unwrap();
        slot.deallocate(back.cast(), old);
    }
    let nothing = slot.allocate(layout(0)).unwrap();
    assert!(nothing.is_empty() && !pool.is_live(T1));
}

#[test]
fn tensors_without_bytes_and_odd_elements_have_a_named_error_or_an_empty_slice() {
    let arena = arena();
    let plan = plan(&[
        ("dead", 3, 3, 100, 8),
        ("void", 0, 2, 0, 8),
        ("x", 0, 1, 12, 4),
    ]);
    let pool = TensorPool::new(&arena, &plan).unwrap();
    assert_eq!(
        pool.slot(TensorId::new(0)).unwrap_err(),
        SlotError::NeverAlive {
            name: "dead".into()
        }
    );
    assert_eq!(pool.filled(TensorId::new(1), 1u64).unwrap().len(), 0);
    let error = pool.uninit::<u64>(TensorId::new(2)).unwrap_err();
    assert!(matches!(
        error,
        SlotError::NotWhole {
            bytes: 12,
            element: 8,
            ..
        }
    ));
    assert!(pool.uninit::<()>(TensorId::new(2)).is_err());
    assert!(matches!(
        pool.slot(TensorId::new(9)),
        Err(SlotError::Unknown { .. })
    ));
    let empty = Planner::new()
        .plan(&Lifetimes::from_rows(Vec::<Row>::new()).unwrap())
        .unwrap();
    assert_eq!(TensorPool::new(&arena, &empty).unwrap().region_bytes(), 0);
}

#[test]
fn a_slot_refuses_a_layout_that_its_address_is_not_aligned_for() {
    let arena = arena();
    let plan = plan(&[("short", 0, 2, 3, 1), ("long", 0, 2, 5, 1)]);
    let pool = TensorPool::new(&arena, &plan).unwrap();
    let two = Layout::from_size_align(2, 2).unwrap();
    let odd = [0, 1]
        .map(TensorId::new)
        .into_iter()
        .find(|&id| plan.offset(id).unwrap() % 2 == 1);
    let slot = pool
        .slot(odd.expect("one of the two lies at an odd offset"))
        .unwrap();
    assert_eq!(slot.allocate(two), Err(AllocError));
    assert!(!pool.is_live(slot.tensor()));
}

#[test]
fn a_pool_reserves_its_region_and_returns_it_when_dropped() {
    let arena = Arena::builder().capacity(4096).build().unwrap();
    let large = plan(&[("a", 0, 1, 5000, 1)]);
    let error = TensorPool::new(&arena, &large).unwrap_err();
    assert_eq!(error, PoolError::OutOfMemory { bytes: 5000 });
    let pool = TensorPool::new(&arena, &plan(&CLASSIC)).unwrap();
    assert_eq!(arena.stats().live_bytes, 3072);
    drop(pool);
    assert_eq!(arena.stats().live_bytes, 0);
}

#[test]
fn any_allocator_can_lend_the_region() {
    let bump = bumpalo::Bump::new();
    let pool = TensorPool::new(&bump, &plan(&CLASSIC)).unwrap();
    assert_eq!(pool.filled(T0, 1u8).unwrap().len(), 1024);
    let pool = TensorPool::new(Global, &plan(&CLASSIC)).unwrap();
    assert_eq!(pool.filled(T1, 1u16).unwrap().len(), 1024);
}

#[test]
fn owned_tensors_outlive_the_scope_and_change_threads() {
    let tensor = {
        let pool = Arc::new(TensorPool::new(arena(), &plan(&CLASSIC)).unwrap());
        let slot: OwnedSlot = pool.owned_slot(T1).unwrap();
        let mut v: SlotVec<u8, OwnedSlot> = SlotVec::new_in(slot);
        v.resize(2048, 9);
        v
    };
    let sum: usize = thread::spawn(move || tensor.iter().map(|&byte| usize::from(byte)).sum())
        .join()
        .unwrap();
    assert_eq!(sum, 9 * 2048);
    fn is_send<T: Send + 'static>() {}
    is_send::<SlotVec<f32, OwnedSlot>>();
    fn is_copy<T: Copy>() {}
    is_copy::<Slot<'static>>();
}

/// Threads allocate overlapping tensors again and again: whoever has one is alone with its bytes.
#[test]
fn racing_threads_never_share_bytes() {
    let rows = [
        ("wide", 0, 1, 4096, 64),
        ("left", 1, 2, 2048, 64),
        ("right", 1, 2, 2048, 64),
    ];
    let arena = arena();
    let pool = TensorPool::new(&arena, &plan(&rows)).unwrap();
    let start = Barrier::new(4);
    let granted: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..4u8)
            .map(|mark| {
                let (pool, start) = (&pool, &start);
                scope.spawn(move || {
                    start.wait();
                    let id = TensorId::new(u32::from(mark) % 3);
                    let mut granted = 0;
                    for _ in 0..20_000 {
                        if let Ok(mut tensor) = pool.uninit::<u8>(id) {
                            tensor.fill(MaybeUninit::new(mark));
                            // SAFETY: every element was written in the line above.
                            let same = tensor
                                .iter()
                                .all(|byte| unsafe { byte.assume_init() } == mark);
                            assert!(same);
                            granted += 1;
                        }
                    }
                    granted
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert!(granted > 0);
    assert!((0..3).all(|i| !pool.is_live(TensorId::new(i))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Slots against the definition: an allocation succeeds if and only if no live tensor shares a
    /// byte with it.
    #[test]
    fn an_allocation_succeeds_exactly_when_its_bytes_are_free(
        rows in proptest::collection::vec((0..20i64, 1..8i64, 1..600u64), 1..150),
        steps in proptest::collection::vec(any::<usize>(), 1..200),
    ) {
        let rows = rows.iter().enumerate();
        let rows = rows.map(|(i, (t, l, size))| (format!("t{i}"), *t, t + l, *size, 1));
        let lifetimes = Lifetimes::from_rows(rows).unwrap();
        let plan = Planner::new().nodes(1000).plan(&lifetimes).unwrap();
        let arena = arena();
        let pool = TensorPool::new(&arena, &plan).unwrap();
        type Tensor<'p> = Box<[u8], Slot<'p, &'p Arena>>;
        let mut live: Vec<(TensorId, Tensor<'_>)> = Vec::new();
        for step in steps {
            let id = TensorId::new((step % plan.len()) as u32);
            if step % 3 == 0 && !live.is_empty() {
                let (id, tensor) = live.swap_remove(step % live.len());
                prop_assert!(tensor.iter().all(|&byte| byte == id.index() as u8));
                continue;
            }
            let bytes = plan.bytes(id).unwrap();
            let blocked = live.iter().any(|(other, _)| {
                let other = plan.bytes(*other).unwrap();
                other.start < bytes.end && bytes.start < other.end
            });
            prop_assert_eq!(pool.in_the_way(id).is_some(), blocked);
            let got = pool.filled(id, id.index() as u8);
            prop_assert_eq!(got.is_err(), blocked);
            if let Ok(tensor) = got {
                live.push((id, tensor));
            }
        }
    }
}
