//! Compilers of every kind, played by shell scripts, and the one that compiles the tests.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    compiler::{Compiler, flags_about_features},
    std_allocator::{AllocatorTraits, find},
};

/// One test at a time: a script cannot be run while another test's child, just forked, has it open.
static ALONE: Mutex<()> = Mutex::new(());

/// A folder of its own for each test, which is alone meanwhile.
struct Scratch(
    PathBuf,
    #[expect(dead_code, reason = "it is held")] MutexGuard<'static, ()>,
);

impl Scratch {
    fn new(test: &str) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("orionrt-probe-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a temporary folder");
        Self(path, alone)
    }

    fn script(&self, name: &str, text: &str) -> OsString {
        let path = self.0.join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("it is writable");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
        path.into()
    }

    fn compiler(&self, program: OsString, wrapper: Option<OsString>) -> Compiler {
        Compiler {
            program,
            wrapper,
            flags: Vec::new(),
            scratch: self.0.clone(),
        }
    }

    /// How often a script has been called that counts.
    fn calls(&self) -> usize {
        fs::read_to_string(self.0.join("calls")).map_or(0, |text| text.lines().count())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A compiler that counts its calls and accepts what has, or lacks, these words in the file that it
/// is to compile.
fn playing(scratch: &Scratch, refuses: &str) -> Compiler {
    let text = format!(
        "echo call >> {0}/calls\nf={0}/probe.rs\nrefuse() {{ echo 'error[E0658]' >&2; exit 1; }}\n\
         has() {{ grep -q \"$1\" $f; }}\n{refuses}\nexit 0",
        scratch.0.display()
    );
    scratch.compiler(scratch.script("rustc", &text), None)
}

const OLD_STABLE: &str = "refuse";
const OLD_NIGHTLY: &str = "has AllocatorClone && refuse; has 'feature(allocator_api)' || refuse";
const LATER_NIGHTLY: &str = "has 'feature(allocator_api)' || refuse";
const STABLE_1_100: &str = "has 'feature(' && refuse; has AllocatorClone && refuse";
const NIGHTLY_1_101: &str =
    "if has AllocatorClone; then has 'feature(allocator_ext)' || refuse; fi";
const FUTURE: &str = "has 'feature(' && refuse";

#[test]
fn each_compiler_gets_what_it_has_in_few_runs() {
    let found = |feature, has_clone| Some(AllocatorTraits { feature, has_clone });
    let cases = [
        ("old-stable", OLD_STABLE, (None, 1), (None, 4)),
        (
            "old-nightly",
            OLD_NIGHTLY,
            (None, 1),
            (found(Some("allocator_api"), false), 4),
        ),
        (
            "later-nightly",
            LATER_NIGHTLY,
            (None, 1),
            (found(Some("allocator_api"), true), 3),
        ),
        (
            "1.100",
            STABLE_1_100,
            (found(None, false), 3),
            (found(None, false), 4),
        ),
        (
            "1.101",
            NIGHTLY_1_101,
            (None, 2),
            (found(Some("allocator_ext"), true), 3),
        ),
        (
            "future",
            FUTURE,
            (found(None, true), 3),
            (found(None, true), 2),
        ),
    ];
    for (name, script, plain, nightly) in cases {
        for (with_features, (expected, calls)) in [(false, plain), (true, nightly)] {
            let scratch = Scratch::new(name);
            let compiler = playing(&scratch, script);
            assert_eq!(
                find(&compiler, with_features),
                expected,
                "{name} {with_features}"
            );
            assert_eq!(scratch.calls(), calls, "{name} {with_features}");
        }
    }
}

#[test]
fn a_wrapper_is_asked_and_one_that_fails_is_left_out() {
    let scratch = Scratch::new("wrapper");
    let passing = scratch.script(
        "passing",
        "echo wrapped >> $(dirname $0)/wrapped; exec \"$@\"",
    );
    let broken = scratch.script("broken", "echo 'no server' >&2; exit 2");
    let missing = scratch.0.join("missing").into();
    let expected = Some(AllocatorTraits {
        feature: None,
        has_clone: false,
    });
    for wrapper in [passing, broken, missing] {
        let mut compiler = playing(&scratch, STABLE_1_100);
        compiler.wrapper = Some(wrapper.clone());
        assert_eq!(find(&compiler, false), expected, "{wrapper:?}");
    }
    let wrapped = fs::read_to_string(scratch.0.join("wrapped")).expect("it was called");
    assert_eq!(wrapped.lines().count(), 3);
}

#[test]
fn where_no_compiler_answers_nothing_is_found() {
    let scratch = Scratch::new("none");
    for program in ["missing", "/bin/false"] {
        let compiler = scratch.compiler(program.into(), None);
        assert_eq!(find(&compiler, true), None, "{program}");
    }
    // Nor where nothing can be written.
    let mut compiler = playing(&scratch, "");
    compiler.scratch = Path::new("/nowhere").into();
    assert_eq!(find(&compiler, true), None);
}

#[test]
fn of_all_flags_those_about_features_are_passed_on() {
    let encoded = "-Ctarget-cpu=native\x1f-Z\x1fallow-features=a,b\x1f-Zsanitizer=address\
                   \x1f-Zallow-features=\x1f-Z";
    let expected = ["-Zallow-features=a,b", "-Zallow-features="];
    assert_eq!(flags_about_features(encoded), expected);
    assert!(flags_about_features("").is_empty());
}

#[test]
fn the_stable_compiler_of_this_machine_has_the_trait_from_1_100_on() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let output = Command::new(&rustc).arg("--version").output();
    let output = output.expect("there is a compiler");
    let version = String::from_utf8(output.stdout).expect("it is text");
    let minor = version
        .strip_prefix("rustc 1.")
        .and_then(|rest| rest.split('.').next());
    let minor: u32 = minor.expect("a version").parse().expect("a number");
    let scratch = Scratch::new("real");
    let found = find(&scratch.compiler(rustc.into(), None), false);
    let is_stable = !version.contains("nightly") && std::env::var_os("RUSTC_BOOTSTRAP").is_none();
    assert_eq!(found.is_some(), minor >= 100 && is_stable, "{version}");
}
