//! Valgrind's client requests: the instructions by which a program talks to the tool that runs it.
//!
//! A request is an array of six words and a sequence of instructions that does nothing on a real
//! processor, and that Valgrind looks for. Both have been the same for decades, and are part of its
//! interface ("The Client Request mechanism" in its manual): no header or library of Valgrind is
//! needed. On other processors than those below, requests are nothing.

use core::ptr::NonNull;

const MALLOC_LIKE_BLOCK: usize = 0x1301;
const FREE_LIKE_BLOCK: usize = 0x1302;
const CREATE_POOL: usize = 0x1303;
const DESTROY_POOL: usize = 0x1304;
const POOL_ALLOC: usize = 0x1305;
const POOL_FREE: usize = 0x1306;
const POOL_CHANGE: usize = 0x1309;
const POOL_EXISTS: usize = 0x130a;
const RESIZE_IN_PLACE: usize = 0x130b;
/// Memcheck's own requests begin with its letters.
const MEMCHECK: usize = (b'M' as usize) << 24 | (b'C' as usize) << 16;
const MAKE_NO_ACCESS: usize = MEMCHECK;
const MAKE_UNDEFINED: usize = MEMCHECK + 1;
const MAKE_DEFINED: usize = MEMCHECK + 2;

/// Whether requests reach Valgrind on this target.
pub(super) const IS_SUPPORTED: bool = cfg!(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(miri)
));

/// Makes a request; returns its answer, or 0 where Valgrind does not run the program.
#[inline]
fn request(number: usize, arguments: [usize; 4]) -> usize {
    let [a, b, c, d] = arguments;
    let words = [number, a, b, c, d, 0];
    call(&words)
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline]
fn call(words: &[usize; 6]) -> usize {
    let mut answer = 0usize;
    // SAFETY: rotations by 128 bits in all and an exchange with itself change nothing but flags.
    // Valgrind reads the words, and writes the answer.
    unsafe {
        core::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") words.as_ptr(),
            inout("rdx") answer,
            options(nostack),
        );
    }
    answer
}

#[cfg(all(target_arch = "aarch64", not(miri)))]
#[inline]
fn call(words: &[usize; 6]) -> usize {
    let mut answer = 0usize;
    // SAFETY: as above.
    unsafe {
        core::arch::asm!(
            "ror x12, x12, #3",
            "ror x12, x12, #13",
            "ror x12, x12, #51",
            "ror x12, x12, #61",
            "orr x10, x10, x10",
            in("x4") words.as_ptr(),
            inout("x3") answer,
            options(nostack),
        );
    }
    answer
}

#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn call(_words: &[usize; 6]) -> usize {
    0
}

fn address(start: NonNull<u8>) -> usize {
    start.as_ptr().expose_provenance()
}

pub(super) fn allocated(start: NonNull<u8>, bytes: usize) {
    request(MALLOC_LIKE_BLOCK, [address(start), bytes, 0, 0]);
}

pub(super) fn freed(start: NonNull<u8>) {
    request(FREE_LIKE_BLOCK, [address(start), 0, 0, 0]);
}

pub(super) fn resized(start: NonNull<u8>, old: usize, new: usize) {
    request(RESIZE_IN_PLACE, [address(start), old, new, 0]);
}

pub(super) fn no_access(start: NonNull<u8>, bytes: usize) {
    request(MAKE_NO_ACCESS, [address(start), bytes, 0, 0]);
}

pub(super) fn undefined(start: NonNull<u8>, bytes: usize) {
    request(MAKE_UNDEFINED, [address(start), bytes, 0, 0]);
}

pub(super) fn defined(start: NonNull<u8>, bytes: usize) {
    request(MAKE_DEFINED, [address(start), bytes, 0, 0]);
}

pub(super) fn pool_opened(pool: NonNull<u8>) {
    // Opening one twice ends the tool, and a pool that was forgotten may leave its address behind.
    pool_closed(pool);
    request(CREATE_POOL, [address(pool), 0, 0, 0]);
}

pub(super) fn pool_closed(pool: NonNull<u8>) {
    if request(POOL_EXISTS, [address(pool), 0, 0, 0]) != 0 {
        request(DESTROY_POOL, [address(pool), 0, 0, 0]);
    }
}

pub(super) fn pool_allocated(pool: NonNull<u8>, start: NonNull<u8>, bytes: usize) {
    request(POOL_ALLOC, [address(pool), address(start), bytes, 0]);
}

pub(super) fn pool_freed(pool: NonNull<u8>, start: NonNull<u8>) {
    request(POOL_FREE, [address(pool), address(start), 0, 0]);
}

pub(super) fn pool_resized(pool: NonNull<u8>, start: NonNull<u8>, old: usize, new: usize) {
    let at = address(start);
    request(POOL_CHANGE, [address(pool), at, at, new]);
    // The request changes the block's length alone.
    match new > old {
        true => request(MAKE_UNDEFINED, [at + old, new - old, 0, 0]),
        false => request(MAKE_NO_ACCESS, [at + new, old - new, 0, 0]),
    };
}
