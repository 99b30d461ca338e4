//! What a test says about the machine that it runs on.

use std::{
    fmt::Display,
    io::{Write, stderr},
};

/// Tells that a test, or a part of it, cannot run on this machine, and why. The line goes to
/// standard error directly, which the test harness does not hide.
pub fn skipped(why: impl Display) {
    let _ = writeln!(stderr(), "skipped: {why}");
}
