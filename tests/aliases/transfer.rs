//! The transfer of tensors to others that lie within them: who owns which bytes, and their values.

use std::{
    sync::{Arc, Barrier},
    thread,
};

use crate::bytes;
use allocator_api2::{
    alloc::{Allocator, Global},
    boxed::Box,
    vec::Vec as SlotVec,
};
use orionrt::{
    Arena, Graph, GraphBuilder, Plan, Planner, TensorId, TensorPool,
    slots::{OwnedSlot, Slot, SlotBox, SlotError, TransferError},
};

fn arena() -> Arena {
    Arena::builder().capacity(1 << 20).build().unwrap()
}

pub fn plan(graph: &Graph) -> Plan {
    Planner::new().nodes(1000).plan(&graph.lifetimes()).unwrap()
}

/// A tensor `x` of 64 bytes and the tensors within it: `q`, `k` and `v` of 16, 16 and 32 bytes, `y`
/// in the place of all of it, and `none` without bytes in the middle. `other` and `never` lie
/// elsewhere.
struct Split {
    plan: Plan,
    x: TensorId,
    y: TensorId,
    parts: [TensorId; 3],
    none: TensorId,
    other: TensorId,
    never: TensorId,
}

fn split() -> Split {
    let mut g = GraphBuilder::new();
    let [x, y] = ["x", "y"].map(|name| g.tensor(name, bytes(64, 4)));
    let parts =
        [("q", 16), ("k", 16), ("v", 32)].map(|(name, size)| g.tensor(name, bytes(size, 4)));
    let none = g.tensor("none", bytes(0, 1));
    let other = g.tensor("other", bytes(16, 4));
    let never = g.tensor("never", bytes(4, 4));
    g.op("load").writes([x, other]);
    g.op("relu").in_place(y, x);
    let [q, k, v] = parts;
    g.op("split")
        .view(q, y, 0)
        .view(k, y, 16)
        .view(v, y, 32)
        .view(none, y, 40)
        .reads([other]);
    let plan = plan(&g.build().unwrap());
    Split {
        plan,
        x,
        y,
        parts,
        none,
        other,
        never,
    }
}

#[test]
fn a_transfer_keeps_values_and_frees_the_bytes_that_are_left_over() {
    let Split {
        plan,
        x,
        y,
        parts: [q, k, v],
        none,
        ..
    } = split();
    let arena = arena();
    let pool = TensorPool::new(&arena, &plan).unwrap();
    let mut tensor = pool.filled(x, 0u32).unwrap();
    (0..)
        .zip(tensor.iter_mut())
        .for_each(|(i, value)| *value = i);
    let tensor = Slot::transfer(tensor, y).unwrap();
    assert!(pool.is_live(y) && !pool.is_live(x) && tensor.iter().copied().eq(0..16));
    assert_eq!(Box::allocator(&tensor).tensor(), y);
    let parts = Slot::split_into(tensor, &[v, none, q]).unwrap();
    let [in_v, in_none, in_q] = parts.try_into().unwrap();
    assert!(in_v.iter().copied().eq(8..16) && in_q.iter().copied().eq(0..4) && in_none.is_empty());
    assert_eq!(
        [x, y, q, k, v, none].map(|id| pool.is_live(id)),
        [false, false, true, false, true, false]
    );
    assert_eq!(
        [x, y, q, k, v, none].map(|id| pool.in_the_way(id)),
        [Some(q), Some(q), Some(q), None, Some(v), None]
    );
    assert!(matches!(pool.filled(y, 0u8), Err(SlotError::InUse { by: Some(by), .. }) if by == "q"));
    assert!(pool.filled(q, 0u8).is_err() && pool.filled(v, 0u8).is_err());
    let in_k = pool.filled(k, 7u32).unwrap();
    assert!(in_q.iter().copied().eq(0..4) && in_v.iter().copied().eq(8..16));
    drop((in_q, in_v));
    assert!(pool.slot(x).unwrap().allocate(bytes(64, 4)).is_err());
    drop((in_k, in_none));
    assert_eq!(pool.filled(x, 1u8).unwrap().len(), 64);
    assert!(!pool.is_live(x));
}

#[test]
fn the_root_is_free_after_the_last_part_is_dropped_in_any_order() {
    let Split { plan, x, parts, .. } = split();
    let pool = TensorPool::new(arena(), &plan).unwrap();
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let tensor = pool.filled(x, 5u8).unwrap();
        let mut owners: Vec<_> = Slot::split_into(tensor, &parts)
            .unwrap()
            .into_iter()
            .map(Some)
            .collect();
        for at in order {
            assert!(pool.filled(x, 0u8).is_err());
            assert!(owners[at].take().unwrap().iter().all(|&byte| byte == 5));
            assert_eq!(pool.in_the_way(parts[at]), None);
            drop(pool.filled(parts[at], 9u8).unwrap());
        }
    }
    let none: Vec<SlotBox<u8, _>> = Slot::split_into(pool.filled(x, 1u8).unwrap(), &[]).unwrap();
    assert!(none.is_empty() && pool.in_the_way(x).is_none());
    drop(pool.filled(x, 1u8).unwrap());
}

/// A tensor in a slot that borrows its pool.
pub type Shared<'p, T, A> = SlotBox<T, &'p TensorPool<A>>;

type Refused<'p, T, A> = TransferError<T, &'p TensorPool<A>>;

/// The error of a refused transfer, with the tensor as it was.
fn refused<'p, T: Copy + PartialEq, A: Allocator>(
    result: Result<Vec<Shared<'p, T, A>>, Refused<'p, T, A>>,
    value: T,
) -> (Shared<'p, T, A>, SlotError) {
    let Err(refused) = result else {
        panic!("it was not refused")
    };
    assert_eq!(refused.to_string(), refused.error.to_string());
    assert!(refused.tensor.iter().all(|&element| element == value));
    (refused.tensor, refused.error)
}

#[test]
fn a_tensor_whose_transfer_is_refused_stays_with_its_owner() {
    let Split {
        plan,
        x,
        y,
        parts: [q, k, _],
        other,
        never,
        ..
    } = split();
    let pool = TensorPool::new(arena(), &plan).unwrap();
    let name = |name: &str| name.to_string();
    let unknown = TensorId::new(99);
    let mut tensor = pool.filled(x, 3u32).unwrap();
    let cases = [
        (
            vec![unknown],
            SlotError::Unknown {
                id: unknown,
                tensors: 8,
            },
        ),
        (
            vec![q, never],
            SlotError::NeverAlive {
                name: name("never"),
            },
        ),
        (
            vec![q, other],
            SlotError::NotWithin {
                name: name("other"),
                of: name("x"),
            },
        ),
        (
            vec![k, y],
            SlotError::InUse {
                name: name("k"),
                by: None,
            },
        ),
        (
            vec![q, q],
            SlotError::InUse {
                name: name("q"),
                by: None,
            },
        ),
    ];
    for (to, expected) in cases {
        let (same, error) = refused(Slot::split_into(tensor, &to), 3);
        assert_eq!(error, expected);
        assert!(pool.is_live(x) && !to.iter().any(|&id| pool.is_live(id)));
        assert_eq!(pool.in_the_way(q), Some(x));
        tensor = same;
    }
    let text = refused(Slot::split_into(tensor, &[other]), 3).1.to_string();
    assert_eq!(
        text,
        "tensor 'other' is not made of whole elements of 'x', so it cannot take its bytes"
    );
    // The part is smaller than an element.
    let wide = pool.filled(x, [0u8; 64]).unwrap();
    let (wide, error) = refused(Slot::split_into(wide, &[q]), [0u8; 64]);
    assert_eq!(
        error,
        SlotError::NotWhole {
            name: name("q"),
            bytes: 16,
            element: 64
        }
    );
    drop(wide);
    let thirds = pool.filled(x, [0u8; 32]).unwrap();
    assert_eq!(Slot::transfer(thirds, y).unwrap().len(), 2);
    // A view does not own the rest of its root.
    let part = pool.filled(q, 1u8).unwrap();
    let (part, error) = refused(Slot::split_into(part, &[x]), 1);
    assert_eq!(
        error,
        SlotError::NotWithin {
            name: name("x"),
            of: name("q")
        }
    );
    drop(part);
    // Only a tensor that fills its slot can be transferred.
    let mut short: SlotVec<u8, _> = SlotVec::with_capacity_in(64, pool.slot(x).unwrap());
    short.resize(63, 2);
    let (short, error) = refused(Slot::split_into(short.into_boxed_slice(), &[q]), 2);
    assert_eq!(
        error.to_string(),
        "tensor 'x' does not fill its planned slot, so it cannot be transferred"
    );
    drop(short);
    let mut units: SlotVec<(), _> = SlotVec::new_in(pool.slot(x).unwrap());
    units.resize(2, ());
    assert_eq!(
        refused(Slot::split_into(units.into_boxed_slice(), &[q]), ()).1,
        SlotError::Elsewhere { name: name("x") }
    );
    assert!(pool.in_the_way(x).is_none());
}

/// One part begins in the middle of an element, another is less aligned than elements are.
#[test]
fn a_transfer_that_would_split_or_misalign_elements_is_refused() {
    /// With 32 bits, `u64` may need an alignment of 4 alone.
    #[derive(Clone, Copy, PartialEq)]
    #[repr(align(8))]
    struct Wide(u64);

    let mut g = GraphBuilder::new();
    let x = g.tensor("x", bytes(16, 8));
    let [a, b] = [("a", 8), ("b", 4)].map(|(name, size)| g.tensor(name, bytes(size, 4)));
    g.op("load").writes([x]);
    g.op("slice").view(a, x, 4).view(b, x, 4);
    let pool = TensorPool::new(Global, &plan(&g.build().unwrap())).unwrap();
    let pairs = pool.filled(x, [1u32; 2]).unwrap();
    let (pairs, error) = refused(Slot::split_into(pairs, &[a]), [1u32; 2]);
    let (name, of) = ("a".to_string(), "x".to_string());
    assert_eq!(error, SlotError::NotWithin { name, of });
    drop(pairs);
    let wide = pool.filled(x, Wide(1)).unwrap();
    let (wide, error) = refused(Slot::split_into(wide, &[a]), Wide(1));
    let (name, needed, planned) = ("a".to_string(), 8, 4);
    assert_eq!(
        error,
        SlotError::Misaligned {
            name,
            needed,
            planned
        }
    );
    drop(wide);
    let singles = pool.filled(x, 1u32).unwrap();
    assert_eq!(Slot::transfer(singles, b).unwrap().len(), 1);
}

/// An allocation that outgrew its slot comes from the arena, whatever its size is now.
#[test]
fn a_tensor_that_outgrew_its_slot_is_not_transferred() {
    let Split { plan, x, y, .. } = split();
    let arena = arena();
    let pool = TensorPool::with_fallback(&arena, &plan).unwrap();
    let before = arena.stats().live_bytes;
    let mut grown: SlotVec<u8, _> = SlotVec::with_capacity_in(65, pool.slot(x).unwrap());
    grown.resize(65, 1);
    grown.truncate(64);
    let (grown, error) = refused(Slot::split_into(grown.into_boxed_slice(), &[y]), 1);
    let name = "x".to_string();
    assert_eq!(error, SlotError::Elsewhere { name });
    drop(grown);
    assert_eq!(arena.stats().live_bytes, before);
}

#[test]
fn tensors_without_bytes_are_transferred_too() {
    let Split {
        plan,
        x,
        none,
        parts: [q, ..],
        ..
    } = split();
    let pool = TensorPool::new(Global, &plan).unwrap();
    let nothing = Slot::transfer(pool.filled(x, 1u8).unwrap(), none).unwrap();
    assert!(nothing.is_empty() && !pool.is_live(x));
    let nothing = Slot::transfer(nothing, none).unwrap();
    let whole = pool.filled(x, 1u8).unwrap();
    let (nothing, error) = refused(Slot::split_into(nothing, &[none, q]), 1);
    assert!(matches!(error, SlotError::NotWithin { .. }));
    drop(nothing);
    assert!(pool.is_live(x) && whole.len() == 64);
}

type Owned = SlotBox<u8, Arc<TensorPool<Arena>>>;

fn owned(pool: &Arc<TensorPool<Arena>>, id: TensorId, value: u8) -> Option<Owned> {
    let slot = pool.owned_slot(id).unwrap();
    let size = slot.planned_bytes();
    let mut tensor: SlotVec<u8, OwnedSlot> = SlotVec::new_in(slot);
    tensor.try_reserve_exact(size).ok()?;
    tensor.resize(size, value);
    Some(tensor.into_boxed_slice())
}

#[test]
fn owned_parts_change_threads_and_keep_the_pool() {
    let Split { plan, x, parts, .. } = split();
    let pool = Arc::new(TensorPool::new(arena(), &plan).unwrap());
    let weak = Arc::downgrade(&pool);
    let owners = OwnedSlot::split_into(owned(&pool, x, 4).unwrap(), &parts).unwrap();
    drop(pool);
    let sum = |part: Owned| part.iter().map(|&byte| usize::from(byte)).sum::<usize>();
    let threads = owners
        .into_iter()
        .map(|part| thread::spawn(move || sum(part)));
    let threads: Vec<_> = threads.collect();
    assert_eq!(
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>(),
        [64, 64, 128]
    );
    assert!(weak.upgrade().is_none());
}

/// Two threads transfer tensors to parts while two others allocate the parts that this frees; all
/// find the values that they wrote.
#[test]
fn threads_get_the_bytes_that_a_transfer_frees_and_no_others() {
    let rounds = if cfg!(miri) { 30 } else { 5000 };
    let Split {
        plan, x, y, parts, ..
    } = split();
    let pool = Arc::new(TensorPool::new(arena(), &plan).unwrap());
    let start = Barrier::new(4);
    let is = |tensor: &Owned, value| tensor.iter().all(|&byte| byte == value);
    let transfers = |mark: u8| {
        start.wait();
        let mut granted = 0;
        for round in 0..rounds {
            let Some(tensor) = owned(&pool, x, mark) else {
                continue;
            };
            let tensor = OwnedSlot::transfer(tensor, y).unwrap();
            let to = [parts[round % 3], parts[(round + 1) % 3]];
            let both = OwnedSlot::split_into(tensor, &to).unwrap();
            assert!(both.iter().all(|part| is(part, mark)));
            granted += 1;
        }
        granted
    };
    let takes = |mark: u8| {
        start.wait();
        let tensors = (0..rounds).filter_map(|round| owned(&pool, parts[round % 3], mark));
        tensors.inspect(|tensor| assert!(is(tensor, mark))).count()
    };
    let granted: usize = thread::scope(|scope| {
        let threads = [0, 1, 2, 3].map(|mark| {
            let (transfers, takes) = (&transfers, &takes);
            scope.spawn(move || match mark {
                0 | 1 => transfers(mark),
                _ => takes(mark),
            })
        });
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert!(granted > 0);
    assert!((0..8).all(|i| !pool.is_live(TensorId::new(i))));
    assert!(owned(&pool, x, 0).is_some());
}
