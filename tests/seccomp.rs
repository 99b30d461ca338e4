//! A kernel that refuses calls, by seccomp filters like those of containers: whatever the errno, a
//! program that allocates, purges, pins, replays and starts threads under it goes on.
//!
//! Each filter gets a child process of its own, which is this program again: a filter holds from
//! the first allocation on. `tests/refused_calls` tries more reasons, by injected faults.
#![cfg(target_os = "linux")]

#[path = "refused_calls/scenarios.rs"]
mod scenarios;

use std::{
    env, io,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::Command,
};

use orionrt::{ArenaError, OrionAlloc, ReplayAlloc, arena::NumaNodes};
use orionrt_sys::mapping::MapCall;
use scenarios::{BACKINGS, arenas, use_arena, use_heap, use_sessions};

#[global_allocator]
static ALLOC: ReplayAlloc<OrionAlloc> = ReplayAlloc::new(OrionAlloc::new());

/// Names the filter that a child runs under.
const CHILD: &str = "ORIONRT_TEST_SECCOMP";
/// A process that hangs is ended after this long.
const SECONDS: u32 = 60;

/// A call that is refused: all of it, or only with this value of the argument with this number.
#[derive(Clone, Copy)]
struct Refused {
    call: libc::c_long,
    argument: Option<(u32, libc::c_int)>,
}

const fn all(call: libc::c_long) -> Refused {
    Refused {
        call,
        argument: None,
    }
}

const fn advice(advice: libc::c_int) -> Refused {
    Refused {
        call: libc::SYS_madvise,
        argument: Some((2, advice)),
    }
}

const POPULATE: Refused = advice(libc::MADV_POPULATE_WRITE);
const LOCK_LIMIT: Refused = Refused {
    call: libc::SYS_prlimit64,
    argument: Some((1, libc::RLIMIT_MEMLOCK as libc::c_int)),
};

/// The filters by name, each of which refuses some calls.
const FILTERS: [(&str, &[Refused]); 10] = [
    ("populate", &[POPULATE]),
    (
        "huge pages",
        &[advice(libc::MADV_HUGEPAGE), advice(libc::MADV_NOHUGEPAGE)],
    ),
    ("discard", &[advice(libc::MADV_DONTNEED)]),
    ("madvise", &[all(libc::SYS_madvise)]),
    ("mlock", &[all(libc::SYS_mlock), LOCK_LIMIT]),
    ("munlock", &[all(libc::SYS_munlock)]),
    ("mremap", &[all(libc::SYS_mremap)]),
    ("mbind", &[all(libc::SYS_mbind)]),
    ("sysinfo", &[all(libc::SYS_sysinfo)]),
    (
        "everything that can be done without",
        &[
            all(libc::SYS_madvise),
            all(libc::SYS_mlock),
            all(libc::SYS_munlock),
            all(libc::SYS_mremap),
            all(libc::SYS_mbind),
            all(libc::SYS_membarrier),
            all(libc::SYS_sysinfo),
            LOCK_LIMIT,
        ],
    ),
];

/// The program of a filter that answers `errno`.
fn program(refused: &[Refused], errno: i32) -> Vec<libc::sock_filter> {
    let op = |code: u32, jf, k| libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf,
        k,
    };
    let load = |offset| op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, offset);
    let skip_unless = |value, count| op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, count, value);
    let end = |action| op(libc::BPF_RET | libc::BPF_K, 0, action);
    let mut program = Vec::new();
    for refused in refused {
        let is_whole = refused.argument.is_none();
        program.push(load(0)); // the number of the call
        program.push(skip_unless(
            refused.call as u32,
            if is_whole { 1 } else { 3 },
        ));
        if let Some((number, value)) = refused.argument {
            program.push(load(16 + 8 * number)); // the lower half, on a little-endian machine
            program.push(skip_unless(value as u32, 1));
        }
        program.push(end(libc::SECCOMP_RET_ERRNO | errno as u32));
    }
    program.push(end(libc::SECCOMP_RET_ALLOW));
    program
}

/// Installs a filter in this process, for good.
fn install(program: &mut [libc::sock_filter]) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: these calls change what this process may do, and read the program above. The alarm
    // has no handler, and outlives `exec`.
    let done = unsafe {
        libc::alarm(SECONDS);
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
            ) == 0
    };
    match done {
        true => Ok(()),
        false => Err(io::Error::last_os_error()),
    }
}

#[test]
fn a_program_goes_on_under_every_filter() {
    if env::var_os(CHILD).is_some() {
        return;
    }
    let errnos = [libc::EPERM, libc::ENOSYS, libc::EACCES];
    for (filter, errno) in FILTERS.iter().flat_map(|f| errnos.map(|errno| (f, errno))) {
        let (name, refused) = filter;
        let mut child = Command::new(env::current_exe().expect("this program"));
        child
            .args(["--exact", "in_a_child", "--nocapture"])
            .env(CHILD, name);
        let mut program = program(refused, errno);
        // SAFETY: between fork and exec, `install` makes three system calls and allocates nothing.
        unsafe { child.pre_exec(move || install(&mut program)) };
        let output = child.output().expect("a child under a seccomp filter");
        let status = (output.status.signal(), output.status.code());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(status, (None, Some(0)), "{name}, errno {errno}: {said}");
    }
}

/// What a child does under its filter.
#[test]
fn in_a_child() {
    let Ok(filter) = env::var(CHILD) else { return };
    let is_refused = |call| {
        let named = FILTERS.iter().filter(|(name, _)| *name == filter);
        named
            .flat_map(|(_, refused)| *refused)
            .any(|refused| refused.call == call)
    };
    let keeps_memory =
        ["discard", "madvise"].contains(&&*filter) || is_refused(libc::SYS_membarrier);
    for builder in arenas() {
        match use_arena(builder) {
            // Only giving memory back may be refused.
            Ok(refused) => assert!(refused == 0 || refused == 3 && keeps_memory),
            Err(ArenaError::Memory(error)) => {
                assert_eq!(error.call(), MapCall::Lock);
                assert!(
                    is_refused(libc::SYS_mlock) || error.limit().is_some(),
                    "{error}"
                );
            }
            Err(ArenaError::CannotBind { .. }) => {
                assert!(is_refused(libc::SYS_mbind) && NumaNodes::online().iter().count() > 1);
            }
            Err(error) => panic!("{error}"),
        }
    }
    let heap = OrionAlloc::new().with_first_zone(8 << 20);
    assert_eq!(use_heap(&heap, || {}), 0);
    for backing in BACKINGS {
        let (refused, hits) = use_sessions(&ALLOC, backing);
        if !backing.is_pinned {
            assert!(
                refused == 0 && hits > 0,
                "{backing:?}: {refused} refused, {hits} hits"
            );
        }
    }
}
