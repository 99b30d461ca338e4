//! `orionrt with`: what the command gets, and what is returned. Any library can be preloaded, so
//! the C library itself stands for OrionRT's here; programs on the heap are tests of
//! `orionrt-preload`.

use std::path::Path;

use crate::run::Folder;

/// Something harmless to preload; `None`, with a message, where there is nothing.
pub fn library() -> Option<&'static str> {
    let places = ["/lib/x86_64-linux-gnu/libm.so.6", "/lib64/libm.so.6"];
    let found = places
        .into_iter()
        .find(|library| Path::new(library).exists());
    if found.is_none() {
        println!("skipped: there is none of {places:?}");
    }
    found
}

#[test]
fn the_command_has_its_arguments_its_output_and_the_settings() {
    let Some(library) = library() else { return };
    let settings = [
        "--decay",
        "2s",
        "--limit",
        "1G",
        "--huge-pages",
        "always",
        "--no-stats",
    ];
    let script = "echo $ORIONRT_DECAY $ORIONRT_LIMIT $ORIONRT_HUGE_PAGES $0 ${LD_PRELOAD##*/}";
    let arguments = ["with", "--library", library];
    let command = ["sh", "-c", script, "--decay"];
    let done = Folder::new().done(&[&arguments[..], &settings, &command].concat());
    assert_eq!(done.stdout, "2s 1073741824 always --decay libm.so.6\n");
}

#[test]
fn the_exit_status_is_that_of_the_command() {
    let Some(library) = library() else { return };
    for (script, status) in [("exit 7", 7), ("kill -9 $$", 137)] {
        let run = Folder::new().run(&["with", "--library", library, "sh", "-c", script]);
        assert_eq!((run.status, &*run.stdout), (status, ""), "{}", run.stderr);
    }
}

#[test]
fn a_command_without_statistics_is_told_why() {
    let Some(library) = library() else { return };
    for (script, why) in [
        (
            "exit 0",
            "ended by _exit, as many shells do, is linked statically",
        ),
        ("kill -9 $$", "signal 9 ended the command"),
    ] {
        let run = Folder::new().run(&["with", "--library", library, "sh", "-c", script]);
        let is_told = run.stderr.contains("orionrt: no statistics: ") && run.stderr.contains(why);
        assert!(is_told, "{}", run.stderr);
        let silent = [
            "with",
            "--no-stats",
            "--library",
            library,
            "sh",
            "-c",
            script,
        ];
        assert_eq!(Folder::new().run(&silent).stderr, "");
    }
}

#[test]
fn a_command_that_cannot_be_started_has_the_status_of_a_shell() {
    let Some(library) = library() else { return };
    for (command, status) in [("no-such-command", 127), ("/", 126)] {
        let run = Folder::new().run(&["with", "--library", library, command]);
        assert_eq!(run.status, status, "{}", run.stderr);
        assert!(
            run.stderr.contains(&format!("error: {command}: ")),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn statistics_go_to_the_file_that_is_meant_or_nowhere() {
    let Some(library) = library() else { return };
    let script = "cd / && echo ${ORIONRT_STATS-none}";
    let folder = Folder::new();
    let command = ["sh", "-c", script];
    let with = ["with", "--library", library, "--stats", "here"];
    let written = folder.done(&[&with[..], &command].concat()).stdout;
    assert!(
        written.starts_with('/') && written.ends_with("/here\n"),
        "{written}"
    );

    let program = env!("CARGO_BIN_EXE_orionrt");
    let mut without = std::process::Command::new(program);
    without.args(["with", "--library", library, "--no-stats"]);
    without.args(command).env("ORIONRT_STATS", "exit");
    let written = without.output().expect("it runs").stdout;
    assert_eq!(String::from_utf8_lossy(&written), "none\n");
}

#[test]
fn profiles_go_to_the_folder_that_the_command_was_called_in() {
    let Some(library) = library() else { return };
    let command = ["sh", "-c", "cd / && echo $ORIONRT_PROFILE"];
    let folder = Folder::new();
    for (given, end) in [
        ("exit,leaks", "/orionrt.%p.pb,leaks\n"),
        ("here/a.pb,every=4K,leaks", "/here/a.%p.pb,every=4K,leaks\n"),
    ] {
        let with = [
            "with",
            "--library",
            library,
            "--no-stats",
            "--profile",
            given,
        ];
        let written = folder.done(&[&with[..], &command].concat()).stdout;
        assert!(
            written.starts_with('/') && written.ends_with(end),
            "{written}"
        );
    }
}

#[test]
fn a_library_that_cannot_be_preloaded_is_wrong_usage() {
    let Some(library) = library() else { return };
    let folder = Folder::new();
    let copy = folder.path("a library");
    std::fs::copy(library, &copy).expect("a copy");
    let copy = copy.to_str().expect("text");
    let cases: [(&[&str], &str); 8] = [
        (
            &["with", "--library", copy, "true"],
            "a library' cannot be preloaded: spaces and colons",
        ),
        (
            &["with", "--library", "nowhere.so", "true"],
            "there is no liborionrt.so at nowhere.so",
        ),
        (
            &["with", "--decay", "1h", "true"],
            "expected never, or a time as 250ms or 2s",
        ),
        (
            &["with", "--library", library, "--profile", ",leaks", "true"],
            "'', expected exit or a file before the options",
        ),
        (
            &["with", "--library", library, "--profile", "leaks", "true"],
            "'leaks', expected exit or a file before the options",
        ),
        (
            &["with", "--profile", "heap.pb,every=nonsense", "true"],
            "'every=nonsense', expected a number of bytes above 0",
        ),
        (
            &["with", "--limit", "-1", "true"],
            "'-1' is not a number of bytes, expected one such as 4096, 256K or 4M",
        ),
        (&["with"], "<COMMAND>"),
    ];
    for (arguments, expected) in cases {
        let run = Folder::new().run(arguments);
        assert_eq!(run.status, 2, "{arguments:?}: {}", run.stderr);
        assert!(
            run.stderr.contains(expected),
            "{arguments:?}: {}",
            run.stderr
        );
    }
}
