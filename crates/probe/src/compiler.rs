//! The compiler that cargo uses, asked whether it accepts a file.
//!
//! The file is checked for the machine that builds: whether a trait exists does not depend on the
//! target, whose std may be missing. Of the flags in `RUSTFLAGS`, the one that forbids features
//! counts. What the compiler itself refuses is an answer; a wrapper that fails is none, and the
//! compiler is asked without it.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A compiler, and how it is called.
#[derive(Debug)]
pub(crate) struct Compiler {
    pub(crate) program: OsString,
    /// Called with the compiler as its first argument.
    pub(crate) wrapper: Option<OsString>,
    pub(crate) flags: Vec<String>,
    /// Where files are written.
    pub(crate) scratch: PathBuf,
}

/// The variables of the environment on which an answer depends.
pub(crate) const VARIABLES: &[&str] = &[
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTC_BOOTSTRAP",
    "CARGO_ENCODED_RUSTFLAGS",
];

impl Compiler {
    /// The one that cargo tells a build script of; `None` if this is not a build script.
    pub(crate) fn of_cargo() -> Option<Self> {
        let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
        Some(Self {
            program: env::var_os("RUSTC")?,
            wrapper: env::var_os("RUSTC_WRAPPER").filter(|wrapper| !wrapper.is_empty()),
            flags: flags_about_features(&flags),
            scratch: env::var_os("OUT_DIR")?.into(),
        })
    }

    /// Whether the compiler accepts a library of this text. Where it cannot be asked, it does not.
    pub(crate) fn accepts(&self, text: &str) -> bool {
        let source = self.scratch.join("probe.rs");
        if fs::write(&source, text).is_err() {
            return false;
        }
        let wrapped = self.wrapper.as_deref().and_then(|wrapper| {
            let mut command = Command::new(wrapper);
            command.arg(&self.program);
            self.answer(command, &source)
        });
        let answer = wrapped.or_else(|| self.answer(Command::new(&self.program), &source));
        answer.unwrap_or(false)
    }

    /// Runs a command; `None` if neither it nor the compiler behind it could answer.
    fn answer(&self, mut command: Command, source: &Path) -> Option<bool> {
        let metadata = self.scratch.join("probe.rmeta");
        command
            .args(["--crate-name", "probe", "--crate-type", "lib"])
            .args(["--edition", "2021", "--cap-lints", "allow"])
            .args(["--emit", "metadata", "-o"])
            .args([metadata.as_os_str(), source.as_os_str()])
            .args(self.flags.iter().map(OsStr::new));
        let Output { status, stderr, .. } = command.output().ok()?;
        // Errors of the compiler have a number, and a text in every language.
        let is_refusal = String::from_utf8_lossy(&stderr).contains("error[E");
        (status.success() || is_refusal).then_some(status.success())
    }
}

/// Of flags separated by unit separators, those that say which features are allowed.
pub(crate) fn flags_about_features(encoded: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut flags = encoded.split('\x1f');
    while let Some(flag) = flags.next() {
        let value = match flag {
            "-Z" => flags.next().unwrap_or_default(),
            _ => flag.strip_prefix("-Z").unwrap_or_default(),
        };
        if value.starts_with("allow-features") {
            found.push(format!("-Z{value}"));
        }
    }
    found
}
