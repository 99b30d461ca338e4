//! Where the library is, how programs are compiled for it, and how they run on it.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

/// The library as it is built now. Cargo does not build it for tests, because they do not link it.
pub fn library() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(build)
}

fn build() -> PathBuf {
    // target/PROFILE/deps/TEST
    let test = env::current_exe().expect("a test has a path");
    let profile = test
        .ancestors()
        .nth(2)
        .expect("a test is in a profile's folder");
    let target = profile.parent().expect("a profile has a target folder");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "build",
        "--quiet",
        "--package",
        env!("CARGO_PKG_NAME"),
        "--target-dir",
    ]);
    cargo.arg(target);
    cargo.args(profile.ends_with("release").then_some("--release"));
    cargo.args(cfg!(feature = "hardened").then_some("--features=hardened"));
    let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status();
    assert!(status.expect("Cargo runs").success(), "{cargo:?}");
    profile.join("liborionrt.so")
}

/// A command that runs on the library.
pub fn on_the_heap(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.env("LD_PRELOAD", library());
    command
}

/// Compiles a source of `tests/programs` to a program of this name; `None`, with a message, if
/// there is no compiler for it.
pub fn compiled(source: &str, name: &str, arguments: &[&str]) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/programs")
        .join(source);
    let is_cxx = source
        .extension()
        .is_some_and(|extension| extension == "cpp");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut compiler = Command::new(if is_cxx { "c++" } else { "cc" });
    compiler.args([
        "-O1",
        "-g",
        "-Wall",
        "-Wextra",
        "-Wno-use-after-free",
        "-Wno-alloc-size-larger-than",
        "-pthread",
    ]);
    compiler
        .arg(&source)
        .arg("-o")
        .arg(&program)
        .args(arguments);
    match compiler.status() {
        Ok(status) => assert!(status.success(), "{compiler:?}"),
        Err(error) => {
            println!("skipped: {compiler:?}: {error}");
            return None;
        }
    }
    Some(program)
}

/// What a command prints, after checking that it succeeds.
pub fn printed(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", told(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// All that a command has told, for messages.
pub fn told(output: &Output) -> String {
    format!(
        "{}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
