//! Which of std's allocator traits a compiler has, and under which feature.
//!
//! Stands on [`Compiler`]. Invariant: what is found has been compiled, with all methods that
//! OrionRT implements.

use std::env;

use crate::compiler::{Compiler, VARIABLES};

/// The traits, and the feature that a crate must enable to implement them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AllocatorTraits {
    pub(crate) feature: Option<&'static str>,
    pub(crate) has_clone: bool,
}

/// The features under which the traits have been, the newest first.
const FEATURES: [&str; 2] = ["allocator_ext", "allocator_api"];

/// An implementation with every method that OrionRT has.
const ALLOCATOR: &str = "
use core::{alloc::{AllocError, Allocator, Layout}, ptr::NonNull};
type Block = Result<NonNull<[u8]>, AllocError>;
#[derive(Clone)]
pub struct Probe;
unsafe impl Allocator for Probe {
    fn allocate(&self, _: Layout) -> Block { Err(AllocError) }
    fn allocate_zeroed(&self, _: Layout) -> Block { Err(AllocError) }
    unsafe fn deallocate(&self, _: NonNull<u8>, _: Layout) {}
    unsafe fn grow(&self, _: NonNull<u8>, _: Layout, _: Layout) -> Block { Err(AllocError) }
    unsafe fn grow_zeroed(&self, _: NonNull<u8>, _: Layout, _: Layout) -> Block { Err(AllocError) }
    unsafe fn shrink(&self, _: NonNull<u8>, _: Layout, _: Layout) -> Block { Err(AllocError) }
}
";

const CLONE: &str = "unsafe impl core::alloc::AllocatorClone for Probe {}\n";

/// What compilers accept that allow features. (This one is as old as features are, and stays.)
const ANY_FEATURE: &str = "#![no_std]\n#![feature(rustc_attrs)]\n";

/// Finds out which of std's allocator traits the compiler has, and tells cargo, for the crate whose
/// build script calls this:
///
/// | `cfg` | meaning |
/// | --- | --- |
/// | `orionrt_std_allocator` | `core::alloc::Allocator` can be implemented |
/// | `orionrt_std_allocator_clone` | `core::alloc::AllocatorClone`, too |
/// | `orionrt_allocator_api`, `orionrt_allocator_ext` | the crate must enable this feature for it |
///
/// On compilers that allow features, all of this only where the crate's feature `nightly` is on.
pub fn std_allocator() {
    for cfg in ["std_allocator", "std_allocator_clone"]
        .iter()
        .chain(&FEATURES)
    {
        println!("cargo::rustc-check-cfg=cfg(orionrt_{cfg})");
    }
    println!("cargo::rerun-if-changed=build.rs");
    for variable in VARIABLES {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    let with_features = env::var_os("CARGO_FEATURE_NIGHTLY").is_some();
    let found = Compiler::of_cargo().and_then(|compiler| find(&compiler, with_features));
    if let Some(AllocatorTraits { feature, has_clone }) = found {
        println!("cargo::rustc-cfg=orionrt_std_allocator");
        if has_clone {
            println!("cargo::rustc-cfg=orionrt_std_allocator_clone");
        }
        if let Some(feature) = feature {
            println!("cargo::rustc-cfg=orionrt_{feature}");
        }
    } else if with_features {
        println!(
            "cargo::warning=the feature `nightly` does nothing: this compiler does not let \
             `core::alloc::Allocator` be implemented, which takes Rust 1.100 or a nightly compiler"
        );
    }
}

/// The best of what the compiler accepts: with `AllocatorClone` rather than without, and without a
/// feature rather than with one. `with_features` says whether features may be used; if not, nothing
/// is found on compilers that allow them, since there `allocator-api2` may use them.
pub(crate) fn find(compiler: &Compiler, with_features: bool) -> Option<AllocatorTraits> {
    let has = |feature: Option<&'static str>, has_clone: bool| {
        let clone = if has_clone { CLONE } else { "" };
        let enabled = feature.map(|feature| format!("#![feature({feature})]\n"));
        let enabled = enabled.unwrap_or_default();
        let found = AllocatorTraits { feature, has_clone };
        let text = format!("#![no_std]\n{enabled}{ALLOCATOR}{clone}");
        compiler.accepts(&text).then_some(found)
    };
    let stable = has(None, false);
    if !with_features {
        let stable = stable.filter(|_| !compiler.accepts(ANY_FEATURE))?;
        return has(None, true).or(Some(stable));
    }
    let with_clone = stable.and_then(|_| has(None, true));
    let unstable = || FEATURES.iter().find_map(|feature| has(Some(feature), true));
    let oldest = || has(Some("allocator_api"), false);
    with_clone.or_else(unstable).or(stable).or_else(oldest)
}
