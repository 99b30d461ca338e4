//! Tests in a child process of their own: under limits that would disturb other tests, or counting
//! what is a number for the whole process.

use std::{env, fs, process::Command};

/// Set in a child, to the test that it is to run.
const CHILD: &str = "ORIONRT_TEST_CHILD";

/// Runs the test `name`, the one that calls this, in a child process. Returns whether this is the
/// child; the parent has waited for it then, and it has succeeded.
///
/// The name is the path of the test within its program.
pub fn in_child(name: &str) -> bool {
    if env::var(CHILD).is_ok_and(|child| child == name) {
        return true;
    }
    let program = env::current_exe().expect("this program");
    let arguments = [name, "--exact", "--test-threads=1", "--nocapture"];
    let mut child = Command::new(program);
    let output = child.args(arguments).env(CHILD, name).output();
    let output = output.expect("a child");
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    let said = format!("{name}: {}\n{out}\n{err}", output.status);
    assert!(
        output.status.success() && out.contains("1 passed"),
        "{said}"
    );
    false
}

/// Bytes of address space that this process has reserved, by the kernel.
pub fn process_reserved() -> usize {
    status_bytes("VmSize:")
}

/// Bytes that this process has in memory, by the kernel.
pub fn process_resident() -> usize {
    status_bytes("VmRSS:")
}

/// Bytes of them that are not pages of files.
pub fn process_anonymous() -> usize {
    status_bytes("RssAnon:")
}

fn status_bytes(name: &str) -> usize {
    let text = fs::read_to_string("/proc/self/status").expect("the kernel's counts");
    let line = text.lines().find(|line| line.starts_with(name));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.and_then(|kib| kib.parse::<usize>().ok())
        .expect("a number")
        << 10
}
