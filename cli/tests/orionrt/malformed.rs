//! CSV files with one mistake each: status 1, and a message with the file, the line and what was
//! expected.

use std::{io::Write, process::Stdio};

use crate::{
    onnx::network,
    run::{Folder, Run, THREE},
};

const HEADER: &str = "id,lower,upper,size,alignment\na,0,2,64,64\n";

#[test]
fn each_mistake_is_named_with_its_line() {
    let row = |row: &str| format!("{HEADER}b,0,2,64,64\n{row}\n").into_bytes();
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        (
            "an empty file",
            vec![],
            &["line 1", "no column 'id'", "id,lower,upper,size"],
        ),
        (
            "no header",
            b"a,0,2,64\n".to_vec(),
            &["line 1", "no column 'id'", "'a,0,2,64'"],
        ),
        (
            "a missing column",
            b"id,lower,size\na,0,64\n".to_vec(),
            &["line 1", "no column 'upper'"],
        ),
        (
            "a word for a number",
            row("c,zero,2,64,64"),
            &["line 4", "lower is 'zero'", "whole number"],
        ),
        (
            "a fraction",
            row("c,0,2.5,64,64"),
            &["line 4", "upper is '2.5'", "whole number"],
        ),
        (
            "a negative size",
            row("c,0,2,-64,64"),
            &["line 4", "size is '-64'", "from 0 to 2^64"],
        ),
        (
            "an empty field",
            row("c,0,2,,64"),
            &["line 4", "size is ''"],
        ),
        (
            "a number too large",
            row("c,0,2,18446744073709551616,1"),
            &["line 4", "2^64 - 1"],
        ),
        (
            "a field too few",
            row("c,0,2,64"),
            &["line 4", "4 fields, expected 5"],
        ),
        (
            "a field too many",
            row("c,0,2,64,64,64"),
            &["line 4", "6 fields, expected 5"],
        ),
        (
            "an end before the start",
            row("c,3,2,64,64"),
            &["line 4", "'c'", "lower 3 is above upper 2"],
        ),
        (
            "an alignment of 48",
            row("c,0,2,64,48"),
            &["line 4", "'c'", "48 is not a power of two"],
        ),
        (
            "an alignment of 0",
            row("c,0,2,64,0"),
            &["line 4", "0 is not a power of two"],
        ),
        (
            "an id twice",
            row("a,0,2,64,64"),
            &["line 4", "'a'", "unique"],
        ),
        (
            "sizes beyond counting",
            row("c,0,2,9223372036854775807,1"),
            &["line 4", "2^63"],
        ),
        (
            "no text",
            [HEADER.as_bytes(), b"\xff\xfe,0,2,64,64\n"].concat(),
            &["line 3", "not UTF-8"],
        ),
    ];
    for (kind, content, messages) in cases {
        let folder = Folder::with("bad.csv", content);
        for verb in ["plan", "compare"] {
            let run = folder.run(&[verb, "bad.csv"]);
            assert!(
                run.stderr.starts_with("error: bad.csv: "),
                "{kind}: {}",
                run.stderr
            );
            run.failed(1, messages);
        }
    }
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    for (bad, line) in [
        ("id,lower,upper,size\n\"two\nlines\",0,2,64\nc,0,x,64\n", 4),
        ("id,lower,upper,size\r\na,0,2,64\r\nc,0,x,64\r\n", 3),
        ("id,lower,upper,size\n\n\n\nc,0,x,64\n", 5),
        (
            "id,lower,upper,size\r\n\"two\nlines\",0,2,64\r\n\r\nc,0,x,64\r\n",
            5,
        ),
        ("id,lower,upper,size\r\na,0,2,64\r\nc,0,2\r\n", 3),
    ] {
        let message = format!("error: bad.csv: line {line}: ");
        Folder::with("bad.csv", bad)
            .run(&["plan", "bad.csv"])
            .failed(1, &[&message]);
    }
}

#[test]
fn the_content_of_a_file_decides_how_it_is_read() {
    let folder = Folder::with("model.bin", network("4"));
    folder.write("rows.txt", THREE);
    let peak = |name: &str| folder.done(&["plan", name, "--json"]).json()["peak"].clone();
    assert_eq!(
        (peak("model.bin"), peak("rows.txt")),
        (8192.into(), 3072.into())
    );
    folder.write("model.bin", "\u{8}\u{7}");
    folder.run(&["plan", "model.bin"]).failed(1, &["model.bin"]);
}

#[test]
fn standard_input_is_read_like_a_file() {
    for (bytes, peak) in [(network("4"), 8192), (THREE.into(), 3072)] {
        let folder = Folder::new();
        let mut command = folder.command(&["plan", "-", "--json"]);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let run = Run::of(child.wait_with_output().unwrap());
        assert_eq!(run.json()["peak"], peak);
    }
}

#[test]
fn a_missing_file_is_named() {
    let folder = Folder::new();
    for args in [
        ["plan", "no.csv"],
        ["plan", "no.onnx"],
        ["check", "no.json"],
        ["compare", "no.csv"],
    ] {
        folder.run(&args).failed(1, &[args[1], "No such file"]);
    }
}
