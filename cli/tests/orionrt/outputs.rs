//! Files that are written: never over an input or over each other, with the mode that they had, and
//! complete or not at all.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{PermissionsExt, symlink},
    process::{Command, Stdio},
};

use orionrt_test_models::{
    parts::{encoded, node, unshaped_value, value, zeros},
    proto::{
        AttributeProto, GraphProto, StringStringEntryProto, TensorProto,
        attribute_proto::AttributeType,
        tensor_proto::DataType::{Bool, Float},
    },
};

use crate::{
    onnx::network,
    run::{Folder, Run, THREE},
};

/// The content of every file, so that a test can tell whether one was touched.
fn contents(folder: &Folder) -> Vec<(String, Vec<u8>)> {
    let names = folder.names().into_iter();
    let files = names.filter(|name| folder.path(name).is_file());
    files
        .map(|name| (name.clone(), fs::read(folder.path(&name)).unwrap()))
        .collect()
}

/// Checks that the run is wrong usage, changes no file, and says all of this.
pub fn refused(folder: &Folder, args: &[&str], messages: &[&str]) {
    let (before, names) = (contents(folder), folder.names());
    folder.run(args).failed(2, messages);
    assert_eq!(contents(folder), before, "{args:?}");
    assert_eq!(folder.names(), names, "{args:?}");
}

pub fn link(folder: &Folder, original: &str, name: &str) {
    fs::hard_link(folder.path(original), folder.path(name)).unwrap();
}

#[test]
fn two_outputs_are_never_one_file() {
    let folder = Folder::with("in.csv", THREE);
    fs::create_dir(folder.path("sub")).unwrap();
    symlink("sub", folder.path("way")).unwrap();
    folder.write("old.csv", "old");
    link(&folder, "old.csv", "hard.svg");
    symlink("old.csv", folder.path("soft.svg")).unwrap();
    symlink("new.csv", folder.path("dangling.svg")).unwrap();
    for (output, svg) in [
        ("q.csv", "q.csv"),
        ("q.csv", "./q.csv"),
        ("sub/../q.csv", "q.csv"),
        ("sub/q.csv", "way/q.csv"),
        ("old.csv", "hard.svg"),
        ("old.csv", "soft.svg"),
        ("new.csv", "dangling.svg"),
    ] {
        let args = ["plan", "in.csv", "--output", output, "--svg", svg];
        let said = [
            &format!("--output '{output}'"),
            &*format!("--svg '{svg}'"),
            "the same file",
        ];
        refused(&folder, &args, &said);
    }
    folder.done(&["plan", "in.csv", "--output", "sub/q.csv", "--svg", "q.csv"]);
}

#[test]
fn a_plan_never_replaces_an_input() {
    let folder = Folder::with("in.csv", THREE);
    folder.write("m.onnx", network("1"));
    folder.write("order.json", "[\"Conv_c\", \"Relu_r\", \"Exp_y\"]");
    link(&folder, "in.csv", "hard.csv");
    link(&folder, "m.onnx", "hard.json");
    symlink("in.csv", folder.path("soft.csv")).unwrap();
    let never = "an input is never replaced";
    for (input, option, output) in [
        ("in.csv", "--output", "in.csv"),
        ("./in.csv", "--output", "in.csv"),
        ("in.csv", "--output", "hard.csv"),
        ("in.csv", "--output", "soft.csv"),
        ("soft.csv", "--output", "hard.csv"),
        ("in.csv", "--svg", "./in.csv"),
        ("m.onnx", "--svg", "m.onnx"),
        ("in.csv", "--html", "hard.csv"),
        ("m.onnx", "--output", "hard.json"),
    ] {
        let would = format!("{option} '{output}' would replace the input '{input}'");
        refused(&folder, &["plan", input, option, output], &[&would, never]);
    }
    let args = [
        "plan",
        "m.onnx",
        "--order",
        "order.json",
        "--output",
        "./order.json",
    ];
    refused(
        &folder,
        &args,
        &["would replace the order 'order.json'", never],
    );
    folder.done(&["plan", "in.csv", "--output", "earlier.csv"]);
    for option in ["--keep", "--start-from"] {
        let args = [
            "plan",
            "in.csv",
            option,
            "earlier.csv",
            "--svg",
            "./earlier.csv",
        ];
        refused(
            &folder,
            &args,
            &["would replace the plan 'earlier.csv'", never],
        );
        // The next plan may take the place of the earlier one.
        folder.done(&[
            "plan",
            "in.csv",
            option,
            "earlier.csv",
            "--output",
            "earlier.csv",
        ]);
    }
}

/// A graph that adds weights of a file of this name.
fn with_weights_in(location: &str) -> GraphProto {
    let entry = StringStringEntryProto {
        key: "location".into(),
        value: location.into(),
    };
    let weights = TensorProto {
        data_location: 1,
        raw_data: Default::default(),
        external_data: vec![entry],
        ..zeros("w", &[4])
    };
    GraphProto {
        input: vec![value("x", Float, &["4"])],
        node: vec![node("Add", &["x", "w"], &["y"])],
        output: vec![unshaped_value("y", Float)],
        initializer: vec![weights],
        ..Default::default()
    }
}

#[test]
fn a_plan_never_replaces_weights_beside_its_model() {
    let folder = Folder::with("m.onnx", encoded(with_weights_in("w.csv")));
    fs::create_dir(folder.path("sub")).unwrap();
    fs::create_dir(folder.path("plans")).unwrap();
    folder.write("w.csv", [0; 16]);
    link(&folder, "w.csv", "hard.json");
    // A body has weights of its own.
    let mut graph = with_weights_in("../w.csv");
    let mut choice = node("If", &["c"], &["z"]);
    let body = GraphProto {
        input: Vec::new(),
        node: vec![node("Identity", &["w"], &["t"])],
        output: vec![unshaped_value("t", Float)],
        ..with_weights_in("shared.json")
    };
    for branch in ["then_branch", "else_branch"] {
        choice.attribute.push(AttributeProto {
            name: branch.into(),
            r#type: AttributeType::Graph as i32,
            g: Some(body.clone()),
            ..Default::default()
        });
    }
    graph.node.push(choice);
    graph.input.push(value("c", Bool, &[]));
    graph.output.push(unshaped_value("z", Float));
    folder.write("sub/m.onnx", encoded(graph));
    folder.write("sub/shared.json", [0; 16]);
    symlink("sub/m.onnx", folder.path("link.onnx")).unwrap();
    for (input, option, output, weights) in [
        ("m.onnx", "--output", "w.csv", "./w.csv"),
        ("m.onnx", "--output", "hard.json", "./w.csv"),
        ("m.onnx", "--svg", "w.csv", "./w.csv"),
        ("sub/m.onnx", "--svg", "w.csv", "sub/../w.csv"),
        (
            "sub/m.onnx",
            "--output",
            "sub/shared.json",
            "sub/shared.json",
        ),
        ("link.onnx", "--output", "sub/shared.json", "shared.json"),
    ] {
        let said = [
            &format!("{option} '{output}' would replace the weights"),
            weights,
        ];
        refused(&folder, &["plan", input, option, output], &said);
    }
    for args in [
        &["compare", "m.onnx", "--html", "w.csv"][..],
        &["view", "m.onnx", "m.onnx", "--html", "w.csv"],
        &["view", "m.onnx", "--html", "w.csv"],
        &["share", "m.onnx", "m.onnx", "--html", "w.csv"],
    ] {
        refused(&folder, args, &["--html 'w.csv' would replace the weights"]);
    }
    let args = ["share", "m.onnx", "sub/m.onnx", "--output", "sub"];
    let said = ["--output 'sub/shared.json' would replace the weights 'sub/shared.json'"];
    refused(&folder, &args, &said);
    // A file that is not there is no obstacle.
    folder.done(&["plan", "m.onnx", "--output", "new.csv"]);
    folder.done(&["share", "m.onnx", "sub/m.onnx", "--output", "plans"]);
}

#[test]
fn standard_input_and_output_are_files_like_others() {
    let folder = Folder::with("in.csv", THREE);
    let input = File::open(folder.path("in.csv")).unwrap();
    let mut command = folder.command(&["plan", "-", "--output", "in.csv"]);
    Run::of(command.stdin(input).output().unwrap()).failed(2, &["would replace the input '-'"]);
    assert_eq!(folder.read("in.csv"), THREE);
    let result = File::create(folder.path("out.json")).unwrap();
    let mut command = folder.command(&["plan", "in.csv", "--json", "--output", "out.json"]);
    let run = Run::of(command.stdout(result).output().unwrap());
    run.failed(
        2,
        &["--output 'out.json' and standard output are the same file"],
    );
}

#[test]
fn a_shared_plan_never_replaces_an_input() {
    let folder = Folder::with("a.csv", THREE);
    folder.write("b.csv", THREE);
    fs::create_dir(folder.path("plans")).unwrap();
    let share = |more: &[&str]| {
        let args = [&["share", "a.csv", "b.csv", "--output", "plans"], more].concat();
        refused(&folder, &args, &["--output 'plans/"]);
    };
    folder.write("plans/shared.json", "{\"together\": [[\"a\", \"b\"]]}");
    share(&["--schedule", "plans/shared.json"]);
    assert!(
        folder
            .read("plans/shared.json")
            .starts_with("{\"together\"")
    );
    fs::remove_file(folder.path("plans/shared.json")).unwrap();
    link(&folder, "b.csv", "plans/a.csv");
    share(&[]);
    fs::remove_file(folder.path("plans/a.csv")).unwrap();
    for name in ["plans/a.csv", "plans/b.csv"] {
        symlink("both.csv", folder.path(name)).unwrap();
    }
    share(&[]);
    assert!(!folder.path("plans/both.csv").exists());
}

#[test]
fn a_replaced_output_keeps_its_mode() {
    let folder = Folder::with("in.csv", THREE);
    let mode = |name: &str| {
        fs::metadata(folder.path(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777
    };
    let runs: [(&[&str], &[&str]); 4] = [
        (
            &["plan", "in.csv", "--output", "p.csv", "--svg", "p.svg"],
            &["p.csv", "p.svg"],
        ),
        (&["plan", "in.csv", "--output", "p.json"], &["p.json"]),
        (
            &["share", "in.csv", "--output", "d"],
            &["d/in.csv", "d/shared.json"],
        ),
        (&["plan", "in.csv", "--svg", "p.csv"], &["p.csv"]),
    ];
    for (args, outputs) in runs {
        folder.done(args);
        for wanted in [0o600, 0o640, 0o444, 0o755] {
            for output in outputs {
                let permissions = Permissions::from_mode(wanted);
                fs::set_permissions(folder.path(output), permissions).unwrap();
            }
            folder.done(args);
            assert!(
                outputs.iter().all(|output| mode(output) == wanted),
                "{args:?} {wanted:o}"
            );
        }
    }
}

/// Runs the binary where no file can grow, as on a full disk.
pub fn run_on_full_disk(folder: &Folder, args: &[&str]) -> Run {
    let output = Command::new("sh")
        .args(["-c", "ulimit -f 0; trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_orionrt"))
        .args(args)
        .current_dir(folder.path(""))
        .output();
    Run::of(output.expect("a shell"))
}

#[test]
fn on_a_full_disk_the_message_names_the_file_and_nothing_is_left() {
    let cases: [(&[&str], &str); 7] = [
        (&["plan", "in.csv", "--output", "p.csv"], "p.csv"),
        (&["plan", "in.csv", "--output", "p.json"], "p.json"),
        (&["plan", "in.csv", "--svg", "p.svg"], "p.svg"),
        (&["plan", "m.onnx", "--output", "p.json"], "p.json"),
        (
            &["plan", "m.onnx", "--output", "p.csv", "--svg", "p.svg"],
            "p.csv",
        ),
        (&["share", "in.csv", "m.onnx", "--output", "d"], "d/in.csv"),
        (
            &["share", "in.csv", "m.onnx", "--output", "e/f"],
            "e/f/in.csv",
        ),
    ];
    for (args, named) in cases {
        let folder = Folder::with("in.csv", THREE);
        folder.write("m.onnx", network("1"));
        let run = run_on_full_disk(&folder, args);
        run.failed(1, &[&format!("cannot write '{named}': "), "File too large"]);
        assert_eq!(folder.names(), ["in.csv", "m.onnx"], "{args:?}");
        // An older file stays as it was.
        folder.done(args);
        let older = |name: &str| fs::read(folder.path(name)).unwrap();
        let before = (folder.names(), older(named));
        run_on_full_disk(&folder, args).failed(1, &[named]);
        assert_eq!((folder.names(), older(named)), before, "{args:?}");
    }
}

/// Starts the binary with a pipe for its input, which it reads after it has looked at its outputs;
/// then does `meanwhile`, and lets it read and finish.
fn run_with_pipe(folder: &Folder, args: &[&str], meanwhile: impl FnOnce()) -> Run {
    let status = Command::new("mkfifo").arg(folder.path("pipe.csv")).status();
    assert!(status.expect("mkfifo").success());
    let mut command = folder.command(args);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // This waits for the reader.
    let mut pipe = OpenOptions::new()
        .write(true)
        .open(folder.path("pipe.csv"))
        .unwrap();
    meanwhile();
    pipe.write_all(THREE.as_bytes()).unwrap();
    drop(pipe);
    let run = Run::of(child.wait_with_output().unwrap());
    fs::remove_file(folder.path("pipe.csv")).unwrap();
    run
}

#[test]
fn a_pipe_is_read_like_a_file() {
    let folder = Folder::new();
    let run = run_with_pipe(
        &folder,
        &["plan", "pipe.csv", "--output", "plan.csv"],
        || {},
    );
    assert_eq!((run.status, &*run.stderr), (0, ""));
    folder.done(&["check", "plan.csv"]);
}

#[test]
fn a_folder_that_vanishes_is_an_error_that_names_the_file() {
    for args in [
        ["plan", "pipe.csv", "--output", "d/p.csv"],
        ["plan", "pipe.csv", "--output", "d/p.json"],
        ["plan", "pipe.csv", "--svg", "d/p.svg"],
    ] {
        let folder = Folder::new();
        fs::create_dir(folder.path("d")).unwrap();
        let run = run_with_pipe(&folder, &args, || fs::remove_dir(folder.path("d")).unwrap());
        run.failed(1, &[&format!("cannot write '{}'", args[3])]);
        assert_eq!(folder.names(), [""; 0]);
    }
}

#[test]
fn a_folder_that_takes_the_name_of_an_output_meanwhile_is_an_error() {
    let folder = Folder::with("other.csv", "other");
    let run = run_with_pipe(&folder, &["plan", "pipe.csv", "--svg", "p.svg"], || {
        fs::create_dir(folder.path("p.svg")).unwrap();
    });
    run.failed(1, &["cannot write 'p.svg'"]);
    assert_eq!(folder.names(), ["other.csv", "p.svg"]);
}

/// Each form of a result on standard output, of every verb but `demo`, which takes a minute.
const RESULTS: [&[&str]; 11] = [
    &["plan", "in.csv"],
    &["plan", "in.csv", "--json"],
    &["plan", "in.csv", "--report"],
    &["plan", "m.onnx", "--dims"],
    &["plan", "m.onnx", "--dims", "--json"],
    &["compare", "in.csv"],
    &["compare", "in.csv", "--json"],
    &["share", "in.csv", "m.onnx"],
    &["share", "in.csv", "m.onnx", "--json"],
    &["check", "plan.csv"],
    &["check", "plan.csv", "--json"],
];

fn folder_of_results() -> Folder {
    let folder = Folder::with("in.csv", THREE);
    folder.write("m.onnx", network("N"));
    folder.done(&["plan", "in.csv", "--output", "plan.csv"]);
    folder
}

#[test]
fn a_closed_pipe_ends_every_verb_quietly_and_leaves_its_files() {
    let folder = folder_of_results();
    let with_files: [&[&str]; 2] = [
        &["plan", "in.csv", "--output", "p.json", "--svg", "p.svg"],
        &["share", "in.csv", "m.onnx", "--output", "d"],
    ];
    for args in RESULTS.iter().chain(&with_files) {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let child = folder
            .command(args)
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn();
        let run = Run::of(child.unwrap().wait_with_output().unwrap());
        assert_eq!((run.status, &*run.stderr), (0, ""), "{args:?}");
    }
    folder.done(&["check", "p.json"]);
    folder.done(&["check", "d/shared.json"]);
    assert!(folder.read("p.svg").ends_with("</svg>"));
}

#[test]
fn a_result_that_cannot_be_printed_is_status_1_in_every_verb() {
    let folder = folder_of_results();
    for args in RESULTS {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let child = folder
            .command(args)
            .stdout(full)
            .stderr(Stdio::piped())
            .spawn();
        let run = Run::of(child.unwrap().wait_with_output().unwrap());
        assert_eq!(run.status, 1, "{args:?}");
        run.said(&["cannot print the result"]);
    }
}
