//! The functions of allocators, which are in every stack of a heap profile and say nothing of who
//! asked for the memory. `crates/alloc/src/profile/pprof.rs` writes the same ones into profiles,
//! for other tools.
//!
//! Stands on nothing. Knows the C library's and C++'s functions, those that Rust's compiler makes,
//! and the insides of OrionRT's heap.

#![forbid(unsafe_code)]

const NAMES: [&str; 9] = [
    "malloc",
    "calloc",
    "realloc",
    "reallocarray",
    "memalign",
    "aligned_alloc",
    "posix_memalign",
    "valloc",
    "pvalloc",
];

const BEGINNINGS: [&str; 12] = [
    "operator new",
    "__rust_alloc",
    "__rust_realloc",
    "__rustc::__r",
    "__rg_",
    "__rdl_",
    "alloc::alloc::",
    "<alloc::alloc::Global ",
    "orionrt_alloc::",
    "<orionrt_alloc::",
    "orionrt::c::",
    "orionrt::cxx::",
];

/// Whether a function is one of an allocator.
pub(super) fn is_allocator(name: &str) -> bool {
    NAMES.contains(&name)
        || BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
}

/// The frames outside the allocator, of a stack whose outermost comes first; all of them where the
/// allocator's are outermost: it works for itself then.
pub(super) fn callers<'s>(stack: &'s [u32], is_allocator: &[bool]) -> &'s [u32] {
    let entry = stack.iter().position(|&name| is_allocator[name as usize]);
    match entry {
        Some(0) | None => stack,
        Some(entry) => &stack[..entry],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_allocators_are_known() {
        for name in [
            "malloc",
            "operator new[](unsigned long)",
            "__rustc::__rust_alloc_zeroed",
            "alloc::alloc::exchange_malloc",
            "<orionrt_alloc::global::OrionAlloc as core::alloc::global::GlobalAlloc>::alloc",
            "orionrt::c::allocate",
        ] {
            assert!(is_allocator(name), "{name}");
        }
        for name in [
            "malloc_info_of_mine",
            "main",
            "alloc::vec::Vec<T>::push",
            "operator<<",
            "orionrt::slots::pool::Pool::new",
        ] {
            assert!(!is_allocator(name), "{name}");
        }
    }

    #[test]
    fn a_stack_ends_where_it_enters_the_allocator() {
        let allocators = [false, true];
        assert_eq!(callers(&[0, 0, 1, 0, 1], &allocators), [0, 0]);
        assert_eq!(callers(&[0, 0], &allocators), [0, 0]);
        assert_eq!(callers(&[1, 0, 1], &allocators), [1, 0, 1]);
        assert!(callers(&[], &allocators).is_empty());
    }
}
