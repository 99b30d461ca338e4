//! What memory checkers are told: Valgrind's memcheck (feature `valgrind`) and AddressSanitizer
//! (feature `asan`).
//!
//! A checker knows the blocks of `malloc`. Of an allocator with memory of its own it knows what the
//! allocator says: which bytes are blocks of the program, and which nobody may touch. The calls
//! here say so. They read and write none of the bytes, and without both features they are nothing.
//!
//! ```
//! use core::ptr::NonNull;
//! use orionrt_sys::checker;
//!
//! let mut page = [0u8; 4096]; // of an allocator
//! let start = NonNull::from(&mut page).cast::<u8>();
//! checker::no_access(start, 4096);
//! checker::allocated(start, 100); // the program may write these, and read what it has written
//! checker::freed(start, 100);
//! checker::defined(start, 4096); // an ordinary array again
//! ```
//!
//! Rules for an allocator: it tells what it hands out before anybody uses it, and what it takes
//! back before anybody else can get it. Its own tables lie elsewhere, as OrionRT's do. Pointers in
//! them to live blocks are [`hidden`], or the search for leaks would find them.

// A file uses only files above it in this list.
#[cfg(feature = "valgrind")]
mod valgrind;
#[cfg(orionrt_asan)]
mod asan;
mod tell;

pub use tell::{
    IS_ON, allocated, defined, freed, gone, hidden, no_access, pool_allocated, pool_closed,
    pool_freed, pool_opened, pool_resized, resized, undefined,
};
#[cfg(feature = "std")]
pub(crate) use tell::{mapped, unmapped};
