//! `OrionHeap`: blocks keep their bytes and are nobody else's, whatever is done to several heaps.
//!
//! Two oracles know nothing of the heap: a map of all addresses in use, and the bytes of every
//! block.

use std::{alloc::Layout, collections::BTreeMap, ptr::NonNull};

use allocator_api2::alloc::Allocator;
use orionrt::{OrionAlloc, OrionHeap};
use orionrt_testing::{
    arena_blocks::{BlockOp, LiveBlocks},
    random::Random,
};
use proptest::prelude::*;

/// An allocator whose zones fill up, so that heaps have pages in several.
fn small_zones() -> OrionAlloc {
    OrionAlloc::new().with_first_zone(1 << 20)
}

fn allocate(heap: &OrionHeap<'_>, layout: Layout) -> NonNull<u8> {
    heap.allocate(layout).expect("memory").cast()
}

/// Which addresses are in use, and by which heap.
#[derive(Default)]
struct AddressMap(BTreeMap<usize, (usize, usize)>);

impl AddressMap {
    fn add(&mut self, start: usize, size: usize, heap: usize) {
        let before = self.0.range(..start + size).next_back();
        let is_free = before.is_none_or(|(&at, &(size, _))| at + size <= start);
        assert!(is_free, "{start:#x} + {size}: {before:x?}");
        self.0.insert(start, (size, heap));
    }
}

#[test]
fn no_two_blocks_of_any_heap_share_an_address() {
    let alloc = small_zones();
    let mut heaps: Vec<_> = (0..8).map(|_| alloc.new_heap().unwrap()).collect();
    let (mut map, mut random) = (AddressMap::default(), Random(7));
    let mut live: Vec<(usize, NonNull<u8>, Layout)> = Vec::new();
    for _ in 0..60_000 {
        let index = random.below(heaps.len());
        let pick = random.below(live.len().max(1));
        match random.below(100) {
            0 => {
                live.retain(|block| block.0 != index);
                map.0.retain(|_, &mut (_, heap)| heap != index);
                match random.one_in(2) {
                    true => heaps[index].reset(),
                    false => heaps[index] = alloc.new_heap().unwrap(),
                }
            }
            1..=50 if pick < live.len() => {
                let (of, block, old) = live.swap_remove(pick);
                map.0.remove(&block.addr().get());
                if random.one_in(2) {
                    // SAFETY: a live block with its layout.
                    unsafe { (&heaps[of]).deallocate(block, old) };
                    continue;
                }
                let new = random.layout(300 << 10);
                // SAFETY: as above; grown to as much or more, else shrunk.
                let moved = unsafe {
                    match new.size() >= old.size() {
                        true => (&heaps[of]).grow(block, old, new),
                        false => (&heaps[of]).shrink(block, old, new),
                    }
                };
                let moved = moved.unwrap().cast::<u8>();
                map.add(moved.addr().get(), new.size(), of);
                live.push((of, moved, new));
            }
            _ => {
                let new = random.layout(300 << 10);
                let block = allocate(&heaps[index], new);
                assert_eq!(block.addr().get() % new.align(), 0);
                map.add(block.addr().get(), new.size(), index);
                live.push((index, block, new));
            }
        }
    }
    for (index, heap) in heaps.iter().enumerate() {
        let own = live.iter().filter(|block| block.0 == index);
        let asked: usize = own.map(|block| block.2.size()).sum();
        assert_eq!(heap.stats().requested_bytes, asked);
    }
}

/// What the property test does.
#[derive(Clone, Debug)]
enum Op {
    Block(usize, BlockOp),
    Reset(usize),
    Replace(usize),
    Purge,
}

const HEAPS: usize = 3;

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let size = prop_oneof![4 => 0..300u16, 2 => 300..u16::MAX];
    let allocate = (size, 0..16u8, any::<bool>());
    let allocate = allocate.prop_map(|(size, align, is_zeroed)| BlockOp::Allocate {
        size,
        align,
        is_zeroed,
    });
    let size = prop_oneof![4 => 0..300u32, 2 => 300..1u32 << 18];
    let resize = (any::<u8>(), size, 0..16u8, any::<bool>());
    let resize = resize.prop_map(|(index, size, align, is_zeroed)| BlockOp::Resize {
        index,
        size,
        align,
        is_zeroed,
    });
    let block = prop_oneof![
        4 => allocate,
        3 => any::<u8>().prop_map(BlockOp::Free),
        3 => resize,
    ];
    let op = prop_oneof![
        20 => (0..HEAPS, block).prop_map(|(heap, op)| Op::Block(heap, op)),
        1 => (0..HEAPS).prop_map(Op::Reset),
        1 => (0..HEAPS).prop_map(Op::Replace),
        1 => Just(Op::Purge),
    ];
    proptest::collection::vec(op, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn heaps_keep_the_contract_of_the_trait_and_count_right(ops in ops()) {
        let alloc = small_zones();
        let mut heaps: [_; HEAPS] = std::array::from_fn(|_| alloc.new_heap().unwrap());
        let mut live: [_; HEAPS] = std::array::from_fn(|_| LiveBlocks::default());
        for op in ops {
            match op {
                Op::Block(index, op) => live[index].apply(&&heaps[index], &op),
                Op::Reset(index) => {
                    live[index] = LiveBlocks::default();
                    heaps[index].reset();
                }
                Op::Replace(index) => {
                    live[index] = LiveBlocks::default();
                    heaps[index] = alloc.new_heap().unwrap();
                }
                Op::Purge => drop(alloc.purge()),
            }
            for (heap, live) in heaps.iter().zip(&live) {
                let stats = heap.stats();
                prop_assert_eq!(stats.requested_bytes, live.requested_bytes());
                prop_assert!(stats.live_bytes >= stats.requested_bytes);
                prop_assert!(stats.used_bytes >= stats.live_bytes);
            }
        }
        for (heap, live) in heaps.iter().zip(&mut live) {
            live.free_all(&heap);
            prop_assert_eq!(heap.stats().live_bytes, 0);
        }
    }
}
