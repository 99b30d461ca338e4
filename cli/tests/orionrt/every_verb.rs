//! What all verbs have in common: exit statuses, help, and closed pipes.

use std::{
    io,
    process::{Command, Stdio},
};

use crate::run::{Folder, Run, THREE};

#[test]
fn wrong_usage_is_status_2_with_what_was_expected() {
    let folder = Folder::with("in.csv", THREE);
    let cases: [(&[&str], &str); 30] = [
        (&[], "Usage"),
        (&["fly"], "unrecognized subcommand 'fly'"),
        (&["plan"], "<INPUT>"),
        (&["plan", "in.csv", "--no-such"], "--no-such"),
        (
            &["plan", "in.csv", "--alignment", "48"],
            "not a power of two",
        ),
        (
            &["plan", "in.csv", "--alignment", "0"],
            "not a power of two",
        ),
        (
            &["plan", "in.csv", "--time-limit", "-1"],
            "expected seconds",
        ),
        (&["plan", "in.csv", "--time-limit=nan"], "expected seconds"),
        (&["plan", "in.csv", "--threads", "0"], "--threads"),
        (&["plan", "in.csv", "--seed", "x"], "--seed"),
        (&["plan", "in.csv", "--nodes=-1"], "--nodes"),
        (&["plan", "in.csv", "--nodes", "0.5"], "--nodes"),
        (
            &["plan", "in.csv", "--nodes", "9", "--time-limit", "1"],
            "cannot be used with",
        ),
        (
            &["compare", "in.csv", "--time-limit", "1", "--nodes", "9"],
            "cannot be used with",
        ),
        (&["plan", "in.csv", "--capacity", "1k"], "--capacity"),
        (&["plan", "in.csv", "--output", "plan.txt"], ".csv or .json"),
        (&["plan", "in.csv", "--output", "plan"], ".csv or .json"),
        (&["plan", "in.csv", "--dim", "N"], "NAME=N"),
        (&["plan", "in.csv", "--dim", "N=2"], "for models"),
        (&["compare", "in.csv", "--dim", "N=2"], "for models"),
        (&["plan", "in.csv", "--input", "a=1"], "for models"),
        (&["plan", "in.csv", "--unknown", "skip"], "for models"),
        (&["plan", "in.csv", "--order", "memory"], "for models"),
        (&["plan", "in.csv", "--order", "order.txt"], "for models"),
        (&["check"], "<PLAN>"),
        (&["demo", "--iterations", "0"], "--iterations"),
        (
            &["demo", "--capacity", "7.5%"],
            "a whole number such as 70%",
        ),
        (&["demo", "--capacity=-1"], "not a number of bytes"),
        (&["demo", "--way", "spill"], "--capacity"),
        (&["demo", "--stream-weights"], "--capacity"),
    ];
    for (args, message) in cases {
        folder.run(args).failed(2, &[message]);
    }
    assert_eq!(folder.names(), ["in.csv"]);
}

#[test]
fn help_has_examples_and_the_version_is_that_of_the_package() {
    let folder = Folder::new();
    let verbs = [
        &[][..],
        &["plan"],
        &["fit"],
        &["view"],
        &["check"],
        &["compare"],
        &["share"],
        &["demo"],
        &["devices"],
        &["run"],
    ];
    for verb in verbs {
        let help = folder.done(&[verb, &["--help"]].concat()).stdout;
        let example = format!("  orionrt {}", verb.first().unwrap_or(&"plan"));
        assert!(
            help.contains("Examples:") && help.contains(&example),
            "{help}"
        );
    }
    let version = folder.done(&["--version"]).stdout;
    assert_eq!(version, format!("orionrt {}\n", env!("CARGO_PKG_VERSION")));
}

fn folder() -> Folder {
    let folder = Folder::with("in.csv", THREE);
    folder.done(&["plan", "in.csv", "--output", "plan.csv"]);
    folder
}

fn finish(command: &mut Command, stdout: impl Into<Stdio>) -> Run {
    let child = command.stdout(stdout).stderr(Stdio::piped()).spawn();
    Run::of(child.unwrap().wait_with_output().unwrap())
}

#[test]
fn a_closed_pipe_does_not_change_the_exit_status() {
    let folder = folder();
    for (args, status) in [
        (&["--help"][..], 0),
        (&["plan", "in.csv", "--capacity", "1"], 3),
    ] {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let run = finish(&mut folder.command(args), writer);
        assert_eq!(run.status, status, "{args:?}");
    }
}

#[test]
fn without_a_terminal_only_the_result_is_printed() {
    let folder = folder();
    let rows = (0..60).map(|i| {
        format!(
            "t{i},{},{},{}\n",
            i * 7 % 50,
            i * 7 % 50 + 5 + i % 9,
            100 + i * 37 % 91
        )
    });
    folder.write(
        "long.csv",
        "id,lower,upper,size\n".to_string() + &rows.collect::<String>(),
    );
    let run = folder.done(&[
        "plan",
        "long.csv",
        "--time-limit",
        "0.7",
        "--strategy",
        "auto",
        "--json",
    ]);
    run.json();
    assert_eq!(run.stdout.lines().count(), 1);
}
