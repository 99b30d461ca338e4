//! The stack that `capture` walks is the one that libgcc's unwinder walks, address by address: in
//! Rust's functions, through C's, in deep recursion, in signal handlers on the same and on another
//! stack, on many threads at once, when the cache is warm, and along the last stack of the thread.
#![cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_arch = "x86_64",
    not(miri)
))]

use std::cell::{Cell, UnsafeCell};
use std::ffi::{c_int, c_void};
use std::hint::black_box;

use orionrt_stack::{MOST_ADDRESSES, StackRecorder};

unsafe extern "C" {
    fn _Unwind_Backtrace(
        each: extern "C" fn(*mut c_void, *mut c_void) -> c_int,
        data: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(context: *mut c_void) -> usize;
}

extern "C" fn push_frame(context: *mut c_void, frames: *mut c_void) -> c_int {
    // SAFETY: the unwinder hands on its own context and what `by_libgcc` gave it.
    unsafe { (*frames.cast::<Vec<usize>>()).push(_Unwind_GetIP(context)) };
    0
}

/// The frames of the caller and its callers, by libgcc.
#[inline(never)]
fn by_libgcc() -> Vec<usize> {
    let mut frames = Vec::<usize>::new();
    // SAFETY: the callback gets the vector that it expects.
    unsafe { _Unwind_Backtrace(push_frame, (&raw mut frames).cast()) };
    // Its first is in this function; its last is null where the stack ends.
    frames.remove(0);
    while frames.last() == Some(&0) {
        frames.pop();
    }
    frames
}

fn by_capture() -> Vec<usize> {
    let mut frames = vec![0; 4096];
    let count = black_box(orionrt_stack::capture as fn(&mut [usize]) -> usize)(&mut frames);
    frames.truncate(count);
    frames
}

thread_local! {
    static RECORDER: UnsafeCell<StackRecorder> = const { UnsafeCell::new(StackRecorder::new()) };
}

/// How many frames there are, after a comparison of all of them, twice: cold and warm.
#[inline(never)]
fn compare() -> usize {
    let expected = black_box(by_libgcc)();
    for _ in 0..2 {
        let found = black_box(by_capture)();
        // `by_capture` itself, and where in this function the call was, are different.
        assert_eq!(
            found[2..],
            expected[1..],
            "\nfound    {found:x?}\nexpected {expected:x?}"
        );
        let recorder = RECORDER.with(UnsafeCell::get);
        // SAFETY: this thread's own, to which nobody has another reference.
        let recorder = black_box(unsafe { &mut *recorder });
        let found = recorder.capture().addresses;
        let known = expected.len().min(MOST_ADDRESSES);
        assert_eq!(
            (found.len(), &found[1..]),
            (known, &expected[1..known]),
            "\nfound    {found:x?}\nexpected {expected:x?}"
        );
    }
    expected.len()
}

/// Calls itself until it is that deep, and then captures the stack; returns whether it repeats.
#[inline(never)]
fn repeats_at(depth: usize, recorder: &mut StackRecorder) -> bool {
    match depth {
        0 => recorder.capture().repeats,
        _ => black_box(repeats_at)(depth - 1, recorder) & black_box(true),
    }
}

#[test]
fn a_stack_that_stays_repeats_itself() {
    orionrt_stack::prepare();
    let mut recorder = StackRecorder::new();
    let depths = [3, 3, 3, 4, 4, 2, 2, 3, 3, 200, 200, 200];
    // In the first round, rules are found for the first time; in any one, another test may have
    // just found the modules.
    let mut is_known = false;
    for _ in 0..10 {
        let mut all_known = true;
        for (index, depth) in depths.into_iter().enumerate() {
            let is_same = index > 0 && depths[index - 1] == depth;
            let repeats = repeats_at(black_box(depth), &mut recorder);
            assert!(is_same || !repeats, "{index}");
            all_known &= repeats == is_same;
        }
        is_known |= all_known;
    }
    assert!(is_known);
}

#[test]
fn functions_of_rust() {
    orionrt_stack::prepare();
    assert!(compare() > 3);
}

#[inline(never)]
fn recurse(depth: usize) -> usize {
    if depth == 0 {
        compare()
    } else {
        black_box(recurse)(depth - 1) + black_box(0)
    }
}

#[test]
fn a_deep_recursion() {
    orionrt_stack::prepare();
    for depth in [0, 1, 7, 100, 1000] {
        assert!(recurse(depth) > depth);
    }
}

/// A frame that is larger than a page, so that pages of the stack are skipped.
#[inline(never)]
fn large_frame(depth: usize) -> usize {
    let bytes = black_box([1_u8; 50_000]);
    let count = if depth == 0 {
        compare()
    } else {
        black_box(large_frame)(depth - 1)
    };
    count + usize::from(black_box(bytes)[depth] == 0)
}

/// More than the 64 KiB that a cached rule can say.
#[inline(never)]
fn huge_frame() -> usize {
    let bytes = black_box([1_u8; 200_000]);
    compare() + usize::from(black_box(bytes)[7] == 0)
}

#[test]
fn large_frames() {
    orionrt_stack::prepare();
    assert!(large_frame(4) > 4);
    assert!(huge_frame() > 1);
}

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

extern "C" fn compare_elements(a: *const c_void, b: *const c_void) -> c_int {
    DEPTH.set(compare());
    // SAFETY: `qsort` gives addresses of the elements.
    unsafe { *a.cast::<i32>() - *b.cast::<i32>() }
}

/// The C library is compiled without frame pointers.
#[test]
fn functions_of_c() {
    orionrt_stack::prepare();
    let mut numbers: Vec<i32> = (0..20).map(|i| i * 7 % 20).collect();
    // SAFETY: the elements are as many and as large as said.
    unsafe { libc::qsort(numbers.as_mut_ptr().cast(), 20, 4, Some(compare_elements)) };
    assert!(numbers.is_sorted());
    assert!(DEPTH.get() > 4);
}

extern "C" fn handler(_signal: c_int) {
    DEPTH.set(compare());
}

/// Handles `SIGUSR1` or `SIGUSR2` by a comparison.
fn handle(signal: c_int, flags: c_int) {
    // SAFETY: a handler of its own for a signal that nobody else here uses.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = flags;
        assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
    }
}

#[test]
fn a_signal_handler() {
    orionrt_stack::prepare();
    handle(libc::SIGUSR1, 0);
    // SAFETY: the handler compares.
    unsafe { libc::raise(libc::SIGUSR1) };
    assert!(DEPTH.get() > 5);
}

#[test]
fn a_signal_handler_on_another_stack() {
    orionrt_stack::prepare();
    let mut stack = vec![0_u8; 1 << 20];
    let alternate = libc::stack_t {
        ss_sp: stack.as_mut_ptr().cast(),
        ss_flags: 0,
        ss_size: 1 << 20,
    };
    // SAFETY: the stack outlives the handler.
    unsafe { assert_eq!(libc::sigaltstack(&alternate, std::ptr::null_mut()), 0) };
    handle(libc::SIGUSR2, libc::SA_ONSTACK);
    // SAFETY: the handler compares.
    unsafe { libc::raise(libc::SIGUSR2) };
    assert!(DEPTH.get() > 5);
    let none = libc::stack_t {
        ss_sp: std::ptr::null_mut(),
        ss_flags: libc::SS_DISABLE,
        ss_size: 0,
    };
    // SAFETY: nobody is on the other stack any more.
    unsafe { assert_eq!(libc::sigaltstack(&none, std::ptr::null_mut()), 0) };
}

// Two functions side by side: the frame at the end of one is another than at the start of the next.
// The last instruction of the first is a call that does not return, so the return address is that
// of the second; the first of the second is no instruction, and raises a signal.
std::arch::global_asm!(
    ".globl orionrt_stack_call_last",
    "orionrt_stack_call_last:",
    ".cfi_startproc",
    "sub rsp, 24",
    ".cfi_adjust_cfa_offset 24",
    "call rdi",
    ".cfi_endproc",
    ".globl orionrt_stack_no_instruction",
    "orionrt_stack_no_instruction:",
    ".cfi_startproc",
    "ud2",
    "ret",
    ".cfi_endproc",
);

unsafe extern "C-unwind" {
    fn orionrt_stack_call_last(function: extern "C-unwind" fn() -> !);
    fn orionrt_stack_no_instruction();
}

extern "C-unwind" fn compare_and_unwind() -> ! {
    compare();
    std::panic::resume_unwind(Box::new(()));
}

#[test]
fn a_call_that_does_not_return() {
    orionrt_stack::prepare();
    let result = std::panic::catch_unwind(|| {
        // SAFETY: calls the function.
        unsafe { orionrt_stack_call_last(compare_and_unwind) }
    });
    assert!(result.unwrap_err().is::<()>());
}

extern "C" fn compare_and_skip(
    _signal: c_int,
    _info: *mut libc::siginfo_t,
    context: *mut libc::ucontext_t,
) {
    DEPTH.set(compare());
    // SAFETY: the context of the function that was interrupted; the instruction has two bytes.
    unsafe { (*context).uc_mcontext.gregs[libc::REG_RIP as usize] += 2 };
}

#[test]
fn a_signal_at_the_first_instruction_of_a_function() {
    orionrt_stack::prepare();
    // SAFETY: a handler of its own for a signal that nobody else here raises.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = compare_and_skip as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        assert_eq!(
            libc::sigaction(libc::SIGILL, &action, std::ptr::null_mut()),
            0
        );
        orionrt_stack_no_instruction();
    }
    assert!(DEPTH.get() > 5);
}

#[test]
fn eight_threads_at_once() {
    orionrt_stack::prepare();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || {
                for round in 0..100 {
                    assert!(recurse((thread * 13 + round) % 60) > 2);
                }
            });
        }
    });
}

#[test]
fn fewer_frames_than_there_are() {
    orionrt_stack::prepare();
    let all = by_capture();
    for room in 0..all.len() {
        let mut frames = vec![usize::MAX; room];
        assert_eq!(orionrt_stack::capture(&mut frames), room);
        assert!(!frames.contains(&usize::MAX));
    }
}
