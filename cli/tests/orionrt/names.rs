//! Names and texts of files that would change a terminal, a picture or a shell, through every verb.
//! The messages that show them are in `names_in_messages`.

use std::process::Command;

use orionrt_test_models::{
    parts::{encoded, node, unshaped_value, value},
    proto::{GraphProto, NodeProto, tensor_proto::DataType::Float},
};

use crate::run::{Folder, Run, THREE};

/// A name with whatever could do harm, for a file or an argument.
pub fn nasty(tag: &str) -> String {
    format!(
        "-{tag}\u{1b}]0;x\u{7}\u{1b}[2J\r\n\terror: \u{7f}\u{9b}31m\u{202e}\u{2066}\u{2028}\u{feff}\
         \u{fffe}'\"`$(exit 3)`<&>{{}}\\"
    )
}

/// A name in a file may have a NUL, too.
pub fn nastier(tag: &str) -> String {
    nasty(tag) + "\0"
}

pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Whether a terminal shows the character and nothing else happens.
fn is_harmless(c: char) -> bool {
    let is_bidi =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_invisible = matches!(
        c,
        '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
    );
    c == '\n' || !c.is_control() && !is_bidi && !is_invisible
}

/// Runs the binary; nothing that it prints may do harm.
pub fn run(folder: &Folder, args: &[&str]) -> Run {
    let run = folder.run(args);
    for text in [&run.stdout, &run.stderr] {
        let harmful = text.chars().find(|&c| !is_harmless(c));
        assert_eq!(harmful, None, "{args:?}: {text:?}");
    }
    // A line break in a name would make a line that looks like another message.
    let forged = |line: &str| line.trim_start().starts_with("error: ");
    assert!(
        run.stderr.lines().skip(1).all(|line| !forged(line)),
        "{}",
        run.stderr
    );
    assert!(!run.stdout.lines().any(forged), "{}", run.stdout);
    run
}

/// Runs the binary, which must succeed.
pub fn done(folder: &Folder, args: &[&str]) -> Run {
    let run = run(folder, args);
    assert_eq!((run.status, &*run.stderr), (0, ""), "{args:?}");
    run
}

/// Runs the binary, which must fail with a message that has the beginning of a nasty name.
pub fn failed(folder: &Folder, args: &[&str], tag: &str) -> Run {
    let run = run(folder, args);
    assert!(matches!(run.status, 1 | 2), "{args:?}: {}", run.stderr);
    run.said(&[
        &format!(r"-{tag}\u{{1b}}]0;x\u{{7}}"),
        r"\r\n\t",
        r"\u{202e}",
    ]);
    run
}

/// Buffers with nasty names, three at once.
fn rows(header: &str, rest: &str) -> String {
    let row = |i: usize| {
        format!(
            "{},{i},{},64{rest}\n",
            quoted(&nastier(&i.to_string())),
            i + 3
        )
    };
    format!(
        "id,lower,upper,size{header}\n{}",
        (0..6).map(row).collect::<String>()
    )
}

#[test]
fn names_in_results_do_no_harm_and_are_data_in_json() {
    let folder = Folder::new();
    let input = nasty("in") + ".csv";
    let [plan, json, svg] = ["plan.csv", "plan.json", "plan.svg"].map(|end| nasty("out") + end);
    let [input, plan, json, svg] = [input, plan, json, svg].map(|name| format!("./{name}"));
    folder.write(&input, rows("", ""));
    let args = ["plan", &input, "--output", &plan, "--svg", &svg, "--report"];
    let text = done(&folder, &args).stdout;
    assert!(
        text.contains(r"-in\u{1b}]0") && text.contains(r"-out\u{1b}]0"),
        "{text}"
    );
    assert!(text.contains(r"-0\u{1b}]0"), "{text}");
    let report = done(
        &folder,
        &["plan", &input, "--output", &json, "--report", "--json"],
    );
    assert_eq!(report.stdout.lines().count(), 1);
    let at_peak = &report.json()["report"]["at_peak"];
    let ids: Vec<&str> = at_peak
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["id"].as_str().unwrap())
        .collect();
    assert!(
        ids.iter()
            .all(|id| (0..6).any(|i| *id == nastier(&i.to_string()))),
        "{ids:?}"
    );
    for path in [&plan, &json] {
        done(&folder, &["check", path]);
        let json = done(&folder, &["check", path, "--json"]).json();
        assert_eq!(json["buffers"], 6);
        let kept = done(
            &folder,
            &["plan", &input, "--keep", path, "--start-from", path],
        );
        assert!(
            kept.stdout.contains("6 of 6 tensors of ./-out"),
            "{}",
            kept.stdout
        );
    }
    for args in [&["compare", &input][..], &["compare", &input, "--json"]] {
        done(&folder, args);
    }
    let other = format!("./{}.csv", nasty("other"));
    folder.write(&other, THREE);
    let share = [
        "share",
        &input,
        &other,
        "--output",
        &format!("./{}", nasty("folder")),
    ];
    let text = done(&folder, &share).stdout;
    assert!(text.contains(r"-other\u{1b}"), "{text}");
    let models = done(&folder, &["share", &input, &other, "--json"]).json()["models"].take();
    assert_eq!(models[0]["name"], nasty("in"));
}

#[test]
fn a_picture_is_well_formed_whatever_the_names() {
    let folder = Folder::new();
    let input = format!("./{}.csv", nasty("in"));
    let more = [
        "\u{fffe}",
        "\u{ffff}",
        "]]>",
        "<!--",
        "&#0;",
        "a\u{1}b",
        "\u{d7ff}\u{e000}\u{10ffff}",
    ];
    let more: String = more
        .iter()
        .map(|name| format!("{},0,9,4096\n", quoted(name)))
        .collect();
    folder.write(&input, rows("", "") + &more);
    done(&folder, &["plan", &input, "--svg", "plan.svg"]);
    let picture = folder.read("plan.svg");
    assert!(picture.chars().all(is_harmless));
    let picture = roxmltree::Document::parse(&picture).expect("well-formed XML");
    let tips: Vec<&str> = picture
        .descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "title")))
        .map(|node| node.text().unwrap())
        .collect();
    assert_eq!(tips.len(), 6 + 7);
    // The name, the size, the bytes and the steps.
    assert!(tips.iter().all(|tip| tip.lines().count() == 4), "{tips:?}");
    assert!(
        tips[0].starts_with(r"-0\u{1b}]0;x\u{7}") && tips[0].contains("`<&>{}"),
        "{}",
        tips[0]
    );
}

/// A model of these nodes that computes y from x.
pub fn model(dims: &[&str], nodes: Vec<NodeProto>, output: &str) -> Vec<u8> {
    encoded(GraphProto {
        input: vec![value("x", Float, dims)],
        node: nodes,
        output: vec![unshaped_value(output, Float)],
        ..Default::default()
    })
}

#[test]
fn names_in_models_do_no_harm() {
    let folder = Folder::new();
    let path = format!("./{}.onnx", nasty("m"));
    let [a, b, d] = ["a", "b", "d"].map(nastier);
    let exp = || node("Exp", &[&a], &[&b]);
    let nonzero = node("NonZero", &[&a], &[&d]);
    let relu = || node("Relu", &["x"], &[&a]);
    // Everything that a result shows of a model.
    folder.write(
        &path,
        model(
            &[&nasty("batch"), &nasty("size")],
            vec![relu(), exp(), nonzero],
            &b,
        ),
    );
    let size = format!("--dim={}=2", nasty("size"));
    let skip = ["plan", &path, &size, "--unknown", "skip"];
    for more in [
        &["--json"][..],
        &["--report"],
        &["--output", "plan.json"],
        &["--order", "memory"],
    ] {
        done(&folder, &[&skip[..], more].concat());
    }
    let assumed = done(&folder, &skip).stdout;
    assert!(
        assumed.contains(r"--dim=$'-batch\033]0;x\007\033[2J\015\012\011error: "),
        "{assumed}"
    );
    done(&folder, &["plan", &path, "--dims"]);
    done(&folder, &["plan", &path, "--dims", "--json"]);
    done(&folder, &["check", "plan.json", "--model", &path]);
    done(&folder, &["compare", &path, &size, "--unknown", "skip"]);
    done(&folder, &["share", &path, &size, "--unknown", "skip"]);
    // The order of a plan is one of names; one that the model does not have is refused.
    let order = format!("./{}.txt", nasty("order"));
    folder.write(&order, "-x\u{1b}]0;x\u{7}\u{202e}");
    run(&folder, &[&skip[..], &["--order", &order]].concat()).failed(1, &[r"'-x\u{1b}]0;x\u{7}"]);
    failed(&folder, &["plan", &path], "size");
    failed(
        &folder,
        &["plan", &path, "--dim=no=2", "--unknown", "skip"],
        "batch",
    );
    failed(
        &folder,
        &["plan", &path, &format!("--input={}=1", nasty("i"))],
        "i",
    );
    // What is wrong with a model.
    for (nodes, output, tag) in [
        (vec![node(&nastier("Op"), &["x"], &[&b])], &b, "Op"),
        (vec![node("Exp", &[&d], &[&b])], &b, "d"),
        (vec![relu(), node("MatMul", &[&a], &[&b])], &b, "b"),
        (vec![relu(), node("Neg", &["x"], &[&a])], &a, "a"),
    ] {
        folder.write(&path, model(&["2", "4"], nodes, output));
        failed(&folder, &["plan", &path], "m").said(&[&format!(r"-{tag}\u{{1b}}]0;x")]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn suggested_options_can_be_pasted_into_a_shell() {
    let dims = [
        "my dim",
        "it's",
        "$(touch pwned)",
        "-x",
        "a\u{1b}\u{202e}\n",
        "`touch pwned`",
        "plain",
    ];
    let folder = Folder::with(
        "m.onnx",
        model(&dims, vec![node("Exp", &["x"], &["y"])], "y"),
    );
    let missing = run(&folder, &["plan", "m.onnx"]);
    assert_eq!(missing.status, 1);
    let options = missing.stderr.lines().last().unwrap();
    let options = options
        .strip_prefix("give them with: ")
        .expect(options)
        .replace("=N", "=2");
    let binary = env!("CARGO_BIN_EXE_orionrt");
    let command = format!("'{binary}' plan m.onnx --json {options}");
    let output = Command::new("bash")
        .args(["-c", &command])
        .current_dir(folder.path(""))
        .output()
        .expect("a shell");
    let pasted = Run::of(output);
    assert_eq!((pasted.status, &*pasted.stderr), (0, ""), "{command}");
    let given = pasted.json()["dims"].take();
    assert!(dims.iter().all(|dim| given[*dim] == 2), "{given}");
    assert_eq!(folder.names(), ["m.onnx"]);
}
