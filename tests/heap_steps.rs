//! `OrionAlloc` under random steps, judged by a map of its live blocks: sizes up to 128 MiB,
//! alignments up to 2^32, small first zones, address-space limits that change while it runs, and
//! children that are forked between steps.
//!
//! Each test is a process of its own, because limits and forks are a process's. It takes
//! `ORIONRT_HEAP_STEPS` steps from `ORIONRT_HEAP_SEED`; 10 million take a few minutes if this is
//! built with `--release`. A failure names the step: the same seed gives the same steps.
#![cfg(target_os = "linux")]

use std::{
    alloc::{GlobalAlloc, Layout},
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

#[cfg(feature = "profile")]
use orionrt::profile::Sampling;
use orionrt::{OrionAlloc, arena::HugePages, heap::Decay};
use orionrt_testing::{
    blocks::in_thread,
    children,
    heap_oracle::{HeapOracle, Subject, Totals},
    heap_steps::{Bounds, Step},
    random::Random,
};

const STEPS: u64 = 20_000;
const BOUNDS: Bounds = Bounds {
    blocks: 600,
    bytes: 512 << 20,
};
/// Steps from one change of the limit to the next.
const A_LIMIT: u64 = 500;
/// Steps from one fork to the next, in the tests that fork.
const A_FORK: u64 = 5000;
/// No limit of address space.
const UNLIMITED: u64 = u64::MAX;
/// A child that takes longer than this is ended by an alarm.
const CHILD_SECONDS: u32 = 60;

/// The last three sample one byte in 1, 64 and 4096.
#[cfg(feature = "profile")]
const SAMPLED: usize = 3;
#[cfg(not(feature = "profile"))]
const SAMPLED: usize = 0;

static ALLOCS: [OrionAlloc; 4 + SAMPLED] = [
    OrionAlloc::new().with_first_zone(1 << 20),
    OrionAlloc::new(),
    OrionAlloc::new()
        .with_first_zone(1 << 20)
        .with_decay(Decay::After(Duration::ZERO)),
    OrionAlloc::new()
        .with_first_zone(64 << 20)
        .with_decay(Decay::Never)
        .with_huge_pages(HugePages::Always),
    #[cfg(feature = "profile")]
    OrionAlloc::new().with_profile(Sampling::every(1)),
    #[cfg(feature = "profile")]
    OrionAlloc::new()
        .with_first_zone(1 << 20)
        .with_profile(Sampling::every(64).with_seed(1)),
    #[cfg(feature = "profile")]
    OrionAlloc::new().with_profile(Sampling::every(4096).with_seed(2)),
];

fn given(name: &str, usual: u64) -> u64 {
    env::var(name).map_or(usual, |given| given.parse().expect("a number"))
}

/// An allocator that the process allows so much address space while it is called; otherwise the
/// limit would be that of the test's own tables, too.
struct Limited {
    alloc: &'static OrionAlloc,
    /// Bytes; `UNLIMITED` is no limit.
    limit: AtomicU64,
}

impl Limited {
    fn is_unlimited(&self) -> bool {
        self.limit.load(Relaxed) == UNLIMITED
    }

    fn call(&self, call: impl FnOnce(&OrionAlloc) -> *mut u8) -> *mut u8 {
        if self.is_unlimited() {
            return call(self.alloc);
        }
        set_limit(self.limit.load(Relaxed));
        let start = call(self.alloc);
        set_limit(UNLIMITED);
        start
    }
}

fn set_limit(bytes: u64) {
    let limit = libc::rlimit {
        rlim_cur: match bytes {
            UNLIMITED => libc::RLIM_INFINITY,
            bytes => bytes as libc::rlim_t,
        },
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: reads the limit above.
    let done = unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
    assert_eq!(done, 0);
}

/// The address space that the process has mapped, in bytes.
fn mapped() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").expect("readable");
    let pages = statm
        .split(' ')
        .next()
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("a number") * 4096
}

// SAFETY: passes all calls on to an allocator.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's duty, passed on.
        self.call(|alloc| unsafe { alloc.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        self.call(|alloc| unsafe { alloc.alloc_zeroed(layout) })
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        self.call(|alloc| {
            // SAFETY: as above.
            unsafe { alloc.dealloc(start, layout) };
            start
        });
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        self.call(|alloc| unsafe { alloc.realloc(start, layout, size) })
    }
}

impl Subject for Limited {
    fn purge(&self) {
        self.call(|alloc| {
            alloc.purge();
            std::ptr::null_mut()
        });
    }

    fn may_refuse(&self, _: Layout, _: usize) -> bool {
        !self.is_unlimited()
    }

    fn check_totals(&self, totals: Totals) {
        let stats = self.alloc.stats();
        assert_eq!(stats.allocations - stats.deallocations, totals.blocks);
        assert_eq!(stats.requested_bytes, totals.bytes);
        assert_eq!(stats.failures, totals.refused);
        assert!(stats.live_bytes >= stats.requested_bytes);
        assert!(stats.used_bytes >= stats.live_bytes);
        assert!(stats.resident_bytes >= stats.used_bytes);
        assert!(stats.committed_bytes >= stats.resident_bytes);
        assert!(stats.reserved_bytes >= stats.committed_bytes);
    }
}

/// The limit for the next steps: none, or some room above what is mapped, or none at all above it.
fn next_limit(random: &mut Random) -> u64 {
    match random.below(8) {
        0..=2 => UNLIMITED,
        3..=5 => 1,
        _ => mapped() + random.log_uniform(1 << 16, 1 << 30) as u64,
    }
}

/// Checks in a child that all blocks are there and that it can go on; waits for the child.
fn fork(oracle: &mut HeapOracle<'_, Limited>, random: &mut Random) {
    // SAFETY: the child runs on what the allocator keeps usable, and leaves by `_exit`.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        // SAFETY: no handler: the signal ends the process.
        unsafe { libc::alarm(CHILD_SECONDS) };
        let went = catch_unwind(AssertUnwindSafe(|| {
            oracle.check_all();
            (0..1000).for_each(|_| oracle.step(Step::random(random), BOUNDS));
            oracle.free_all();
            oracle.subject().purge();
            oracle.check_all();
        }));
        // SAFETY: ends this process at once.
        unsafe { libc::_exit(went.is_err().into()) }
    }
    let mut status = 0;
    // SAFETY: waits for the child above, and writes to `status` only.
    let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!((waited, status), (pid, 0));
}

/// Takes the steps with each allocator in turn; `with` runs before each, with its number.
fn take_steps(with: impl Fn(u64, &mut HeapOracle<'_, Limited>, &mut Random) + Sync) {
    let steps = given("ORIONRT_HEAP_STEPS", STEPS);
    let seed = given("ORIONRT_HEAP_SEED", 1);
    for (index, alloc) in ALLOCS.iter().enumerate() {
        in_thread(|| {
            let subject = Limited {
                alloc,
                limit: AtomicU64::new(UNLIMITED),
            };
            let mut oracle = HeapOracle::new(&subject);
            let mut random = Random(seed << 8 | index as u64);
            for number in 0..steps.div_ceil(ALLOCS.len() as u64) {
                let step = Step::random(&mut random);
                let went = catch_unwind(AssertUnwindSafe(|| {
                    with(number, &mut oracle, &mut random);
                    oracle.step(step, BOUNDS);
                }));
                if let Err(panic) = went {
                    eprintln!("allocator {index}, seed {seed}, step {number}: {step:?}");
                    resume_unwind(panic);
                }
            }
            subject.limit.store(UNLIMITED, Relaxed);
            println!("allocator {index}: {:?}", oracle.totals());
            oracle.check_all();
            oracle.free_all();
            oracle.check_all();
            subject.purge();
        });
    }
}

#[test]
fn blocks_are_aligned_apart_and_keep_their_contents() {
    if children::in_child("blocks_are_aligned_apart_and_keep_their_contents") {
        take_steps(|_, _, _| ());
    }
}

#[test]
fn memory_is_refused_only_while_an_address_space_limit_is_in_force() {
    if !children::in_child("memory_is_refused_only_while_an_address_space_limit_is_in_force") {
        return;
    }
    let refused = AtomicU64::new(0);
    take_steps(|number, oracle, random| {
        if number % A_LIMIT == A_LIMIT - 1 {
            oracle.subject().limit.store(next_limit(random), Relaxed);
            refused.fetch_max(oracle.totals().refused, Relaxed);
        }
    });
    assert_ne!(refused.into_inner(), 0, "no limit was ever felt");
}

#[test]
fn forked_children_have_the_blocks_and_can_go_on() {
    if children::in_child("forked_children_have_the_blocks_and_can_go_on") {
        take_steps(|number, oracle, random| {
            if number % A_FORK == A_FORK - 1 {
                fork(oracle, random);
            }
        });
    }
}
