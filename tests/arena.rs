//! The arena as people use it: under collections of several crates, from several threads, over
//! memory of the caller, pinned, and on a NUMA node.
//!
//! A test that needs something that the machine lacks says `skipped` and why.

use std::{alloc::Layout, error::Error, ptr::NonNull, sync::Arc, thread};

use allocator_api2::{
    alloc::{AllocError, Allocator},
    boxed::Box,
    vec::Vec as ArenaVec,
};
use orionrt::{
    Arena, ArenaError,
    arena::{HugePages, MapCall, Numa, NumaNodes},
    buddy::Buddy,
};
use orionrt_sys::mapping::faults;
use orionrt_testing::{
    arena_blocks::{BlockOp, LiveBlocks},
    machine::skipped,
};
use proptest::prelude::*;

fn arena(capacity: usize) -> Arena {
    Arena::builder().capacity(capacity).build().unwrap()
}

#[test]
fn collections_of_several_crates_live_in_an_arena() {
    let arena = arena(1 << 20);
    let mut v: ArenaVec<u32, &Arena> = ArenaVec::with_capacity_in(10, &arena);
    v.extend(0..1000);
    let b = Box::new_in([7u8; 100], &arena);
    let mut map: hashbrown::HashMap<u32, &str, _, &Arena> =
        hashbrown::HashMap::with_hasher_in(hashbrown::DefaultHashBuilder::default(), &arena);
    map.extend((0..200).map(|i| (i, "x")));
    assert!(arena.contains(v.as_ptr()) && arena.contains(&raw const *b));
    assert_eq!((v.iter().sum::<u32>(), map.len(), b[99]), (499_500, 200, 7));
    drop((v, b, map));
    let stats = arena.stats();
    assert_eq!((stats.live_bytes, stats.requested_bytes), (0, 0));
    assert_eq!(stats.allocations, stats.deallocations);
    assert_eq!(stats.largest_free_bytes, 1 << 20);
}

/// Code that is generic over `allocator-api2`'s trait takes an arena as it takes another crate's
/// allocator.
#[test]
fn a_generic_consumer_takes_an_arena_or_a_bump() {
    fn consume<A: Allocator + Copy>(allocator: A) -> usize {
        let mut rows = ArenaVec::new_in(allocator);
        for i in 0..50 {
            let mut row = ArenaVec::new_in(allocator);
            row.resize(i, 1u16);
            rows.push(row);
        }
        rows.iter().map(ArenaVec::len).sum()
    }
    let bump = bumpalo::Bump::new();
    assert_eq!(consume(&arena(1 << 20)), consume(&bump));
}

#[test]
fn sizes_of_zero_take_nothing() {
    let arena = arena(1 << 16);
    let layout = Layout::from_size_align(0, 4096).unwrap();
    let nothing = arena.allocate(layout).unwrap();
    assert_eq!(
        (nothing.len(), nothing.cast::<u8>().addr().get() % 4096),
        (0, 0)
    );
    let some = Layout::from_size_align(100, 4096).unwrap();
    // SAFETY: the blocks are this test's own, passed on with their current layouts.
    unsafe {
        let grown = arena.grow_zeroed(nothing.cast(), layout, some).unwrap();
        assert!(grown.as_ref().iter().all(|&byte| byte == 0));
        let shrunk = arena.shrink(grown.cast(), some, layout).unwrap();
        assert_eq!(arena.stats().live_bytes, 0);
        arena.deallocate(shrunk.cast(), layout);
    }
}

#[test]
fn exhaustion_is_an_error_and_leaves_the_rest_usable() {
    let arena = arena(1 << 16);
    let all = Layout::from_size_align(1 << 16, 1).unwrap();
    let block = arena.allocate(all).unwrap();
    assert_eq!(arena.allocate(Layout::new::<u8>()), Err(AllocError));
    let mut v: ArenaVec<u8, &Arena> = ArenaVec::new_in(&arena);
    assert!(v.try_reserve(1).is_err());
    // SAFETY: allocated above with this layout.
    unsafe { arena.deallocate(block.cast(), all) };
    v.push(1);
    assert_eq!(arena.stats().failures, 2);
    assert!(
        arena
            .allocate(Layout::from_size_align(1 << 30, 1).unwrap())
            .is_err()
    );
}

#[test]
fn growing_stays_in_place_where_the_neighbours_are_free() {
    let arena = arena(1 << 20);
    let mut v: ArenaVec<u8, &Arena> = ArenaVec::with_capacity_in(64, &arena);
    let start = v.as_ptr();
    v.resize(10_000, 1);
    assert_eq!(v.as_ptr(), start);
    let wall = Box::new_in(0u8, &arena);
    v.resize(100_000, 1);
    assert_ne!(v.as_ptr(), start);
    assert!(v.iter().all(|&byte| byte == 1));
    v.truncate(10);
    v.shrink_to_fit();
    drop(wall);
    assert_eq!(arena.stats().live_bytes, 64);
}

#[test]
fn every_alignment_up_to_the_capacity_can_be_had() {
    let arena = arena(1 << 20);
    for log in 0..=20 {
        let layout = Layout::from_size_align(1, 1 << log).unwrap();
        let block = arena.allocate(layout).unwrap().cast::<u8>();
        assert_eq!(block.addr().get() % (1 << log), 0);
        // SAFETY: allocated above with this layout.
        unsafe { arena.deallocate(block, layout) };
    }
}

#[test]
fn a_capacity_that_is_not_a_power_of_two_is_used_to_the_last_page() {
    let arena = arena(5 * 4096 - 100);
    assert_eq!(arena.capacity(), 5 * 4096);
    let blocks: Vec<_> = (0..5).map(|_| Box::new_in([1u8; 4096], &arena)).collect();
    assert_eq!(arena.stats().utilisation(), 1.0);
    drop(blocks);
    let all = Layout::from_size_align(5 * 4096, 1).unwrap();
    let block = arena.allocate(all).unwrap();
    // SAFETY: allocated above with this layout.
    unsafe { arena.deallocate(block.cast(), all) };
}

#[test]
fn an_arena_over_lent_memory_hands_out_that_memory_alone() {
    for lead in [0, 1, 63, 64, 100] {
        let memory = &mut Vec::leak(vec![0xffu8; 10_000])[lead..];
        let range = memory.as_ptr_range();
        let arena = Arena::builder().build_in(memory).unwrap();
        assert!(arena.capacity() >= 10_000 - lead - 2 * 64);
        let mut taken = Vec::new();
        while let Ok(block) = arena.allocate_zeroed(Layout::from_size_align(200, 128).unwrap()) {
            let start = block.cast::<u8>().as_ptr().cast_const();
            assert!(range.contains(&start) && start.addr() % 128 == 0);
            // SAFETY: granted, 200 bytes.
            assert!(unsafe { block.as_ref() }.iter().all(|&byte| byte == 0));
            taken.push(block);
        }
        assert!(taken.len() >= 9_000 / 256);
    }
}

#[test]
fn an_arena_over_borrowed_host_memory_leaves_it_to_its_owner() {
    let mut window = vec![0u8; 1 << 16];
    // SAFETY: `window` outlives the arena and is not touched meanwhile.
    let arena: Arena =
        unsafe { Arena::builder().build_over(NonNull::from(&mut window[..])) }.unwrap();
    let b = Box::new_in([9u8; 64], &arena);
    let at = (&raw const *b).addr() - arena.base().addr().get();
    drop(b);
    drop(arena);
    assert!(window.iter().skip(at).take(64).all(|&byte| byte == 9));
}

#[test]
fn an_arena_takes_any_lock_of_lock_api() {
    let arena = Arena::builder()
        .build_with_lock::<orionrt::arena::RawLock>()
        .unwrap();
    let v = ArenaVec::<u8, _>::with_capacity_in(10, &arena);
    assert_eq!(v.capacity(), 10);
}

#[test]
fn bad_options_are_errors() {
    let bad_block = Arena::builder().block_size(48).build().unwrap_err();
    assert!(
        matches!(bad_block, ArenaError::BadBlockSize(_)),
        "{bad_block}"
    );
    assert!(
        bad_block
            .source()
            .is_some_and(|cause| cause.to_string().contains("48"))
    );
    let bad_base = Arena::builder().base_alignment(3).build().unwrap_err();
    assert_eq!(bad_base, ArenaError::BadAlignment { alignment: 3 });
    // Three quarters of all addresses.
    let too_large = 3 << (usize::BITS - 2);
    let too_large = Arena::builder().capacity(too_large).build().unwrap_err();
    assert!(matches!(too_large, ArenaError::Memory(e) if e.call() == MapCall::Reserve));
    assert!(Arena::builder().capacity(usize::MAX).build().is_err());
    assert_eq!(
        Arena::builder().capacity(0).build().unwrap().capacity(),
        4096
    );
}

fn arena_on(node: u32) -> Result<Arena, ArenaError> {
    Arena::builder().capacity(1 << 20).numa_node(node).build()
}

#[test]
fn an_arena_comes_from_the_numa_node_that_was_asked_for() {
    let online = NumaNodes::online();
    let node = online.iter().last().unwrap();
    match (arena_on(node), online.iter().count()) {
        (Ok(arena), 1) => assert_eq!(arena.numa(), Numa::SingleNode),
        (Ok(arena), _) => assert_eq!(arena.numa(), Numa::Bound { node }),
        // EPERM in a container that forbids the call.
        (Err(ArenaError::CannotBind { error, .. }), 2..) if error.raw_os_error() == Some(1) => {
            skipped(error);
        }
        (Err(error), _) => panic!("{error}"),
    }
    assert_eq!(arena(4096).numa(), Numa::Unbound);
}

#[test]
fn a_numa_node_that_does_not_exist_is_an_error_that_lists_those_that_do() {
    let online = NumaNodes::online();
    let missing = (0..).find(|&node| !online.contains(node)).unwrap();
    for node in [missing, 128, u32::MAX] {
        let error = arena_on(node).unwrap_err();
        assert_eq!(error, ArenaError::NoSuchNode { node, online });
        assert!(error.to_string().contains(&online.to_string()), "{error}");
    }
}

/// The kernel's flag of the mapping in which an address lies: `hg` if huge pages are advised for,
/// `nh` if against, or neither.
fn advice(address: usize) -> &'static str {
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut inside = false;
    for line in maps.lines() {
        let range = line
            .split(' ')
            .next()
            .and_then(|first| first.split_once('-'));
        if let Some((start, end)) = range {
            let [start, end] = [start, end].map(|hex| usize::from_str_radix(hex, 16));
            inside = start.is_ok_and(|s| s <= address) && end.is_ok_and(|e| address < e);
        } else if let Some(flags) = line.strip_prefix("VmFlags:").filter(|_| inside) {
            return ["hg", "nh"]
                .into_iter()
                .find(|flag| flags.split(' ').any(|f| f == *flag))
                .unwrap_or("");
        }
    }
    panic!("{address:#x} is not mapped");
}

#[test]
fn huge_pages_are_advised_as_asked() {
    if !std::fs::exists("/sys/kernel/mm/transparent_hugepage").unwrap() {
        return skipped("this kernel is built without huge pages");
    }
    for (when, flag) in [
        (HugePages::Off, "nh"),
        (HugePages::OnRequest, ""),
        (HugePages::Always, "hg"),
        (HugePages::from(true), "hg"),
        (HugePages::from(false), ""),
    ] {
        let arena = Arena::builder().capacity(4 << 20).huge_pages(when).build();
        let base = arena.as_ref().unwrap().base().addr().get();
        assert_eq!(advice(base), flag, "{when:?}");
        assert!(when != HugePages::Always || base % (2 << 20) == 0);
    }
}

/// Reads a field of /proc/self/status in KiB.
fn status_kib(field: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_pinned_arena_is_locked_in_memory() {
    let bytes = 4 << 20;
    let arena = match Arena::builder().capacity(bytes).pinned(true).build() {
        Ok(arena) => arena,
        Err(ArenaError::Memory(error)) if error.limit().is_some_and(|most| most < 4 << 20) => {
            return skipped(error);
        }
        Err(error) => panic!("{error}"),
    };
    assert!(arena.is_pinned());
    if cfg!(target_os = "linux") {
        assert!(status_kib("VmLck:") >= bytes >> 10);
    }
    assert_eq!(arena.purge(), Ok(0));
}

/// What an error calls the limit of locked memory.
const NAME_OF_THE_LOCK_LIMIT: &str = match cfg!(windows) {
    true => "minimum working set",
    false => "RLIMIT_MEMLOCK",
};

/// The call is refused by fault injection: whether the system would refuse it depends on the
/// machine.
#[test]
fn an_arena_that_cannot_be_pinned_is_an_error_that_says_what_is_missing() {
    let bytes = 1 << 20;
    let refused = (0..20).find_map(|call| {
        faults::refuse_only(call);
        let outcome = Arena::builder().capacity(bytes).pinned(true).build();
        faults::refuse_after(None);
        match outcome {
            Err(ArenaError::Memory(error)) if error.call() == MapCall::Lock => Some(error),
            _ => None,
        }
    });
    let error = refused.expect("building makes a call that locks memory");
    assert_eq!(error.bytes(), bytes);
    match error.limit() {
        Some(limit) => {
            let (text, named) = (error.to_string(), NAME_OF_THE_LOCK_LIMIT);
            assert!(
                text.contains(named) && text.contains(&limit.to_string()),
                "{text}"
            );
        }
        None => skipped("this process may lock all memory, so there is no limit to name"),
    }
}

#[test]
fn reserve_makes_memory_resident_and_purge_gives_it_back() {
    let arena = arena(256 << 20);
    let bytes = 96 << 20;
    assert_eq!(arena.reserve(bytes), Ok(bytes));
    let resident = status_kib("VmRSS:");
    assert!(resident >= bytes >> 10, "{resident} KiB");
    assert!(arena.purge().unwrap() >= bytes);
    assert!(status_kib("VmRSS:") < resident - (bytes >> 11));
    let v: ArenaVec<u8, _> = {
        let mut v = ArenaVec::new_in(&arena);
        v.resize(bytes, 1);
        v
    };
    drop(v);
    assert!(arena.purge().unwrap() >= bytes);
    assert!(status_kib("VmRSS:") < resident);
    let zeroed = arena
        .allocate_zeroed(Layout::from_size_align(bytes, 1).unwrap())
        .unwrap();
    // SAFETY: granted, `bytes` bytes.
    let zeroed = unsafe { zeroed.as_ref() };
    assert!(zeroed.iter().step_by(4096).all(|&byte| byte == 0));
}

/// The pointer of a box may be valid for its own bytes only. Growing must not return it for more
/// bytes.
#[test]
fn a_vec_made_of_a_box_grows_with_a_new_pointer() {
    let arena = arena(1 << 16);
    let mut v: ArenaVec<u8, &Arena> = ArenaVec::with_capacity_in(8, &arena);
    v.extend([1; 8]);
    let mut v = v.into_boxed_slice().into_vec();
    v.reserve_exact(64);
    v.extend([2; 64]);
    assert_eq!((v.len(), v[7], v[71]), (72, 1, 2));
}

#[test]
fn many_threads_share_an_arena() {
    let arena = Arc::new(arena(32 << 20));
    let threads: Vec<_> = (0..8u8)
        .map(|mark| {
            let arena = Arc::clone(&arena);
            thread::spawn(move || {
                let mut live: Vec<ArenaVec<u8, &Arena>> = Vec::new();
                for round in 0..2000usize {
                    let mut v = ArenaVec::new_in(&*arena);
                    v.resize(1 + (round * 97) % 5000, mark);
                    live.push(v);
                    if live.len() > 20 {
                        let old = live.swap_remove(round % live.len());
                        assert!(old.iter().all(|&byte| byte == mark));
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let stats = arena.stats();
    assert_eq!((stats.live_bytes, stats.requested_bytes), (0, 0));
    assert!(arena.validate());
}

#[test]
#[should_panic(expected = "has not allocated")]
fn a_double_free_is_noticed() {
    let arena = arena(1 << 16);
    let layout = Layout::new::<[u8; 100]>();
    let block = arena.allocate(layout).unwrap().cast();
    // SAFETY: the second call breaks the contract, which is the point; the arena notices that
    // before it does anything else.
    unsafe {
        arena.deallocate(block, layout);
        arena.deallocate(block, layout);
    }
}

/// A block that was freed last is served again at once, unless a lower address has become free
/// since.
#[test]
fn the_lowest_address_is_served_whichever_block_was_freed_last() {
    let arena = arena(1 << 16);
    let layout = Layout::new::<[u8; 100]>();
    let [a, b] = [(); 2].map(|()| arena.allocate(layout).unwrap().cast::<u8>());
    // SAFETY: each block is live, and given back once.
    unsafe {
        arena.deallocate(b, layout);
        assert_eq!(arena.allocate(layout).unwrap().cast(), b);
        arena.deallocate(b, layout);
        arena.deallocate(a, layout);
        assert_eq!(arena.allocate(layout).unwrap().cast(), a);
        arena.deallocate(a, layout);
    }
    let stats = arena.stats();
    assert_eq!((stats.allocations, stats.live_bytes), (4, 0));
    assert_eq!(stats.largest_free_bytes, 1 << 16);
}

#[derive(Clone, Debug)]
enum Op {
    Block(BlockOp),
    Purge,
    Reserve(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let size = prop_oneof![4 => 0..300u16, 2 => 300..20_000u16];
    let allocate = (size.clone(), 0..13u8, any::<bool>());
    let allocate = allocate.prop_map(|(size, align, is_zeroed)| BlockOp::Allocate {
        size,
        align,
        is_zeroed,
    });
    let resize = (any::<u8>(), size, 0..13u8, any::<bool>());
    let resize = resize.prop_map(|(index, size, align, is_zeroed)| BlockOp::Resize {
        index,
        size: size.into(),
        align,
        is_zeroed,
    });
    let op = prop_oneof![
        4 => allocate.prop_map(Op::Block),
        3 => any::<u8>().prop_map(BlockOp::Free).prop_map(Op::Block),
        3 => resize.prop_map(Op::Block),
        1 => Just(Op::Purge),
        1 => (0..100_000usize).prop_map(Op::Reserve),
    ];
    proptest::collection::vec(op, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// An arena postpones the release of the block that was freed last. That must not show in its
    /// addresses.
    #[test]
    fn addresses_are_those_of_a_buddy_allocator_that_does_the_same(
        ops in proptest::collection::vec((0..8u8, 0..5usize, any::<prop::sample::Index>()), 1..200),
    ) {
        let arena = arena(1 << 16);
        let words = vec![0; Buddy::<Vec<u64>>::words_for(1 << 16, 64)];
        let mut buddy = Buddy::new(words, 64, 0..1 << 16).unwrap();
        let base = arena.base().addr().get();
        let mut live: Vec<(NonNull<u8>, Layout)> = Vec::new();
        for (op, size, index) in ops {
            let (size, align) = ([64, 100, 100, 3000, 9000][size], 64 << (size % 2));
            let layout = Layout::from_size_align(size, align).unwrap();
            match op {
                0..4 => {
                    let block = arena.allocate(layout).ok().map(NonNull::cast::<u8>);
                    assert_eq!(block.map(|at| at.addr().get() - base), buddy.allocate(layout));
                    live.extend(block.map(|block| (block, layout)));
                }
                4..7 if !live.is_empty() => {
                    // The newest block more often than not: its release is postponed.
                    let index = if op < 6 { live.len() - 1 } else { index.index(live.len()) };
                    let (block, layout) = live.swap_remove(index);
                    buddy.free(block.addr().get() - base, layout).unwrap();
                    // SAFETY: a live block, with its layout.
                    unsafe { arena.deallocate(block, layout) };
                }
                7 if !live.is_empty() => {
                    let (block, layout) = live.last_mut().unwrap();
                    let half = layout.size().div_ceil(2);
                    let new = Layout::from_size_align(half, layout.align()).unwrap();
                    let offset = block.addr().get() - base;
                    assert_eq!(buddy.resize(offset, layout.size(), new.size()), Ok(true));
                    // SAFETY: a live block, with its layout; `new` is no larger.
                    let shrunk = unsafe { arena.shrink(*block, *layout, new) };
                    assert_eq!(shrunk.unwrap().cast(), *block);
                    *layout = new;
                }
                _ => {}
            }
        }
        assert_eq!(arena.stats().free_bytes, buddy.free_bytes());
        assert_eq!(arena.stats().largest_free_bytes, buddy.largest_free());
        assert!(arena.validate());
    }

    /// Contents survive every operation, zeroed means zeroed, and all bytes come back.
    #[test]
    fn contents_survive_every_operation(ops in ops(), capacity in 1..300_000usize) {
        let arena = arena(capacity);
        let mut live = LiveBlocks::default();
        for op in &ops {
            match op {
                Op::Block(op) => live.apply(&arena, op),
                Op::Purge => { arena.purge().unwrap(); }
                Op::Reserve(bytes) => { arena.reserve(*bytes).unwrap(); }
            }
            assert_eq!(arena.stats().requested_bytes, live.requested_bytes());
            assert!(arena.validate());
        }
        live.free_all(&arena);
        assert_eq!(arena.stats().live_bytes, 0);
    }
}
