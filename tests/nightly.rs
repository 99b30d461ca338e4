//! With the `nightly` feature, the standard library's own collections live in arenas and slots:
//! `cargo +nightly test --features nightly`.
#![cfg(feature = "nightly")]
#![feature(allocator_api)]

use orionrt::{Arena, Lifetimes, OrionHeap, Planner, TensorId, TensorPool};

#[test]
fn stds_collections_live_in_an_arena() {
    let arena = Arena::builder().build().unwrap();
    let mut v: Vec<u32, &Arena> = Vec::new_in(&arena);
    v.extend(0..100);
    let b = Box::new_in([1u8; 64], &arena);
    assert!(arena.contains(v.as_ptr()) && arena.contains(&raw const *b));
    drop((v, b));
    assert_eq!(arena.stats().live_bytes, 0);
}

#[test]
fn stds_vec_is_a_tensor_in_its_slot() {
    let plan = Planner::new()
        .plan(&Lifetimes::from_rows([("a", 0, 1, 64, 64)]).unwrap())
        .unwrap();
    let arena = Arena::builder().build().unwrap();
    let pool = TensorPool::new(&arena, &plan).unwrap();
    let id = TensorId::new(0);
    let mut v: Vec<f32, _> = Vec::with_capacity_in(16, pool.slot(id).unwrap());
    v.resize(16, 1.0);
    assert_eq!(v.as_ptr().addr(), pool.as_ptr(id).unwrap().addr().get());
}

#[test]
fn stds_collections_live_in_a_heap_that_is_dropped_whole() {
    let heap = OrionHeap::new().unwrap();
    let shared = std::rc::Rc::new_in([1u8; 100], &heap);
    drop(std::rc::Rc::clone(&shared));
    drop(shared);
    assert_eq!(heap.stats().live_bytes, 0);
    let mut v = Vec::new_in(&heap);
    v.extend((0..1000).map(|number| Box::new_in(number, &heap)));
    v.leak();
    assert!(heap.stats().live_bytes > 8000);
    drop(heap);
}
