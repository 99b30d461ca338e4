//! The join of tensors to the one that they fill: a concatenation that copies nothing.

use allocator_api2::boxed::Box;
use orionrt::{
    Aliasing, Arena, GraphBuilder, Plan, Planner, TensorId, TensorPool,
    slots::{SlotBox, SlotError},
};

use crate::bytes;

/// A result `joined` of 64 bytes with the parts `a`, `b` and `c` of 16, 16 and 32 bytes. While `a`
/// is computed, `early` has the bytes of the others; `elsewhere` has 64 bytes beside all of them.
struct Concatenation {
    plan: Plan,
    joined: TensorId,
    parts: [TensorId; 3],
    early: TensorId,
    elsewhere: TensorId,
}

fn concatenation() -> Concatenation {
    let mut g = GraphBuilder::new();
    let parts =
        [("a", 16), ("b", 16), ("c", 32)].map(|(name, size)| g.tensor(name, bytes(size, 4)));
    let joined = g.tensor("joined", bytes(64, 4));
    let early = g.tensor("early", bytes(48, 4));
    let elsewhere = g.tensor("elsewhere", bytes(64, 4));
    let [a, b, c] = parts;
    g.op("load").writes([early, elsewhere]);
    g.op("a").reads([early]).writes([a]);
    g.op("b").reads([a]).writes([b]);
    g.op("c").reads([b]).writes([c]);
    g.op("concatenate")
        .part(a, joined, 0)
        .part(b, joined, 16)
        .part(c, joined, 32)
        .reads([elsewhere]);
    let graph = g.output(joined).build().unwrap();
    let lifetimes = graph.lifetimes_with(Aliasing::Parts);
    let plan = Planner::new().plan(&lifetimes).unwrap();
    assert_eq!(plan.peak(), 128);
    Concatenation {
        plan,
        joined,
        parts,
        early,
        elsewhere,
    }
}

#[test]
fn operands_become_the_result_where_they_are_and_others_have_its_bytes_before() {
    let Concatenation {
        plan,
        joined,
        parts: [a, b, c],
        early,
        ..
    } = concatenation();
    let arena = Arena::builder().build().unwrap();
    let pool = TensorPool::new(&arena, &plan).unwrap();
    for round in 0..2u32 {
        let first = pool.filled(early, 9u32).unwrap();
        let in_a = pool.filled(a, 1 + round).unwrap();
        drop(first);
        let in_b = pool.filled(b, 2 + round).unwrap();
        let in_c = pool.filled(c, 3 + round).unwrap();
        assert!(pool.filled(joined, 0u32).is_err());
        let at = in_a.as_ptr();
        let whole = pool.slot(joined).unwrap().join(vec![in_c, in_a, in_b]);
        let whole = whole.unwrap();
        assert_eq!(whole.as_ptr(), at);
        assert_eq!(whole[..4], [1 + round; 4]);
        assert_eq!(whole[4..8], [2 + round; 4]);
        assert_eq!(whole[8..], [3 + round; 8]);
        assert_eq!(Box::allocator(&whole).tensor(), joined);
        assert_eq!(
            [joined, a, b, c].map(|id| pool.is_live(id)),
            [true, false, false, false]
        );
        assert!(pool.filled(b, 0u32).is_err());
        drop(whole);
        assert_eq!(pool.in_the_way(joined), None);
    }
    assert_eq!(pool.filled(joined, 5u8).unwrap().len(), 64);
}

#[test]
fn tensors_that_do_not_fill_the_slot_come_back_unchanged() {
    let Concatenation {
        plan,
        joined,
        parts: [a, b, c],
        elsewhere,
        ..
    } = concatenation();
    let pool = || TensorPool::new(Arena::builder().build().unwrap(), &plan).unwrap();
    let (pool, other) = (pool(), pool());
    let slot = || pool.slot(joined).unwrap();

    let two = vec![pool.filled(a, 1u8).unwrap(), pool.filled(c, 3u8).unwrap()];
    let refused = slot().join(two).unwrap_err();
    assert_eq!(
        refused.error.to_string(),
        "tensor 'joined' has 64 bytes, but the tensors that are joined have 48"
    );
    let mut three = refused.tensors;
    assert!(three[0][..] == [1; 16] && three[1][..] == [3; 32]);
    assert!(pool.is_live(a) && pool.is_live(c) && !pool.is_live(joined));

    three.push(pool.filled(elsewhere, 7u8).unwrap());
    let refused = slot().join(three).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "tensor 'elsewhere' does not lie within 'joined' as whole elements of it, so it cannot be \
         a part of it"
    );
    let mut three = refused.tensors;
    drop(three.pop());

    three.push(other.filled(b, 2u8).unwrap());
    let refused = slot().join(three).unwrap_err();
    let mut three = refused.tensors;
    let other = SlotError::OtherPool { name: "b".into() };
    assert_eq!(refused.error, other);
    drop(three.pop());

    let mut short = pool.vec::<u8>(b, 16).unwrap();
    short.extend([2; 15]);
    three.push(short.into_boxed_slice());
    let refused = slot().join(three).unwrap_err();
    assert_eq!(
        SlotError::from(refused),
        SlotError::Elsewhere { name: "b".into() }
    );
    assert_eq!([a, b, c].map(|id| pool.is_live(id)), [false; 3]);

    let none: Vec<SlotBox<u8, _>> = Vec::new();
    assert!(slot().join(none).is_err());
}
