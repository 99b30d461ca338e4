//! Sessions in a process whose address space is limited: iterations run, at worst plainly, and the
//! report says so. The test starts itself again for each limit.
#![cfg(target_os = "linux")]

#[path = "global_limits/process.rs"]
mod process;

use std::{
    alloc::System,
    process::{Command, Output},
};

use orionrt::{Planner, ReplayAlloc, replay::KeyReport};
use orionrt_testing::workloads::network;

#[global_allocator]
static ALLOC: ReplayAlloc<System> = ReplayAlloc::new(System);

const ROOM: &str = "ORIONRT_TEST_ROOM";
const MIB: usize = 1 << 20;
/// Address space beside what the process has already: from too little for a plan of any kind, to
/// enough for all but the largest logs and ranges.
const ROOMS: [usize; 6] = [3, 6, 12, 50, 200, 1600];
const ITERATIONS: u64 = 40;

/// The address space that this process uses, in bytes.
fn used() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("proc is mounted");
    let pages = pages.split(' ').next().expect("seven numbers");
    // SAFETY: asks for a number.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    pages.parse::<usize>().expect("a number") * page as usize
}

/// Runs in a process of its own.
fn iterate(room: usize) -> KeyReport {
    let expected = network(20_000, 4);
    let mut session = ALLOC.session(Planner::new().nodes(100));
    let mut run = |iterations| {
        for _ in 0..iterations {
            assert_eq!(session.run((), || network(20_000, 4)), Ok(expected));
        }
        session.report().keys.remove(0)
    };
    let before = used();
    process::limit_address_space(Some(before + room));
    let limited = run(ITERATIONS);
    // The range of regions leaves most of the addresses to the program.
    let taken = used() - before;
    assert!(taken <= room / 4 + (64 << 20), "{taken} of {room}");
    process::limit_address_space(None);
    // Where it ran plainly, it is recorded again within so many iterations.
    let later = run(ITERATIONS + 2);
    assert!(later.replayed > limited.replayed, "{later}");
    limited
}

fn run(room: usize) -> Output {
    let name = "without_address_space_iterations_run_plainly";
    Command::new(std::env::current_exe().expect("a path"))
        .args(["--exact", name, "--nocapture", "--test-threads", "1"])
        .env(ROOM, room.to_string())
        .output()
        .expect("it starts")
}

#[test]
fn without_address_space_iterations_run_plainly() {
    if let Ok(room) = std::env::var(ROOM) {
        let key = iterate(room.parse::<usize>().expect("a number") * MIB);
        assert_eq!(key.recorded + key.replayed + key.plain.total(), ITERATIONS);
        assert_eq!(key.plain.total(), key.plain.no_memory, "{key}");
        println!("plainly: {}", key.plain.no_memory);
        return;
    }
    for room in ROOMS {
        let child = run(room);
        let (said, text) = (child.stdout, String::from_utf8_lossy(&child.stderr));
        let said = String::from_utf8_lossy(&said);
        assert!(child.status.success(), "{room} MiB: {said}{text}");
        let is_plain = !said.contains("plainly: 0\n");
        assert!(is_plain || room > ROOMS[2], "{room} MiB: {said}");
        assert!(!is_plain || room < 1600, "{room} MiB: {said}");
    }
}
