//! Parked tensors: bit for bit, claims, memory that is refused, and threads.

use std::{
    collections::BTreeMap,
    sync::{Arc, Barrier},
    thread,
};

use allocator_api2::alloc::Global;
use orionrt::{
    Arena, Lifetimes, Plan, Planner, TensorId, TensorPool,
    slots::{OwnedSlot, ParkCodec, Parked, Slot, SlotBox, SlotError},
};
use proptest::{collection::vec, prelude::*, sample::Index};

/// A plan of tensors that are alive one after the other, so that all begin at offset 0.
fn one_place(sizes: &[u64]) -> Plan {
    let names: Vec<String> = (0..sizes.len()).map(|i| format!("t{i}")).collect();
    let rows = names.iter().zip(sizes).zip(0..);
    let rows = rows.map(|((name, &size), at)| (name.as_str(), at, at + 1, size, 64));
    let lifetimes = Lifetimes::from_rows(rows).expect("small");
    Planner::new().plan(&lifetimes).expect("small")
}

const A: TensorId = TensorId::new(0);
const B: TensorId = TensorId::new(1);

/// All codecs: Zstandard with its own choice of a level, and with some that are far apart.
fn codecs() -> Vec<ParkCodec> {
    vec![
        ParkCodec::Lz4,
        #[cfg(feature = "zstd")]
        ParkCodec::Zstd { level: -7 },
        #[cfg(feature = "zstd")]
        ParkCodec::Zstd { level: 0 },
        #[cfg(feature = "zstd")]
        ParkCodec::Zstd { level: 22 },
        #[cfg(feature = "zstd")]
        ParkCodec::Zstd { level: i32::MIN },
        #[cfg(feature = "zstd")]
        ParkCodec::Zstd { level: i32::MAX },
    ]
}

/// Bytes that LZ4 makes smaller in some chunks, and not in others.
fn contents(len: usize) -> impl Strategy<Value = Vec<u8>> {
    let run = (any::<u8>(), any::<bool>(), 1..len.max(2), any::<u64>());
    vec(run, 1..6).prop_map(move |runs| {
        let mut bytes = Vec::with_capacity(len);
        for (value, is_random, length, seed) in runs {
            let mut random = seed | 1;
            bytes.extend((0..length).map(|_| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                if is_random {
                    (random >> 32) as u8
                } else {
                    value
                }
            }));
        }
        bytes.resize(len, 7);
        bytes
    })
}

fn lengths() -> impl Strategy<Value = usize> {
    let most: usize = if cfg!(miri) { 600 } else { 150_000 };
    let chunk = 32usize << 10;
    prop_oneof![0..40usize, 0..most, chunk - 1..chunk + 2]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 3 } else { 40 }))]

    #[test]
    fn bytes_come_back_as_they_were(bytes in lengths().prop_flat_map(contents)) {
        let plan = one_place(&[bytes.len() as u64]);
        let pool = TensorPool::new(Global, &plan).expect("memory");
        for codec in codecs() {
            let tensor = pool.copied_from(A, &bytes).expect("it is free");
            let parked = Slot::park_by(codec, tensor, usize::MAX).expect("memory");
            let stats = parked.stats();
            prop_assert_eq!(stats.bytes, bytes.len());
            prop_assert!(stats.stored_bytes <= bytes.len() && stats.ratio() >= 1.0);
            prop_assert!(!pool.is_live(A) && parked.tensor() == A);
            let back = parked.unpark().expect("nobody has its bytes");
            prop_assert_eq!(&back[..], &bytes[..], "{:?}", codec);
            prop_assert!(pool.is_live(A) || bytes.is_empty());
        }
    }

    #[test]
    fn elements_come_back_bit_for_bit(
        bits in vec(prop_oneof![3 => Just(0u32), 1 => any::<u32>()], 1..9_000),
    ) {
        let values: Vec<f32> = bits.iter().map(|&bits| f32::from_bits(bits)).collect();
        let plan = one_place(&[4 * bits.len() as u64]);
        let pool = TensorPool::new(Global, &plan).expect("memory");
        let tensor = pool.copied_from(A, &values).expect("it is free");
        let back = Slot::park(tensor).expect("memory").unpark().expect("it is free");
        prop_assert!(back.iter().map(|value| value.to_bits()).eq(bits));
        let triples: Vec<[u16; 3]> = back.iter().map(|v| [v.to_bits() as u16, 1, 2]).collect();
        let plan = one_place(&[6 * triples.len() as u64]);
        let pool = TensorPool::new(Global, &plan).expect("memory");
        let tensor = pool.copied_from(A, &triples).expect("it is free");
        let back = Slot::park(tensor).expect("memory").unpark().expect("it is free");
        prop_assert_eq!(&back[..], &triples[..]);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Fill(Index, u8),
    Drop(Index),
    Park(Index),
    Unpark(Index),
    DropParked(Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = any::<Index>;
    let step = prop_oneof![
        3 => (index(), any::<u8>()).prop_map(|(id, value)| Step::Fill(id, value)),
        1 => index().prop_map(Step::Drop),
        3 => index().prop_map(Step::Park),
        3 => index().prop_map(Step::Unpark),
        1 => index().prop_map(Step::DropParked),
    ];
    vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 3 } else { 200 }))]

    /// Against a model: who is alive, who is parked, and what each has.
    #[test]
    fn a_slot_can_be_claimed_exactly_while_nobody_alive_shares_its_bytes(
        rows in vec((0..8i64, 1..4i64, 1..300u64), 1..8),
        steps in steps(),
    ) {
        let names: Vec<String> = (0..rows.len()).map(|i| format!("t{i}")).collect();
        let named = names.iter().zip(&rows);
        let named = named.map(|(name, &(at, of, size))| (name.as_str(), at, at + of, size, 1));
        let lifetimes = Lifetimes::from_rows(named).expect("small");
        let plan = Planner::new().nodes(200).plan(&lifetimes).expect("small");
        let pool = TensorPool::new(Global, &plan).expect("memory");
        let ids: Vec<TensorId> = (0..rows.len() as u32).map(TensorId::new).collect();
        let meet = |a: TensorId, b: TensorId| {
            let [a, b] = [a, b].map(|id| plan.bytes(id).expect("of the plan"));
            a.start < b.end && b.start < a.end
        };
        let mut live: BTreeMap<TensorId, (SlotBox<u8, _>, u8)> = BTreeMap::new();
        let mut parked: Vec<(Parked<u8, _>, u8)> = Vec::new();
        for step in steps {
            match step {
                Step::Fill(id, value) => {
                    let id = *id.get(&ids);
                    let is_free = !live.keys().any(|&other| meet(id, other));
                    let filled = pool.filled(id, value);
                    prop_assert_eq!(filled.is_ok(), is_free);
                    live.extend(filled.ok().map(|tensor| (id, (tensor, value))));
                }
                Step::Drop(id) => drop(live.remove(id.get(&ids))),
                Step::Park(id) => {
                    if let Some((tensor, value)) = live.remove(id.get(&ids)) {
                        parked.push((Slot::park(tensor).expect("memory"), value));
                    }
                }
                Step::Unpark(at) if !parked.is_empty() => {
                    let (one, value) = parked.swap_remove(at.index(parked.len()));
                    let id = one.tensor();
                    let is_free = !live.keys().any(|&other| meet(id, other));
                    match one.unpark() {
                        Ok(tensor) => {
                            prop_assert!(is_free);
                            live.insert(id, (tensor, value));
                        }
                        Err(refused) => {
                            prop_assert!(!is_free);
                            let named = matches!(
                                &refused.error,
                                SlotError::InUse { by: Some(by), .. }
                                    if live.keys().any(|&id| meet(id, refused.parked.tensor())
                                        && plan.lifetimes().name(id) == Some(by.as_str()))
                            );
                            prop_assert!(named, "{:?}", refused);
                            parked.push((refused.parked, value));
                        }
                    }
                }
                Step::DropParked(at) if !parked.is_empty() => {
                    drop(parked.swap_remove(at.index(parked.len())));
                }
                _ => {}
            }
            for (tensor, value) in live.values() {
                prop_assert!(tensor.iter().all(|byte| byte == value));
            }
            for &id in &ids {
                prop_assert_eq!(pool.is_live(id), live.contains_key(&id));
            }
        }
    }
}

/// Bytes that no compressor makes smaller.
fn random(len: usize) -> Vec<u8> {
    let mut state = 1u64;
    let byte = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    (0..len).map(byte).collect()
}

#[test]
fn parked_bytes_are_the_arenas_until_the_tensor_comes_back() {
    let plan = one_place(&[100_000, 100_000]);
    let arena = Arena::builder()
        .capacity(1 << 20)
        .build()
        .expect("an arena");
    let pool = TensorPool::new(&arena, &plan).expect("it has room");
    let before = arena.stats();
    let parked = Slot::park(pool.filled(A, 3u8).expect("it is free")).expect("it has room");
    let stored = arena.stats().live_bytes - before.live_bytes;
    assert!(
        stored >= parked.stats().stored_bytes && stored < 4 * 1024,
        "{stored}"
    );
    let other = pool
        .copied_from(B, &random(100_000))
        .expect("the bytes are free");
    let refused = parked.unpark().expect_err("its bytes are in use");
    assert_eq!(
        refused.to_string(),
        "tensor 't0' shares bytes with 't1', which is alive"
    );
    let other = Slot::park(other).expect("it has room");
    assert_eq!(other.stats().stored_bytes, 100_000);
    let back = refused.parked.unpark().expect("its bytes are free");
    assert!(back.iter().all(|&byte| byte == 3));
    drop((back, other));
    assert_eq!(arena.stats().live_bytes, before.live_bytes);
}

#[test]
fn without_room_in_the_arena_the_tensor_comes_back() {
    let plan = one_place(&[300_000]);
    let arena = Arena::builder()
        .capacity(512 << 10)
        .build()
        .expect("an arena");
    let pool = TensorPool::new(&arena, &plan).expect("it has room");
    let before = arena.stats().live_bytes;
    let bytes = random(300_000);
    let tensor = pool.copied_from(A, &bytes).expect("it is free");
    let refused = Slot::park(tensor).expect_err("there is no room");
    let named = matches!(&refused.error, SlotError::NoMemoryToPark { name, .. } if name == "t0");
    assert!(named, "{refused:?}");
    assert_eq!(
        (&refused.tensor[..], arena.stats().live_bytes),
        (&bytes[..], before)
    );
    assert!(pool.is_live(A));
    // What gets smaller has room.
    let mut tensor = refused.tensor;
    tensor[..200_000].fill(0);
    let back = Slot::park(tensor)
        .expect("there is room")
        .unpark()
        .expect("it is free");
    assert!(back[..200_000].iter().all(|&byte| byte == 0) && back[200_000..] == bytes[200_000..]);
}

#[test]
fn what_does_not_pay_is_refused_where_that_is_asked_for() {
    let plan = one_place(&[64 << 10]);
    let pool = TensorPool::new(Global, &plan).expect("memory");
    let tensor = pool.copied_from(A, &random(64 << 10)).expect("it is free");
    let refused = Slot::park_within(tensor, 32 << 10).expect_err("it does not get smaller");
    assert_eq!(
        refused.to_string(),
        "tensor 't0' needs more than the 32768 bytes that it may be parked in"
    );
    let mut tensor = refused.tensor;
    tensor.fill(1);
    let parked = Slot::park_within(tensor, 32 << 10).expect("it gets smaller");
    assert!(parked.stats().ratio() > 100.0);
}

/// How much smaller a codec makes 2^16 values each: normally distributed, only the positive of
/// these, the largest tenth, and rounded to multiples of 1/16.
fn ratios(codec: ParkCodec) -> [f64; 4] {
    const LEN: usize = 1 << 16;
    let plan = one_place(&[4 * LEN as u64]);
    let pool = TensorPool::new(Global, &plan).expect("memory");
    // Nearly a normal distribution: the sum of twelve uniform ones.
    let bytes = random(48 * LEN);
    let normal = bytes.chunks_exact(48).map(|twelve| {
        let uniform = twelve.chunks_exact(4).map(|four| {
            let bits = u32::from_le_bytes(four.try_into().expect("four bytes"));
            f64::from(bits) / f64::from(u32::MAX)
        });
        (uniform.sum::<f64>() - 6.0) as f32
    });
    let ratio = |of: fn(f32) -> f32| {
        let values: Vec<f32> = normal.clone().map(of).collect();
        let tensor = pool.copied_from(A, &values).expect("it is free");
        let parked = Slot::park_by(codec, tensor, usize::MAX).expect("memory");
        let ratio = parked.stats().ratio();
        let back = parked.unpark().expect("its bytes are free");
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect();
        let [back, values]: [Vec<u32>; 2] = [bits(&back), bits(&values)];
        assert_eq!(back, values);
        (ratio * 10.0).round() / 10.0
    };
    [
        ratio(|value| value),
        ratio(|value| value.max(0.0)),
        ratio(|value| (value - 1.28).max(0.0)),
        ratio(|value| (value * 16.0).round()),
    ]
}

/// `docs/slots.md` states these ratios.
#[test]
fn what_is_saved_depends_on_the_values() {
    assert_eq!(ratios(ParkCodec::Lz4), [1.1, 1.2, 2.9, 2.3]);
}

/// `docs/slots.md` states these, too. They are those of the library that `Cargo.lock` names.
#[cfg(feature = "zstd")]
#[test]
fn zstandard_saves_more() {
    assert_eq!(ratios(ParkCodec::Zstd { level: 3 }), [1.1, 1.7, 4.8, 3.8]);
}

#[test]
fn parked_tensors_change_threads() {
    let plan = one_place(&[40_000, 40_000]);
    let pool = Arc::new(TensorPool::new(Global, &plan).expect("memory"));
    let rounds = if cfg!(miri) { 3 } else { 200 };
    let barrier = Barrier::new(2);
    // Both have the same bytes by turns; each finds its own values again.
    thread::scope(|scope| {
        for (id, value) in [(A, 1u32), (B, 2)] {
            let (pool, barrier) = (&pool, &barrier);
            scope.spawn(move || {
                barrier.wait();
                let fill = || pool.owned_slot(id).expect("of the plan").filled(value);
                let mut tensor = loop {
                    match fill() {
                        Ok(tensor) => break tensor,
                        Err(SlotError::InUse { .. }) => thread::yield_now(),
                        Err(other) => panic!("{other}"),
                    }
                };
                for round in 0..rounds {
                    tensor.iter_mut().for_each(|element| *element += 1);
                    let mut parked = OwnedSlot::park(tensor).expect("memory");
                    tensor = loop {
                        thread::yield_now();
                        match parked.unpark() {
                            Ok(tensor) => break tensor,
                            Err(refused) => parked = refused.parked,
                        }
                    };
                    assert!(tensor.iter().all(|&element| element == value + round + 1));
                }
            });
        }
    });
    let tensor = pool
        .owned_slot(A)
        .expect("of the plan")
        .filled(5u8)
        .expect("it is free");
    let parked = OwnedSlot::park(tensor).expect("memory");
    let back = thread::spawn(move || parked.unpark().expect("it is free")).join();
    assert!(back.expect("no panic").iter().all(|&byte| byte == 5));
}
