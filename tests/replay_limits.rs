//! Sessions in a process whose address space is limited: iterations run, at worst plainly, and the
//! report says so. The test starts itself again for each case.
#![cfg(target_os = "linux")]

#[path = "global_limits/process.rs"]
mod process;

use std::{alloc::System, process::Command};

use orionrt::{Planner, ReplayAlloc, replay::KeyReport};
use orionrt_testing::workloads::network;

#[global_allocator]
static ALLOC: ReplayAlloc<System> = ReplayAlloc::new(System);

const NAME: &str = "without_address_space_iterations_run_plainly";
const CASE: &str = "ORIONRT_TEST_CASE";
const MIB: usize = 1 << 20;

/// The address space that this process uses, in bytes.
fn used() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("proc is mounted");
    let pages = pages.split(' ').next().expect("seven numbers");
    // SAFETY: asks for a number.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    pages.parse::<usize>().expect("a number") * page as usize
}

/// What runs in a process of its own, and the address space that it has for it, in MiB.
type Case = (&'static str, usize);

/// Runs `iteration`, first with so much address space and then with all of it.
fn iterate(room: usize, iterations: u64, iteration: impl Fn() -> u64) -> KeyReport {
    let expected = iteration();
    let mut session = ALLOC.session(Planner::new().nodes(100)).threshold(0);
    let mut run = |iterations| {
        for _ in 0..iterations {
            assert_eq!(session.run((), &iteration), Ok(expected));
        }
        session.report().keys.remove(0)
    };
    let before = used();
    process::limit_address_space(Some(before + room));
    let limited = run(iterations);
    // The range of regions leaves most of the addresses to the program.
    let taken = used().saturating_sub(before);
    assert!(taken <= room / 4 + (64 << 20), "{taken} of {room}");
    process::limit_address_space(None);
    // Where it ran plainly, it is recorded again within so many iterations. (Many blocks take a
    // long time to plan.)
    if iterations > 10 {
        let later = run(iterations + 2);
        assert!(later.replayed > limited.replayed, "{later}");
    }
    limited
}

/// So many blocks at once that recording them takes more memory than they do.
fn many() -> u64 {
    let blocks: Vec<Box<u64>> = (0..150_000).map(Box::new).collect();
    blocks.into_iter().map(|block| *block).sum()
}

/// Runs a case in a process of its own; returns whether iterations ran plainly.
fn runs_plainly((kind, room): Case) -> bool {
    let child = Command::new(std::env::current_exe().expect("a path"))
        .args(["--exact", NAME, "--nocapture", "--test-threads", "1"])
        .env(CASE, format!("{kind} {room}"))
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&child.stdout);
    let text = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{kind}, {room} MiB: {said}{text}");
    !said.contains("plainly: 0\n")
}

/// Runs in the process that `runs_plainly` has started.
fn run_case(kind: &str, room: usize) {
    if kind == "reserved" {
        // Another session has reserved the range of regions.
        let mut first = ALLOC.session::<u8>(Planner::new());
        first.run(1, || network(1000, 1)).expect("not strict");
    }
    let (iterations, key) = match kind {
        "many" => (4, iterate(room, 4, many)),
        _ => (40, iterate(room, 40, || network(20_000, 4))),
    };
    let ran = key.recorded + key.replayed + key.plain.total();
    assert_eq!(ran, iterations);
    assert_eq!(key.plain.total(), key.plain.no_memory, "{key}");
    println!("plainly: {}", key.plain.no_memory);
}

#[test]
fn without_address_space_iterations_run_plainly() {
    if let Ok(case) = std::env::var(CASE) {
        let (kind, room) = case.split_once(' ').expect("two words");
        return run_case(kind, room.parse::<usize>().expect("a number") * MIB);
    }
    for room in [3, 6, 12] {
        assert!(runs_plainly(("few", room)), "{room} MiB");
    }
    for room in [50, 1600] {
        assert!(!runs_plainly(("few", room)), "{room} MiB");
    }
    // There is room for a shorter log.
    assert!(!runs_plainly(("reserved", 25)));
    // There is room for a log, but not for what it has to be made into.
    for room in [25, 50] {
        assert!(runs_plainly(("many", room)), "{room} MiB");
    }
}
