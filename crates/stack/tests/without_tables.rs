//! Code without an unwind table, as a just-in-time compiler makes it, is passed by its frame
//! pointer; a thread of execution on a stack of its own ends where that stack does.
#![cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_arch = "x86_64",
    not(miri)
))]

use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::mem;
use std::ptr;

thread_local! {
    static FOUND: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

extern "C" fn take() {
    let mut frames = vec![0; 256];
    let count = orionrt_stack::capture(&mut frames);
    frames.truncate(count);
    FOUND.set(frames);
}

/// Machine code in a page of its own, for as long as the program runs.
fn code(bytes: &[u8]) -> extern "C" fn(extern "C" fn()) {
    // SAFETY: a new mapping of one page, which the bytes fit into, and which are a function.
    unsafe {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let page = libc::mmap(ptr::null_mut(), 4096, access, flags, -1, 0);
        assert_ne!(page, libc::MAP_FAILED);
        ptr::copy_nonoverlapping(bytes.as_ptr(), page.cast(), bytes.len());
        assert_eq!(
            libc::mprotect(page, 4096, libc::PROT_READ | libc::PROT_EXEC),
            0
        );
        mem::transmute::<*mut libc::c_void, extern "C" fn(extern "C" fn())>(page)
    }
}

#[inline(never)]
fn call(function: extern "C" fn(extern "C" fn())) -> Vec<usize> {
    black_box(function)(take);
    FOUND.take()
}

#[test]
fn a_frame_pointer_leads_through_code_without_a_table() {
    orionrt_stack::prepare();
    // push rbp; mov rbp, rsp; sub rsp, 64; call rdi; leave; ret
    let with_frame = [
        0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 64, 0xff, 0xd7, 0xc9, 0xc3,
    ];
    let function = code(&with_frame);
    let frames = call(function);
    let start = function as usize;
    assert_eq!(frames[1], start + 10, "{frames:x?}");

    // Where there is a table for all, the rest of the stack is the same, but for where in this
    // function the call is.
    extern "C" fn pass(then: extern "C" fn()) {
        then();
        black_box(0);
    }
    let expected = call(pass);
    assert!(expected.len() > 5);
    assert_eq!(frames[2], expected[2]);
    assert_eq!(frames[4..], expected[4..]);
}

#[test]
fn a_broken_frame_pointer_ends_the_stack() {
    orionrt_stack::prepare();
    for broken in [0_u8, 1, 8, 0x78] {
        // push rbp; mov ebp, broken; sub rsp, 16; call rdi; add rsp, 16; pop rbp; ret
        let bytes = [
            0x55, 0xbd, broken, 0, 0, 0, 0x48, 0x83, 0xec, 16, 0xff, 0xd7, 0x48, 0x83, 0xc4, 16,
            0x5d, 0xc3,
        ];
        let function = code(&bytes);
        let frames = call(function);
        assert_eq!(frames[1..], [function as usize + 12]);
    }
}

thread_local! {
    static MAIN: Cell<*mut libc::ucontext_t> = const { Cell::new(ptr::null_mut()) };
    static OTHER: Cell<*mut libc::ucontext_t> = const { Cell::new(ptr::null_mut()) };
}

extern "C" fn on_another_stack() {
    take();
    // SAFETY: both contexts live in the test, which waits in the main one.
    unsafe { libc::swapcontext(OTHER.get(), MAIN.get()) };
}

#[test]
fn a_stack_of_its_own_ends_at_its_first_function() {
    orionrt_stack::prepare();
    let mut stack = vec![0_u8; 256 << 10];
    // SAFETY: contexts as the C library fills them in, and a stack that outlives its use.
    unsafe {
        let mut main: libc::ucontext_t = mem::zeroed();
        let mut other: libc::ucontext_t = mem::zeroed();
        assert_eq!(libc::getcontext(&mut other), 0);
        other.uc_stack.ss_sp = stack.as_mut_ptr().cast();
        other.uc_stack.ss_size = stack.len();
        libc::makecontext(&mut other, on_another_stack, 0);
        MAIN.set(&mut main);
        OTHER.set(&mut other);
        assert_eq!(libc::swapcontext(&mut main, &other), 0);
    }
    let frames = FOUND.take();
    let near = |address: usize| address.wrapping_sub(on_another_stack as *const () as usize) < 256;
    assert!(near(frames[1]), "{frames:x?}");
    assert!(frames.len() <= 3, "{frames:x?}");
}
