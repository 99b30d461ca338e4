//! Any sequence of arena operations: blocks never overlap, contents survive, zeroed means zeroed, all bytes come back.
//!
//! Every live block is filled with a mark of its own and checked when it is touched, so an overlap shows as foreign
//! bytes; the arena validates its bitmaps after every operation.
#![no_main]

use std::{alloc::Layout, ptr::NonNull};

use allocator_api2::alloc::Allocator;
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use orionrt::Arena;

#[derive(Arbitrary, Debug)]
enum Op {
    Allocate {
        size: u16,
        align: u8,
        zeroed: bool,
    },
    Free(u8),
    Resize {
        index: u8,
        size: u32,
        align: u8,
        zeroed: bool,
    },
    Check(u8),
    Purge,
    Reserve(u16),
}

#[derive(Arbitrary, Debug)]
struct Case {
    capacity: u32,
    block_bytes: u8,
    lent: Option<u8>,
    ops: Vec<Op>,
}

struct Block {
    start: NonNull<u8>,
    layout: Layout,
    mark: u8,
}

impl Block {
    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: granted by the arena for this layout and not given back.
        unsafe { NonNull::slice_from_raw_parts(self.start, self.layout.size()).as_mut() }
    }

    fn check(&mut self, len: usize) {
        let mark = self.mark;
        assert!(
            self.bytes()[..len].iter().all(|&byte| byte == mark),
            "overwritten"
        );
    }
}

fn layout(size: usize, align: u8) -> Layout {
    Layout::from_size_align(size, 1 << (align % 16)).expect("small")
}

fuzz_target!(|case: Case| {
    let builder = Arena::builder()
        .capacity(case.capacity as usize % (1 << 20))
        .block_size(16 << (case.block_bytes % 8));
    let mut memory = vec![0xaau8; 1 << 18];
    let arena: Arena = match case.lent {
        None => builder.build().expect("a megabyte"),
        Some(lead) => {
            let part = &mut memory[usize::from(lead)..][..case.capacity as usize % (1 << 17)];
            // SAFETY: `memory` outlives the arena and is not touched meanwhile.
            unsafe { builder.build_over(NonNull::from(part)) }.expect("lent")
        }
    };
    let (mut live, mut mark) = (Vec::<Block>::new(), 0u8);
    for op in case.ops {
        mark = mark % 250 + 1;
        match op {
            Op::Allocate {
                size,
                align,
                zeroed,
            } => {
                let layout = layout(size.into(), align);
                let got = if zeroed {
                    arena.allocate_zeroed(layout)
                } else {
                    arena.allocate(layout)
                };
                if let Ok(start) = got {
                    let mut block = Block {
                        start: start.cast(),
                        layout,
                        mark,
                    };
                    assert_eq!(block.start.addr().get() % layout.align(), 0);
                    assert!(!zeroed || block.bytes().iter().all(|&byte| byte == 0));
                    block.bytes().fill(mark);
                    live.push(block);
                }
            }
            Op::Free(index) if !live.is_empty() => {
                let mut block = live.swap_remove(usize::from(index) % live.len());
                block.check(block.layout.size());
                // SAFETY: a live block, with its layout.
                unsafe { arena.deallocate(block.start, block.layout) };
            }
            Op::Resize {
                index,
                size,
                align,
                zeroed,
            } if !live.is_empty() => {
                let index = usize::from(index) % live.len();
                let block = &mut live[index];
                let (old, new) = (block.layout, layout(size as usize % (1 << 18), align));
                // SAFETY: a live block, with its layout; grown only to larger sizes, shrunk only to smaller ones.
                let moved = unsafe {
                    match new.size() >= old.size() {
                        true if zeroed => arena.grow_zeroed(block.start, old, new),
                        true => arena.grow(block.start, old, new),
                        false => arena.shrink(block.start, old, new),
                    }
                };
                if let Ok(moved) = moved {
                    (block.start, block.layout) = (moved.cast(), new);
                    assert_eq!(block.start.addr().get() % new.align(), 0);
                    block.check(old.size().min(new.size()));
                    if zeroed && new.size() > old.size() {
                        assert!(block.bytes()[old.size()..].iter().all(|&byte| byte == 0));
                    }
                    block.mark = mark;
                    block.bytes().fill(mark);
                }
            }
            Op::Check(index) if !live.is_empty() => {
                let index = usize::from(index) % live.len();
                let size = live[index].layout.size();
                live[index].check(size);
            }
            Op::Purge => drop(arena.purge().expect("free pages")),
            Op::Reserve(bytes) => drop(arena.reserve(bytes.into()).expect("a few pages")),
            Op::Free(_) | Op::Resize { .. } | Op::Check(_) => {}
        }
        let requested: usize = live.iter().map(|block| block.layout.size()).sum();
        assert_eq!(arena.stats().requested_bytes, requested);
        assert!(arena.validate());
    }
    for mut block in live {
        block.check(block.layout.size());
        // SAFETY: a live block, with its layout.
        unsafe { arena.deallocate(block.start, block.layout) };
    }
    let stats = arena.stats();
    assert_eq!(stats.free_bytes, stats.capacity_bytes);
});
