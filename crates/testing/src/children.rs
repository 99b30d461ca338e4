//! Tests in a child process of their own: under limits that would disturb other tests, counting
//! what is a number for the whole process, or ending it.
//!
//! A test program that is emulated cannot start itself again: the operating system does not know
//! its code. [`this_program`] starts the emulator then, which the environment names.

use std::{
    env,
    process::{Command, ExitStatus},
};

/// Set in a child, to the test that it is to run.
const CHILD: &str = "ORIONRT_TEST_CHILD";

/// Set where test programs are emulated: the emulator and its options, with spaces between. Empty
/// where the operating system is emulated, too, and starts them.
const RUNNER: &str = "ORIONRT_TEST_RUNNER";

/// Whether an emulator runs this program, for which a test of many threads should be smaller.
pub fn is_emulated() -> bool {
    env::var_os(RUNNER).is_some()
}

/// This test program, to be started once more.
pub fn this_program() -> Command {
    let program = env::current_exe().expect("this program");
    let runner = env::var(RUNNER).unwrap_or_default();
    let mut words = runner.split_whitespace();
    let Some(emulator) = words.next() else {
        return Command::new(program);
    };
    let mut command = Command::new(emulator);
    command.args(words).arg(program);
    command
}

/// Whether a process has ended itself by [`std::process::abort`].
#[cfg(unix)]
pub fn has_aborted(status: ExitStatus) -> bool {
    /// The number of the signal of an abort, the same on every system.
    const SIGABRT: i32 = 6;
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(SIGABRT)
}

/// Whether a process has ended itself by [`std::process::abort`].
#[cfg(not(unix))]
pub fn has_aborted(status: ExitStatus) -> bool {
    /// What Windows says of a process that asked for its end by `__fastfail`.
    const STATUS_STACK_BUFFER_OVERRUN: u32 = 0xC000_0409;
    status.code() == Some(STATUS_STACK_BUFFER_OVERRUN as i32)
}

/// Runs the test `name`, the one that calls this, in a child process. Returns whether this is the
/// child; the parent has waited for it then, and it has succeeded.
///
/// The name is the path of the test within its program.
pub fn in_child(name: &str) -> bool {
    if env::var(CHILD).is_ok_and(|child| child == name) {
        return true;
    }
    let arguments = [name, "--exact", "--test-threads=1", "--nocapture"];
    let output = this_program().args(arguments).env(CHILD, name).output();
    let output = output.expect("a child");
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    let said = format!("{name}: {}\n{out}\n{err}", output.status);
    assert!(
        output.status.success() && out.contains("1 passed"),
        "{said}"
    );
    false
}
