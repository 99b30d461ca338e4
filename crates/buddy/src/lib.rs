//! A buddy allocator of byte offsets: pure, safe, `no_std`, and outside of the memory that it
//! manages.
//!
//! [`Buddy`] keeps track of which bytes of a range are free, and does nothing else. It knows no
//! pointers, threads or operating system, and never touches the memory that it hands out. So it
//! manages RAM, device memory, a shared file or a simulation alike, and an overrun of the managed
//! memory cannot corrupt it. Its own bookkeeping lies in words that the caller provides, about 1.2
//! bits a block.
//!
//! ```
//! use core::alloc::Layout;
//! use orionrt_buddy::Buddy;
//!
//! // 64 MiB in blocks of 4 KiB; the bitmaps live in a Vec.
//! let (capacity, block) = (64 << 20, 4096);
//! let words = vec![0; Buddy::<Vec<u64>>::words_for(capacity, block)];
//! let mut buddy = Buddy::in_zeroed_words(words, block, 0..capacity)?;
//!
//! let tensor = Layout::from_size_align(33 << 20, 64)?;
//! let offset = buddy.allocate(tensor).expect("nothing is taken yet");
//! assert_eq!(offset, 0);
//! assert_eq!(buddy.free_bytes(), 31 << 20); // not rounded up to 64 MiB
//!
//! buddy.free(offset, tensor)?;
//! assert_eq!(buddy.largest_free(), capacity); // everything has merged again
//! assert!(buddy.free(offset, tensor).is_err()); // a double free is noticed
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # When to use it
//!
//! For ranges that are cut into pieces of very different sizes, whose bookkeeping must not lie in
//! the range itself, or where it matters that low addresses are reused first and that the cost of
//! every operation is bounded. For pieces of one size a bitmap is enough, and for pieces that are
//! freed all at once a bump pointer.
//!
//! # How it works
//!
//! A run of order *k* is 2ᵏ blocks that start at a multiple of 2ᵏ. The classic scheme keeps a list
//! of free runs for each order. Here every block has a bit, and a tree of summaries tells which
//! nodes below have a free run of which order, so that the lowest run of an order is one path down:
//!
//! ```text
//! level 1   highest free order      2          0          3        (8 blocks a node here,
//!                                   │          │          │         64 in fact)
//! level 0   ░ free, █ taken     ███░░░░░   ██░█░███   ░░░░░░░░
//! ```
//!
//! - **Lowest address first**: of all free runs of the order that fits, the one at the lowest
//!   offset is taken.
//! - **Tails go back**: 33 MiB are looked for as a run of 64 MiB, and take 33 MiB of it.
//! - **Merging is implicit**: two buddies are one larger run as soon as the bits of both are set.
//! - **Bounded work**: an operation follows at most two paths of the tree, which has a level for
//!   every six orders. There are no lists to walk, whatever the state.
//!
//! The scheme is Knowlton's (*A fast storage allocator*, CACM 8(10), 1965; Knuth, TAOCP 1, section
//! 2.5). Summarised bitmaps instead of free lists make lowest-address-first and the freeing of
//! tails cheap.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

// A file uses only files above it in this list.
#[doc(hidden)]
pub mod bits;
mod order;
mod shape;
mod work;
mod tree;
mod walk;
mod error;
mod allocator;

pub use {
    allocator::Buddy,
    error::{BuddyError, InvalidFree},
};
