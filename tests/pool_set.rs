//! Pools that a set lends, from several threads: each has one user at a time, and comes back. And
//! tensors that are taken out of their pools.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use orionrt::{
    Arena, Lifetimes, Plan, Planner, PoolSet, TensorId, TensorPool,
    slots::{LentPool, PoolError, Slot, SlotBox, SlotError, SlotIn},
};

const A: TensorId = TensorId::new(0);
const B: TensorId = TensorId::new(1);
/// Has the bytes of `a`.
const C: TensorId = TensorId::new(2);

fn plan() -> Plan {
    let rows = [
        ("a", 0, 2, 64, 64),
        ("b", 1, 3, 64, 64),
        ("c", 2, 4, 64, 64),
    ];
    Planner::new()
        .plan(&Lifetimes::from_rows(rows).unwrap())
        .unwrap()
}

fn arena() -> Arena {
    Arena::builder().capacity(1 << 16).build().unwrap()
}

fn pools(count: usize) -> PoolSet<Arena> {
    PoolSet::of((0..count).map(|_| TensorPool::new(arena(), &plan()).unwrap())).unwrap()
}

/// An inference, whose values are its own.
fn infer(pool: &TensorPool<impl allocator_api2::alloc::Allocator>, value: u8) -> u8 {
    let a = pool.filled(A, value).unwrap();
    let mut b = pool.copied_from(B, &a).unwrap();
    drop(a);
    thread::yield_now();
    let c = pool.filled(C, value).unwrap();
    b.iter_mut().zip(&c[..]).for_each(|(b, c)| *b ^= *c ^ value);
    assert!(b.iter().all(|&byte| byte == value));
    b[63]
}

#[test]
fn every_pool_has_one_user_at_a_time() {
    let arena = arena();
    let pools = PoolSet::new(&arena, &plan(), 2).unwrap();
    let users: [AtomicUsize; 2] = Default::default();
    let bases = [pools.lend(), pools.lend()].map(|pool| pool.base());
    thread::scope(|scope| {
        for first in 0..4u8 {
            let (pools, users) = (&pools, &users);
            let bases = bases.map(|base| base.addr());
            scope.spawn(move || {
                for round in 0..200u8 {
                    let pool = match round % 3 {
                        0 => pools.try_lend().unwrap_or_else(|| pools.lend()),
                        _ => pools.lend(),
                    };
                    let index = bases.iter().position(|base| *base == pool.base().addr());
                    let user = &users[index.expect("one of the two")];
                    assert_eq!(user.fetch_add(1, Ordering::SeqCst), 0);
                    infer(&pool, first.wrapping_mul(60).wrapping_add(round));
                    assert_eq!(user.fetch_sub(1, Ordering::SeqCst), 1);
                }
            });
        }
    });
    assert_eq!((pools.idle(), pools.len()), (2, 2));
}

#[test]
fn who_waits_gets_the_pool_that_comes_back() {
    let pools = pools(1);
    let begun = Barrier::new(4);
    let lent = pools.lend();
    assert!(pools.try_lend().is_none());
    thread::scope(|scope| {
        let (begun, pools) = (&begun, &pools);
        let waiting = [1, 2, 3].map(|value| {
            scope.spawn(move || {
                begun.wait();
                infer(&pools.lend(), value)
            })
        });
        begun.wait();
        drop(lent);
        let values = waiting.map(|thread| thread.join().unwrap());
        assert_eq!(values, [1, 2, 3]);
    });
    assert_eq!(pools.idle(), 1);
}

/// The output of one inference is read while the next one runs.
#[test]
fn an_output_in_an_owned_slot_keeps_its_pool_and_no_other() {
    let pools = pools(2);
    let mut shown: Option<SlotBox<u8, LentPool>> = None;
    for value in 1..10 {
        let pool = pools.try_lend().expect("one shows the last output");
        let output = pool.owned_slot(B).unwrap().filled(value).unwrap();
        drop(pool);
        if let Some(last) = shown.replace(output) {
            assert!(pools.try_lend().is_none());
            let sum =
                thread::spawn(move || last.iter().map(|&byte| usize::from(byte)).sum::<usize>());
            assert_eq!(sum.join().unwrap(), usize::from(value - 1) * 64);
        }
        assert_eq!(pools.idle(), 1);
    }
    drop(shown);
    assert_eq!(pools.idle(), 2);
}

#[test]
fn an_inference_that_panics_gives_its_pool_back() {
    let pools = pools(1);
    let refused = catch_unwind(AssertUnwindSafe(|| {
        let pool = pools.lend();
        let _a = pool.filled(A, 1u8).unwrap();
        panic!("an operator fails");
    }));
    assert!(refused.is_err());
    assert_eq!(infer(&pools.try_lend().expect("it is idle"), 7), 7);
}

#[test]
fn a_clone_of_the_set_and_of_a_lent_pool_share_the_pools() {
    let pools = pools(1);
    let other = pools.clone();
    let lent = pools.lend();
    let clone = lent.clone();
    drop(lent);
    assert!(other.try_lend().is_none());
    assert_eq!(clone.filled(A, 1u8).unwrap().len(), 64);
    drop((clone, pools));
    assert_eq!(other.idle(), 1);
}

#[test]
fn a_set_without_pools_or_memory_is_refused() {
    let arena = Arena::builder().capacity(4096).build().unwrap();
    let peak = plan().peak() as usize;
    let refused = |count| PoolSet::new(&arena, &plan(), count).unwrap_err();
    assert_eq!(refused(0), PoolError::NoPools);
    assert_eq!(
        refused(4096 / peak + 1),
        PoolError::OutOfMemory { bytes: peak }
    );
    assert_eq!(arena.stats().live_bytes, 0);
    assert!(PoolSet::new(&arena, &plan(), 4096 / peak).is_ok());
}

#[test]
fn a_detached_tensor_outlives_its_pool_and_frees_its_slot() {
    let outputs = arena();
    let (first, second) = {
        let pool = TensorPool::new(arena(), &plan()).unwrap();
        let first = Slot::detach(pool.filled(A, 1u16).unwrap()).unwrap();
        assert!(!pool.is_live(A));
        let second = pool.filled(C, 2u16).unwrap();
        (first, Slot::detach_in(second, &outputs).unwrap())
    };
    assert_eq!((&first[..], &second[..]), (&[1; 32][..], &[2; 32][..]));
    assert!(outputs.contains(second.as_ptr()));
    let pools = pools(1);
    let third = pools.lend().owned_slot(B).unwrap().filled(3u8).unwrap();
    assert_eq!(SlotIn::detach(third).unwrap(), [3; 64]);
    assert_eq!(pools.idle(), 1);
}

#[test]
fn a_tensor_that_cannot_be_detached_comes_back() {
    let pool = TensorPool::new(arena(), &plan()).unwrap();
    let full = Arena::builder().capacity(4096).build().unwrap();
    let _all = allocator_api2::vec::Vec::<u8, _>::with_capacity_in(4096, &full);
    let refused = Slot::detach_in(pool.filled(A, 5u8).unwrap(), &full).unwrap_err();
    let (name, needed) = ("a".to_string(), 64);
    assert_eq!(refused.error, SlotError::NoMemory { name, needed });
    assert!(
        refused.to_string().contains("'a', which has 64 bytes"),
        "{refused}"
    );
    assert_eq!((*refused.tensor).iter().max(), Some(&5));
    assert!(pool.is_live(A));
    drop(refused);
    assert!(!pool.is_live(A));
}
