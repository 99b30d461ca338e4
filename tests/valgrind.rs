//! What Valgrind's memcheck sees of a program whose global allocator is an `OrionAlloc`, of heaps,
//! arenas, slots and replayed iterations: exactly the faults that the program makes, and none where
//! it makes none.
//!
//! The program starts itself under Valgrind, once for each case. Where there is no Valgrind it says
//! so, and passes.

#[path = "checker/faults.rs"]
mod faults;

use std::process::{Command, ExitCode};

use faults::{CASE, Case};

/// What memcheck says of each fault, and the function that it is to name.
const EXPECTED: &[(Case, &str)] = &[
    (Case::UseAfterFree, "Invalid read of size 1"),
    (Case::LargeUseAfterFree, "Invalid read of size 1"),
    (Case::Overrun, "Invalid write of size 1"),
    (Case::OverrunIntoFreed, "Invalid write of size 1"),
    (
        Case::Uninitialised,
        "Conditional jump or move depends on uninitialised",
    ),
    (
        Case::GrownUninitialised,
        "Conditional jump or move depends on uninitialised",
    ),
    (Case::ShrunkTail, "Invalid read of size 1"),
    (Case::MovedByRealloc, "Invalid read of size 1"),
    (Case::Leak, "100 bytes in 1 blocks are definitely lost"),
    (
        Case::LeakAfterCaching,
        "100 bytes in 1 blocks are definitely lost",
    ),
    (Case::DoubleFree, "Invalid free()"),
    (Case::HeapUseAfterFree, "Invalid read of size 1"),
    (Case::HeapOverrun, "Invalid write of size 1"),
    (Case::HeapReset, "Invalid read of size 1"),
    (Case::ArenaUseAfterFree, "Invalid read of size 1"),
    (Case::ArenaOverrun, "Invalid write of size 1"),
    (Case::SlotUseAfterFree, "Invalid read of size 1"),
    (Case::SlotOfAnother, "Invalid read of size 1"),
    (Case::SlotAfterTransfer, "Invalid read of size 1"),
    (
        Case::SlotUninitialised,
        "Conditional jump or move depends on uninitialised",
    ),
    (Case::ReplayUseAfterFree, "Invalid read of size 1"),
];

/// Runs a case under Valgrind; returns the number of errors and leaks, and everything it said.
fn run(case: Case) -> (u64, String) {
    let output = Command::new("valgrind")
        .args([
            "--leak-check=full",
            "--num-callers=40",
            "--show-leak-kinds=definite",
        ])
        .arg("--errors-for-leak-kinds=definite")
        .arg(std::env::current_exe().expect("a path"))
        .env(CASE, format!("{case:?}"))
        .output()
        .expect("it has started before");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let summary = text
        .lines()
        .find_map(|line| line.split_once("ERROR SUMMARY: "));
    let count = summary.and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    (
        count.unwrap_or_else(|| panic!("{case:?}: no summary\n{text}")),
        text,
    )
}

fn main() -> ExitCode {
    if let Ok(case) = std::env::var(CASE) {
        faults::run(&case);
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: valgrind is not installed");
        return ExitCode::SUCCESS;
    }
    let mut failed = 0;
    let mut judge = |case: Case, is_as_expected: bool, text: &str| {
        println!("{case:?}: {}", if is_as_expected { "ok" } else { "FAILED" });
        if !is_as_expected {
            println!("{text}");
            failed += 1;
        }
    };
    let (errors, text) = run(Case::Clean);
    judge(Case::Clean, errors == 0, &text);
    for &(case, message) in EXPECTED {
        let (errors, text) = run(case);
        let is_named = text.contains(message) && text.contains("::inject_");
        judge(case, errors == 1 && is_named, &text);
    }
    assert_eq!(
        EXPECTED.len() + 1,
        Case::ALL.len(),
        "each case has its line"
    );
    ExitCode::from(u8::from(failed > 0))
}
