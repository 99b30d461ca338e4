//! The standard library's own collections in arenas, heaps and slots, as far as the compiler has
//! its allocator traits: from Rust 1.100 on, or with a nightly compiler:
//! `cargo +nightly test --features nightly --test std_allocator`.
#![cfg(orionrt_std_allocator)]
#![cfg_attr(orionrt_allocator_api, feature(allocator_api))]
#![cfg_attr(orionrt_allocator_ext, feature(allocator_ext))]

use orionrt::{Arena, Lifetimes, OrionHeap, Planner, TensorId, TensorPool};

/// A pool with one tensor of 64 bytes.
fn pool() -> TensorPool<Arena> {
    let lifetimes = Lifetimes::from_rows([("a", 0, 1, 64, 64)]).unwrap();
    let plan = Planner::new().plan(&lifetimes).unwrap();
    TensorPool::new(Arena::builder().build().unwrap(), &plan).unwrap()
}

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
    let pool = pool();
    let id = TensorId::new(0);
    let mut v: Vec<f32, _> = Vec::with_capacity_in(16, pool.slot(id).unwrap());
    v.resize(16, 1.0);
    assert_eq!(v.as_ptr().addr(), pool.as_ptr(id).unwrap().addr().get());
}

#[test]
fn stds_vec_lives_in_a_heap_that_is_dropped_whole() {
    let heap = OrionHeap::new().unwrap();
    let mut v = Vec::new_in(&heap);
    v.extend((0..1000).map(|number| Box::new_in(number, &heap)));
    v.leak();
    assert!(heap.stats().live_bytes > 8000);
    drop(heap);
}

// `Rc` and `Arc` share a block among clones of their allocator.
#[cfg(orionrt_std_allocator_clone)]
mod shared {
    use std::{alloc::AllocatorClone, rc::Rc, sync::Arc};

    use orionrt::slots::{ModelGuard, OwnedSlot, Slot};

    use super::*;

    #[test]
    fn clones_of_an_rc_share_a_block_of_a_heap() {
        let heap = OrionHeap::new().unwrap();
        let shared = Rc::new_in([1u8; 100], &heap);
        let other = Rc::clone(&shared);
        drop(shared);
        assert_eq!(*other, [1; 100]);
        assert!(heap.stats().live_bytes > 0);
        drop(other);
        assert_eq!(heap.stats().live_bytes, 0);
    }

    #[test]
    fn clones_of_an_arc_share_a_tensor_and_the_last_one_releases_it() {
        let id = TensorId::new(0);
        let pool = Arc::new(pool());
        let tensor = Arc::new_in([1u8; 40], pool.owned_slot(id).unwrap());
        let other = Arc::clone(&tensor);
        assert_eq!(tensor.as_ptr(), other.as_ptr());
        drop(tensor);
        assert!(pool.is_live(id));
        // A clone of the slot is not other memory: the tensor is taken, and an error says so.
        assert!(pool.owned_slot(id).unwrap().vec::<u8>(1).is_err());
        // The pool itself may go first.
        let sum = std::thread::spawn(move || other.iter().sum::<u8>()).join();
        assert_eq!(sum.unwrap(), 40);
        assert!(!pool.is_live(id));
        let tensor = Arc::new_in(1u8, pool.owned_slot(id).unwrap());
        let other = Arc::clone(&tensor);
        drop((pool, tensor));
        assert_eq!(*other, 1);
    }

    #[test]
    fn all_allocators_that_are_clonable_are_so_for_std() {
        fn is_clonable<A: AllocatorClone>() {}
        is_clonable::<&Arena>();
        is_clonable::<&OrionHeap>();
        is_clonable::<Slot<'_, Arena>>();
        is_clonable::<OwnedSlot>();
        is_clonable::<orionrt::slots::SlotIn<ModelGuard<Arena>>>();
    }
}
