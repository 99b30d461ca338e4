//! An allocator's first use: on a small stack, while the process forks, and under a kernel that tells less about itself.
#![cfg(target_os = "linux")]

use std::{
    os::unix::process::{CommandExt, ExitStatusExt},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use orionrt::OrionAlloc;

mod blocks;
use blocks::{Block, layout};

#[global_allocator]
static ALLOC: OrionAlloc = OrionAlloc::new();

/// Of a process that hangs.
const SECONDS: u32 = 20;

fn use_once(alloc: &OrionAlloc) {
    Block::new(alloc, layout(1000, 16), 1).free(alloc);
}

#[test]
fn a_small_stack_is_enough() {
    let first_use = || use_once(&OrionAlloc::new().with_first_region(1 << 20));
    let thread = thread::Builder::new().stack_size(64 << 10).spawn(first_use);
    thread.unwrap().join().unwrap();
}

/// A child that uses an allocator whose first use, in another thread, was under way when it was forked.
fn fork_during_first_use(round: u32) -> i32 {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let alloc = OrionAlloc::new().with_first_region(1 << 20);
    thread::scope(|scope| {
        scope.spawn(|| {
            STARTED.store(round, Ordering::Release);
            use_once(&alloc);
        });
        while STARTED.load(Ordering::Acquire) != round {
            std::hint::spin_loop();
        }
        (0..round % 200).for_each(|_| std::hint::spin_loop());
        // SAFETY: the child uses what the allocator keeps usable alone, and leaves by `_exit`; the parent waits for it.
        unsafe {
            let (pid, mut status) = (libc::fork(), 0);
            if pid == 0 {
                libc::alarm(SECONDS);
                use_once(&alloc);
                libc::_exit(0);
            }
            assert_eq!(libc::waitpid(pid, &raw mut status, 0), pid);
            status
        }
    })
}

#[test]
fn a_fork_during_first_use_leaves_a_usable_allocator() {
    for round in 1..400 {
        assert_eq!(fork_during_first_use(round), 0, "round {round}; 14: alarm");
    }
}

/// Has the kernel refuse `PR_GET_AUXV` from now on, as kernels before 6.4 do: programs then read, and allocate for, what they want to know of it.
fn refuse_auxv() -> std::io::Result<()> {
    const AUXV: u32 = 0x4155_5856;
    let op = |code: u32, jt, jf, k| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let load = |offset| op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset);
    let skip_unless =
        |value, count| op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, count, value);
    let end = |action| op(libc::BPF_RET | libc::BPF_K, 0, 0, action);
    let mut filter = [
        load(0), // the call's number
        skip_unless(libc::SYS_prctl as u32, 3),
        load(16), // its first argument
        skip_unless(AUXV, 1),
        end(libc::SECCOMP_RET_ERRNO | libc::EINVAL as u32),
        end(libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: both calls change what this process may do, and read the program above.
    let done = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
            ) == 0
    };
    if done {
        Ok(())
    } else {
        Err(std::io::Error::last_os_error())
    }
}

#[test]
#[cfg(target_endian = "little")]
fn it_asks_the_kernel_nothing_that_allocates() {
    const CHILD: &str = "ORIONRT_TEST_FIRST_USE";
    if std::env::var_os(CHILD).is_some() {
        // SAFETY: no handler: the signal ends the process.
        unsafe { libc::alarm(SECONDS) };
        (0..100).for_each(|_| drop(vec![1u8; 100_000]));
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "it_asks_the_kernel_nothing_that_allocates"]);
    // SAFETY: between fork and exec it makes two system calls and allocates nothing.
    unsafe { child.env(CHILD, "1").pre_exec(refuse_auxv) };
    let status = child.output().expect("seccomp").status;
    assert_eq!((status.signal(), status.code()), (None, Some(0)));
}
