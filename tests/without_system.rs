//! Arenas and slots over memory of the program's own allocator: all that they do without the
//! operating system, so that Miri can run it. It sees what tests cannot: pointers that lost their
//! provenance, references that alias, reads of what was never written, data races.
//!
//! `cargo +nightly miri test -p orionrt --test without_system`

use std::{
    alloc::Layout,
    sync::{Arc, Barrier},
    thread,
};

use allocator_api2::{alloc::Allocator, alloc::Global, boxed::Box, vec::Vec as SlotVec};
use orionrt::{
    Arena, GraphBuilder, Lifetimes, Plan, Planner, TensorId, TensorPool,
    slots::{OwnedSlot, Slot, SlotError},
};
use orionrt_sys::sync::RawLock;
use orionrt_testing::random::Random;

/// Miri takes a hundred times as long.
const STEPS: usize = if cfg!(miri) { 300 } else { 20_000 };

/// The default lock is parking_lot's, which makes pointers from integers: Miri cannot follow these.
type LentArena = Arena<RawLock>;

fn arena(bytes: usize) -> LentArena {
    let memory = std::boxed::Box::leak(vec![0u8; bytes].into_boxed_slice());
    Arena::builder().build_in_with_lock(memory).unwrap()
}

fn chain(tensors: u64) -> Plan {
    let rows = (0..tensors).map(|at| {
        let (lower, size) = (at as i64, 64 * (1 + at % 3));
        (at.to_string(), lower, lower + 2, size, 8)
    });
    let lifetimes = Lifetimes::from_rows(rows).unwrap();
    Planner::new().nodes(100).plan(&lifetimes).unwrap()
}

#[test]
fn vectors_and_boxes_live_in_lent_memory() {
    let arena = arena(1 << 16);
    let mut random = Random(1);
    let mut live: Vec<(SlotVec<u32, &LentArena>, u32)> = Vec::new();
    for step in 0..STEPS as u32 {
        let index = random.below(live.len().max(1));
        match random.below(4) {
            0 if index < live.len() => drop(live.swap_remove(index)),
            1 if index < live.len() => {
                let (vector, mark) = &mut live[index];
                if vector.try_reserve(50).is_ok() {
                    vector.extend([*mark; 50]);
                }
            }
            2 if index < live.len() => live[index].0.shrink_to_fit(),
            _ => {
                let mut vector = SlotVec::new_in(&arena);
                if vector.try_reserve_exact(1 + random.below(300)).is_ok() {
                    vector.push(step);
                    live.push((vector, step));
                }
            }
        }
        let right =
            |(vector, mark): &(SlotVec<u32, &LentArena>, u32)| vector.iter().all(|v| v == mark);
        assert!(live.iter().all(right));
    }
    drop(live);
    assert_eq!(arena.stats().live_bytes, 0);
    assert!(arena.validate());
}

#[test]
fn slots_in_a_region_of_the_standard_heap_are_claimed_one_at_a_time() {
    let plan = chain(8);
    let pool = TensorPool::new(Global, &plan).unwrap();
    let mut random = Random(2);
    let mut live: Vec<(SlotVec<u64, Slot<'_, Global>>, u64)> = Vec::new();
    for step in 0..STEPS as u64 {
        let id = TensorId::new(random.below(8) as u32);
        let free = pool.in_the_way(id).is_none();
        let filled = pool.filled(id, step);
        assert_eq!(filled.is_ok(), free);
        live.extend(filled.map(|tensor| (tensor.into_vec(), step)));
        if !live.is_empty() && random.one_in(2) {
            let (tensor, mark) = live.swap_remove(random.below(live.len()));
            assert!(tensor.iter().all(|&value| value == mark));
        }
    }
}

#[test]
fn a_tensor_is_transferred_to_its_result_in_place_and_to_parts_of_it() {
    let mut g = GraphBuilder::new();
    let [x, y] = ["x", "y"].map(|name| g.tensor(name, Layout::array::<f32>(8).unwrap()));
    let halves = ["low", "high"].map(|name| g.tensor(name, Layout::array::<f32>(4).unwrap()));
    g.op("load").writes([x]);
    g.op("double").in_place(y, x);
    g.op("low").view(halves[0], y, 0);
    g.op("high").view(halves[1], y, 16);
    let graph = g.output(halves[0]).output(halves[1]).build().unwrap();
    let plan = Planner::new().plan(&graph.lifetimes()).unwrap();
    let pool = TensorPool::new(Global, &plan).unwrap();

    let mut tensor = pool.filled(x, 1.0f32).unwrap();
    tensor.iter_mut().for_each(|value| *value *= 2.0);
    let tensor = Slot::transfer(tensor, y).map_err(SlotError::from).unwrap();
    let mut parts = Slot::split_into(tensor, &halves)
        .map_err(SlotError::from)
        .unwrap();
    parts[1].fill(3.0);
    assert_eq!((parts[0][3], parts[1][0]), (2.0, 3.0));
    assert!(!pool.is_live(x) && pool.is_live(halves[0]) && pool.is_live(halves[1]));
    drop(parts);
    assert!(!pool.is_live(y));
}

#[test]
fn threads_that_want_the_same_bytes_never_have_them_together() {
    const THREADS: u64 = 3;
    let plan = chain(4);
    let pool = Arc::new(TensorPool::new(Global, &plan).unwrap());
    let start = Arc::new(Barrier::new(THREADS as usize));
    let run = |seed| {
        let (pool, start) = (Arc::clone(&pool), Arc::clone(&start));
        move || {
            let mut random = Random(seed);
            start.wait();
            let claim = |random: &mut Random| {
                let slot = pool
                    .owned_slot(TensorId::new(random.below(4) as u32))
                    .unwrap();
                let mut tensor: SlotVec<u64, OwnedSlot<Global>> = SlotVec::new_in(slot);
                tensor.try_reserve_exact(8).ok()?;
                tensor.resize(8, seed);
                thread::yield_now();
                assert!(tensor.iter().all(|&value| value == seed));
                Some(())
            };
            (0..STEPS / 4).filter_map(|_| claim(&mut random)).count()
        }
    };
    let threads: Vec<_> = (0..THREADS).map(|seed| thread::spawn(run(seed))).collect();
    let claimed = threads.into_iter().map(|thread| thread.join().unwrap());
    assert!(claimed.sum::<usize>() > 0);
    assert!((0..4).all(|id| !pool.is_live(TensorId::new(id))));
}

#[test]
fn an_arena_in_lent_memory_serves_threads_and_pools() {
    let arena = arena(1 << 16);
    let plan = chain(8);
    thread::scope(|scope| {
        for seed in 0..3 {
            let (arena, plan) = (&arena, &plan);
            scope.spawn(move || {
                let mut random = Random(seed);
                for _ in 0..STEPS / 30 {
                    let pool = TensorPool::new(arena, plan).unwrap();
                    let id = TensorId::new(random.below(8) as u32);
                    let tensor = pool.filled(id, seed).unwrap();
                    let boxed = Box::new_in(seed, arena);
                    assert!(*boxed == seed && tensor.iter().all(|&value| value == seed));
                }
            });
        }
    });
    assert_eq!(arena.stats().live_bytes, 0);
    let rest = <&LentArena as Allocator>::allocate(&&arena, Layout::new::<[u8; 1 << 14]>());
    assert!(rest.is_ok());
}
