//! What build scripts of OrionRT find out about the compiler, by compiling small files with it.
//!
//! Std's `Allocator` became stable in Rust 1.100. Before that it is a feature of nightly compilers,
//! as `AllocatorClone` still is after, under other names at different times. A version number
//! does not tell all of that, so the script asks: it writes an implementation of the trait, and has
//! the compiler check it. That takes one run on compilers that do not have the trait, and two to
//! four on others, of some 50 ms each.
//!
//! With a nightly compiler, the trait of `allocator-api2` may be std's own: that crate's feature
//! `nightly`, which any other crate may turn on, makes it so, and implementing both would be an
//! error. There std's traits are implemented only where the feature `nightly` of OrionRT asks.
//!
//! A build script calls [`std_allocator`], and nothing else.

#![forbid(unsafe_code)]

// A file uses only files above it in this list.
mod compiler;
mod std_allocator;
#[cfg(all(test, unix))]
mod tests;

pub use std_allocator::std_allocator;
