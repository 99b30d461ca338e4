//! Libraries that take the place of others in tests: a file in Rust, compiled for the host.

use std::{env, path::Path, process::Command};

/// Compiles a file, and those that it has as modules, into a shared library.
pub fn compile(source: &Path, library: &Path) {
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let compiled = Command::new(compiler)
        .args([
            "--edition=2024",
            "--crate-type=cdylib",
            "-Copt-level=1",
            "-o",
        ])
        .args([library, source])
        .status();
    assert!(compiled.unwrap().success());
}
