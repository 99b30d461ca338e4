//! Whose code is: the program's own, or that of a library that nobody looks for.
//!
//! Stands on nothing. Code is told by the name of its function and by the file that it was loaded
//! from, which is all that is known of a program without symbols. `core` and `alloc` are libraries
//! of Rust, and common names elsewhere: they are passed over only in files that have Rust, which is
//! not known before the end of a file. Invariant: the answer depends on the text alone.

#![forbid(unsafe_code)]

/// Functions that nobody looks for, and with `:` or `_` at the end, how their names begin.
const PASSED_OVER: [&str; 21] = [
    "operator new",
    "malloc",
    "calloc",
    "realloc",
    "reallocarray",
    "aligned_alloc",
    "memalign",
    "posix_memalign",
    "valloc",
    "pvalloc",
    "strdup",
    "strndup",
    "std::",
    "void std::",
    "__gnu_cxx::",
    "__rust_",
    "__rdl_",
    "__rg_",
    "<alloc::",
    "<core::",
    "<std::",
];
/// How functions begin that nobody looks for in Rust; in C++ they may be the program's own.
const PASSED_OVER_IN_RUST: [&str; 3] = ["alloc::", "core::", "hashbrown::"];

/// Libraries whose code nobody looks for: those of C and C++, allocators, and heaptrack's own. With
/// `-` or `_` at the end, how the names of their files begin.
const LIBRARIES: [&str; 20] = [
    "libc",
    "libm",
    "libdl",
    "librt",
    "libpthread",
    "ld-linux",
    "ld-linux-",
    "ld-musl-",
    "linux-gate",
    "linux-vdso",
    "libstdc++",
    "libc++",
    "libc++abi",
    "libgcc_s",
    "libunwind",
    "libjemalloc",
    "libmimalloc",
    "libtcmalloc",
    "libtcmalloc_",
    "libheaptrack_",
];

/// Whose function a text is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Program,
    /// Of a library of Rust if the file has Rust, else the program's.
    RustOrProgram,
    Library,
}

/// Whose a function is. The C library's own names of its functions have more in front:
/// `__GI___strdup`.
pub(super) fn owner(function: &str) -> Owner {
    let bare = function.trim_start_matches("__GI_").trim_start_matches('_');
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let begins = |text: &str, begin: &str| {
        let rest = text.strip_prefix(begin);
        rest.is_some_and(|rest| begin.ends_with([':', '_']) || !rest.starts_with(is_name))
    };
    let is_one_of = |all: &[&str]| {
        let mut all = all.iter();
        all.any(|begin| begins(function, begin) || begins(bare, begin))
    };
    if is_one_of(&PASSED_OVER) {
        Owner::Library
    } else if is_one_of(&PASSED_OVER_IN_RUST) {
        Owner::RustOrProgram
    } else {
        Owner::Program
    }
}

/// Whether a file, named without its folders, is one of the libraries that are passed over:
/// `libc.so.6`, `libc-2.31.so`.
pub(super) fn is_library(file: &str) -> bool {
    let is_version = |rest: &str| {
        let digits = rest.strip_prefix('-');
        rest.starts_with(".so")
            || digits.is_some_and(|digits| digits.starts_with(|c: char| c.is_ascii_digit()))
    };
    LIBRARIES.iter().any(|begin| {
        let rest = file.strip_prefix(begin);
        rest.is_some_and(|rest| begin.ends_with(['-', '_']) || is_version(rest))
    })
}

/// Whether a text is a symbol of Rust's allocator or runtime, or a file of Rust.
pub(super) fn is_of_rust(text: &[u8]) -> bool {
    const SYMBOLS: [&[u8]; 3] = [b"__rust_", b"__rdl_", b"__rg_"];
    let has = |symbol: &&[u8]| text.windows(symbol.len()).any(|part| part == *symbol);
    text.ends_with(b".rs") || SYMBOLS.iter().any(has)
}
