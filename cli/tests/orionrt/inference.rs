//! `orionrt run`: real inference with the same outputs in all modes.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

use orionrt_test_models::{
    mobilenet::{Layout, Stage, file},
    parts::{encoded, node, unshaped_value, value},
    proto::{GraphProto, StringStringEntryProto, TensorProto, tensor_proto::DataType::Float},
};
use serde_json::Value;

use crate::{
    onnx,
    outputs::{link, refused, run_on_full_disk},
    page::Document,
    run::{Folder, fields},
};

const MODES: [&str; 3] = ["system", "orion", "replay"];

/// MobileNetV2, made small enough for a debug build.
fn small() -> Layout {
    let stage = |expansion, channels, count, stride| Stage {
        expansion,
        channels,
        count,
        stride,
    };
    Layout {
        side: 32,
        stem: 8,
        stages: vec![stage(1, 8, 1, 1), stage(4, 12, 2, 2), stage(4, 16, 2, 2)],
        head: 32,
        classes: 10,
        seed: 3,
    }
}

/// A folder with that network.
pub fn folder() -> Folder {
    Folder::with("model.onnx", file(&small()))
}

const RUN: [&str; 4] = ["run", "model.onnx", "--iterations", "3"];

fn number(value: &Value, name: &str) -> f64 {
    value[name]
        .as_f64()
        .unwrap_or_else(|| panic!("'{name}' in {value}"))
}

#[test]
fn json_has_the_numbers_of_all_modes() {
    let json = folder().done(&[&RUN[..], &["--json"]].concat()).json();
    let expected = [
        "advice",
        "allocations_per_iteration",
        "assumed",
        "bytes",
        "cpu_ratio_to_system",
        "hit_rate",
        "iterations",
        "lower_bound",
        "misses",
        "model",
        "orion",
        "other_threads",
        "outliving",
        "outputs_equal",
        "planned_bytes",
        "recorded",
        "replay",
        "replayed",
        "served_share",
        "small",
        "system",
        "threads",
    ];
    assert_eq!(fields(&json), expected);
    assert_eq!(
        (&json["model"], &json["threads"]),
        (&"model.onnx".into(), &1.into())
    );
    assert_eq!(
        (&json["iterations"], &json["outputs_equal"]),
        (&3.into(), &true.into())
    );
    assert!(number(&json, "allocations_per_iteration") > 20.0);
    assert!(number(&json, "hit_rate") > 0.95);
    assert!(number(&json, "lower_bound") > 0.0);
    assert!(number(&json, "lower_bound") <= number(&json, "planned_bytes"));
    assert_eq!(
        fields(&json["misses"]),
        ["occupied", "outgrown", "unmatched"]
    );
    assert_eq!(
        fields(&json["bytes"]),
        ["grown", "hits", "misses", "outliving", "small"]
    );
    assert_eq!(fields(&json["bytes"]["misses"]), fields(&json["misses"]));
    assert_eq!(
        fields(&json["other_threads"]),
        ["bytes", "requests", "threads"]
    );
    let hits = number(&json["bytes"], "hits");
    let share = number(&json, "served_share");
    assert!(share > 0.0 && share <= 1.0 && hits > 0.0, "{json}");
    for mode in MODES {
        let mode = &json[mode];
        assert!(number(mode, "cpu_ms_q1") > 0.0);
        assert!(number(mode, "cpu_ms_q1") <= number(mode, "cpu_ms_median"));
        assert!(number(mode, "cpu_ms_median") <= number(mode, "cpu_ms_q3"));
        assert!(number(mode, "wall_ms_median") > 0.0);
        assert!(mode["page_faults_per_iteration"].is_u64(), "{mode}");
        for peak in ["peak_bytes", "steady_peak_bytes"] {
            assert!(mode[peak].is_u64() || mode[peak].is_null(), "{mode}");
        }
    }
    assert_eq!(fields(&json["cpu_ratio_to_system"]), ["orion", "replay"]);
    for ratio in ["orion", "replay"].map(|mode| &json["cpu_ratio_to_system"][mode]) {
        assert!(number(ratio, "ratio") > 0.0);
        assert!(number(ratio, "q1") <= number(ratio, "median"));
        assert!(number(ratio, "median") <= number(ratio, "q3"));
    }
}

#[test]
fn the_text_has_a_row_for_each_mode_and_says_that_outputs_are_identical() {
    let report = folder().done(&RUN).stdout;
    assert!(
        report.starts_with("model.onnx: 3 iterations with "),
        "{report}"
    );
    for mode in MODES {
        assert!(report.contains(&format!("│ {mode} ")), "{report}");
    }
    for part in [
        "on 1 thread\n",
        "bit-identical in all runs",
        "lower bound",
        "% of all bytes from the plan, in ",
        "that outlive it (",
    ] {
        assert!(report.contains(part), "'{part}' in: {report}");
    }
}

#[test]
fn outputs_are_equal_with_several_threads() {
    let args = [&RUN[..], &["--threads", "2", "--json"]].concat();
    let json = folder().done(&args).json();
    assert_eq!(
        (&json["threads"], &json["outputs_equal"]),
        (&2.into(), &true.into())
    );
}

#[test]
fn a_recording_can_be_planned() {
    let folder = folder();
    let args = [&RUN[..], &["--record", "trace.csv", "--json"]].concat();
    let run = folder.done(&args).json();
    assert_eq!(folder.names(), ["model.onnx", "trace.csv"]);
    let plan = folder.done(&["plan", "trace.csv", "--json"]).json();
    let unplanned = number(&run, "outliving") + number(&run, "small");
    let planned = number(&run, "allocations_per_iteration") - unplanned;
    assert_eq!(number(&plan, "buffers"), planned);
    assert_eq!(plan["lower_bound"], run["lower_bound"]);
}

#[test]
fn a_page_has_the_blocks_where_the_heap_had_them_beside_the_plan() {
    let folder = folder();
    let args = [&RUN[..], &["--html", "p.html", "--json"]].concat();
    let run = folder.done(&args).json();
    let page = Document::of(&folder.read("p.html"));
    assert_eq!(page.header["kind"], "run");
    let maps = page.header["maps"].as_array().unwrap();
    let titles: Vec<_> = maps.iter().map(|map| &map["title"]).collect();
    assert_eq!(titles, ["as allocated", "as planned"]);
    let [allocated, planned] = [&maps[0], &maps[1]];
    assert_eq!(planned["lower_bound"], run["lower_bound"]);
    assert_eq!(allocated["recorded"]["page_size"], 4096);
    // Each planned request is on both maps.
    let names = |map: &Value| page.strings(&map["tensors"]["name"]);
    let blocks = names(allocated);
    assert!(!blocks.is_empty());
    for name in names(planned) {
        assert!(blocks.contains(&name), "{name} in {blocks:?}");
    }
    let held = page.column(&allocated["recorded"]["reserved"]["bytes"]);
    let most = held.iter().fold(0.0_f64, |most, &bytes| most.max(bytes));
    assert!(most >= number(allocated, "load"), "{most}");
    let notes = page.header["notes"].to_string();
    assert!(
        notes.contains("one inference on the C library's heap"),
        "{notes}"
    );
    // What this network keeps is small.
    let small = "blocks of fewer than 1,024 bytes in the last inference";
    assert!(notes.contains(small), "{notes}");
}

#[test]
fn a_page_has_both_maps_with_several_threads() {
    let folder = folder();
    folder.done(&[&RUN[..], &["--threads", "2", "--html", "p.html"]].concat());
    let page = Document::of(&folder.read("p.html"));
    let maps = page.header["maps"].as_array().unwrap();
    let titles: Vec<_> = maps.iter().map(|map| &map["title"]).collect();
    assert_eq!(titles, ["as allocated", "as planned"]);
    // The pool's threads may have no planned blocks in so small a network.
    let [allocated, planned] = [&maps[0], &maps[1]];
    let count = |map: &Value| page.strings(&map["tensors"]["name"]).len();
    assert!(count(allocated) >= count(planned) && count(planned) > 0);
}

#[test]
fn dimensions_are_bound_as_in_a_plan() {
    let folder = Folder::with("model.onnx", onnx::network("N"));
    let json = folder.done(&[&RUN[..], &["--json"]].concat()).json();
    assert_eq!(json["assumed"], serde_json::json!({"N": 1}));
    let report = folder.done(&RUN).stdout;
    assert!(
        report.contains("N = 1 (change it with --dim N=N)"),
        "{report}"
    );
    let json = folder
        .done(&[&RUN[..], &["--json", "--dim", "N=3"]].concat())
        .json();
    assert_eq!(json["assumed"], serde_json::json!({}));
    folder
        .run(&[&RUN[..], &["--dim", "M=3"]].concat())
        .failed(2, &["model.onnx", "--dim M=3", "it has N"]);
}

#[test]
fn a_model_that_does_not_run_is_named_with_the_reason() {
    let unknown = onnx::model(&["4"], vec![node("Frobnicate", &["x"], &["y"])], vec![]);
    let text = vec![node("Exp", &["x"], &["y"])];
    let cases: [(Vec<u8>, &[&str]); 4] = [
        (b"id,lower,upper,size\n".to_vec(), &["neither an ONNX nor"]),
        (vec![], &["neither an ONNX nor", "empty"]),
        (unknown, &["Frobnicate"]),
        (
            onnx::model(&["N", "length", "4"], text, vec![]),
            &["sizes are missing", "--dim length=N"],
        ),
    ];
    for (bytes, messages) in cases {
        let folder = Folder::with("model.onnx", bytes);
        let run = folder.run(&[&RUN[..], &["--record", "trace.csv"]].concat());
        assert!(
            run.stderr.starts_with("error: model.onnx: "),
            "{}",
            run.stderr
        );
        run.failed(1, messages);
        assert_eq!(folder.names(), ["model.onnx"]);
    }
    Folder::new()
        .run(&RUN)
        .failed(1, &["cannot read 'model.onnx'"]);
    folder()
        .run(&[&RUN[..], &["--record", "no/trace.csv"]].concat())
        .failed(1, &["cannot write 'no/trace.csv'", "no folder"]);
}

#[test]
fn the_option_for_the_child_process_is_hidden() {
    let folder = folder();
    let help = folder.done(&["run", "--help"]).stdout;
    assert!(
        help.contains("--huge-pages") && !help.contains("--peak-of"),
        "{help}"
    );
    for mode in MODES {
        let args = ["run", "model.onnx", "--peak-of", mode];
        let peak = folder.done(&args).json();
        assert_eq!(fields(&peak), ["peak_bytes", "steady_peak_bytes"]);
    }
}

#[test]
fn mobilenet_is_planned_at_its_lower_bound() {
    let folder = Folder::with("full.onnx", file(&Layout::default()));
    let json = folder.done(&["plan", "full.onnx", "--json"]).json();
    // The peak is at 96 channels of 112 × 112 in the fourth layer: the operand and result of its
    // ReLU6.
    assert_eq!(json["lower_bound"], 2 * 4 * 96 * 112 * 112);
    assert_eq!(json["peak"], json["lower_bound"]);
}

/// A network with its weights in a file beside it.
fn with_external_weights(location: &str) -> Vec<u8> {
    let entry = StringStringEntryProto {
        key: "location".into(),
        value: location.into(),
    };
    let weights = TensorProto {
        name: "w".into(),
        dims: vec![4],
        data_type: Float as i32,
        data_location: 1,
        external_data: vec![entry],
        ..Default::default()
    };
    encoded(GraphProto {
        input: vec![value("x", Float, &["4"])],
        node: vec![node("Add", &["x", "w"], &["y"])],
        output: vec![unshaped_value("y", Float)],
        initializer: vec![weights],
        ..Default::default()
    })
}

#[test]
fn a_run_never_replaces_its_model_or_weights() {
    let folder = Folder::with("input-0.npy", with_external_weights("w.bin"));
    folder.write("w.bin", [0; 16]);
    link(&folder, "input-0.npy", "hard.csv");
    let cases: [(&[&str], &str); 8] = [
        (&["--html", "input-0.npy"], "would replace the model"),
        (&["--html", "t.csv", "--record", "t.csv"], "the same file"),
        (&["--record", "input-0.npy"], "would replace the model"),
        (&["--record", "./input-0.npy"], "would replace the model"),
        (&["--record", "hard.csv"], "would replace the model"),
        (&["--record", "w.bin"], "would replace the weights 'w.bin'"),
        (&["--save", "."], "would replace the model"),
        (
            &["--record", "d/output-0.npy", "--save", "./d"],
            "the same file",
        ),
    ];
    fs::create_dir(folder.path("d")).unwrap();
    for (more, message) in cases {
        let args = [&["run", "input-0.npy", "--iterations", "1"], more].concat();
        refused(&folder, &args, &[message]);
    }
}

#[test]
fn what_a_run_writes_is_complete_or_not_there_and_keeps_its_mode() {
    for (output, named) in [("--record", "t.csv"), ("--html", "p.html"), ("--save", "d")] {
        let folder = folder();
        let args = [&RUN[..], &[output, named]].concat();
        let run = run_on_full_disk(&folder, &args);
        run.failed(1, &[&format!("cannot write '{named}"), "File too large"]);
        assert_eq!(folder.names(), ["model.onnx"]);
        folder.done(&args);
        let file = folder.path(if named == "d" { "d/input-0.npy" } else { named });
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        folder.done(&args);
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
    }
}

#[test]
fn names_in_a_run_do_no_harm() {
    let name = "./a\u{1b}[2J\nerror: \u{202e}.onnx";
    // The engine takes the names of dimensions for expressions, so that of this one is plain.
    let folder = Folder::with(name, onnx::network("batch"));
    let text = folder.done(&["run", name, "--iterations", "1"]).stdout;
    assert!(
        text.contains(r"./a\u{1b}[2J\nerror: \u{202e}.onnx: 1 iteration"),
        "{text}"
    );
    let json = folder.done(&["run", name, "--iterations", "1", "--json"]);
    let missing = folder.run(&["run", name, "--dim", "\u{1b}\u{202e}=1"]);
    missing.failed(2, &[r"--dim \u{1b}\u{202e}=1"]);
    for text in [&text, &json.stdout, &missing.stderr] {
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
    }
}
