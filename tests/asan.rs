//! What AddressSanitizer sees of a program whose global allocator is an `OrionAlloc`, of heaps,
//! arenas, slots and replayed iterations: the fault that the program makes, where it makes it, and
//! none where it makes none.
//!
//! The program starts itself once for each case. It says so, and passes, where it is not compiled
//! with the sanitizer, which takes a nightly compiler:
//!
//! ```text
//! RUSTFLAGS=-Zsanitizer=address cargo +nightly test --features asan --test asan \
//!     --target x86_64-unknown-linux-gnu --target-dir target/asan
//! ```

#[path = "checker/faults.rs"]
mod faults;

use std::process::{Command, ExitCode};

use faults::{CASE, Case};

/// What the sanitizer cannot see: bytes that were never written, and leaks, of which it knows those
/// of `malloc` alone.
const NOT_SEEN: &[Case] = &[
    Case::Uninitialised,
    Case::GrownUninitialised,
    Case::SlotUninitialised,
    Case::Leak,
    Case::LeakAfterCaching,
];

/// Runs a case; returns whether it ended well, and what it said.
fn run(case: Case) -> (bool, String) {
    let output = Command::new(std::env::current_exe().expect("a path"))
        .env(CASE, format!("{case:?}"))
        // Its search for leaks traces the process, which a container may forbid.
        .env("ASAN_OPTIONS", "detect_leaks=0")
        .output()
        .expect("it has started before");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), text)
}

fn main() -> ExitCode {
    if let Ok(case) = std::env::var(CASE) {
        faults::run(&case);
        return ExitCode::SUCCESS;
    }
    if !orionrt_sys::checker::IS_ON {
        println!("skipped: not compiled with the address sanitizer");
        return ExitCode::SUCCESS;
    }
    let mut failed = 0;
    for &case in Case::ALL {
        let (is_success, text) = run(case);
        let is_seen = text.contains("use-after-poison") && text.contains("::inject_");
        let is_fault = case != Case::Clean && !NOT_SEEN.contains(&case);
        let is_as_expected = if is_fault {
            !is_success && is_seen
        } else {
            is_success
        };
        println!("{case:?}: {}", if is_as_expected { "ok" } else { "FAILED" });
        if !is_as_expected {
            println!("{text}");
            failed += 1;
        }
    }
    ExitCode::from(u8::from(failed > 0))
}
