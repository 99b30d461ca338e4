//! The first allocations of a program under an older kernel, which tells a process less about
//! itself.
//!
//! Checked: the global allocator asks the kernel nothing that makes std or a library allocate,
//! which would recurse for ever. There is no test harness: it would allocate before `main` and so
//! hide the case.

#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOC: orionrt::OrionAlloc = orionrt::OrionAlloc::new();

fn main() {
    #[cfg(target_os = "linux")]
    linux::main();
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        io,
        os::unix::process::{CommandExt, ExitStatusExt},
        process::Command,
    };

    const CHILD: &str = "ORIONRT_TEST_OLDER_KERNEL";
    /// A process that hangs is killed after this long.
    const SECONDS: u32 = 20;

    pub fn main() {
        // Before anything else allocates: this release reads the clock, for the first time.
        drop(vec![1u8; 100_000]);
        if std::env::var_os(CHILD).is_some() {
            (0..100).for_each(|_| drop(vec![1u8; 100_000]));
            return;
        }
        let mut child = Command::new(std::env::current_exe().expect("this program"));
        // SAFETY: between fork and exec, `refuse_auxv` makes three system calls and allocates
        // nothing.
        unsafe { child.env(CHILD, "1").pre_exec(refuse_auxv) };
        let status = child.status().expect("a child under a seccomp filter");
        assert_eq!((status.signal(), status.code()), (None, Some(0)));
        println!("test result: ok. The allocator asks the kernel nothing that allocates.");
    }

    /// Has the kernel refuse `PR_GET_AUXV` from now on, as kernels before 6.4 do. Programs then
    /// read the auxiliary vector from a file, and allocate for that.
    fn refuse_auxv() -> io::Result<()> {
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
            load(0), // the number of the call
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
        // SAFETY: these calls change what this process may do, and read the program above. The
        // alarm has no handler, and outlives `exec`.
        let done = unsafe {
            libc::alarm(SECONDS);
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
            Err(io::Error::last_os_error())
        }
    }
}
