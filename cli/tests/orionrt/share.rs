//! `orionrt share`: several models in one arena.

use orionrt::Plan;
use orionrt_test_models::parts::node;
use serde_json::{Value, json};

use crate::{
    onnx::{self, network},
    page::Document,
    run::{Folder, THREE},
};

/// Two tensors that are alive at once, of 60 and 40 bytes.
const PAIR: &str = "id,lower,upper,size\nx,0,2,60\ny,1,3,40\n";
/// One tensor of 80 bytes.
const ONE: &str = "lower,id,upper,size\n0,z,2,80\n";

fn folder() -> Folder {
    let folder = Folder::with("a.csv", PAIR);
    folder.write("b.csv", ONE);
    folder.write("c.csv", PAIR);
    folder
}

fn share(folder: &Folder, args: &[&str]) -> Value {
    folder
        .done(&[&["share"], args, &["--json"]].concat())
        .json()
}

fn numbers(json: &Value) -> [u64; 5] {
    let keys = [
        "shared_peak",
        "lower_bound",
        "isolated_sum",
        "saved_bytes",
        "opportunities",
    ];
    keys.map(|key| json[key].as_u64().expect(key))
}

#[test]
fn a_page_has_the_arena_beside_a_region_for_each_model() {
    let folder = folder();
    let args = ["share", "a.csv", "b.csv", "--html", "p.html", "--json"];
    let json = folder.done(&args).json();
    let page = Document::of(&folder.read("p.html"));
    assert_eq!(page.header["kind"], "share");
    let maps = &page.header["maps"];
    let titles = [&maps[0]["title"], &maps[1]["title"]];
    assert_eq!(titles, ["a region for each", "shared"]);
    assert_eq!(maps[0]["peak"], json["isolated_sum"]);
    assert_eq!(maps[1]["peak"], json["shared_peak"]);
    for map in [&maps[0], &maps[1]] {
        assert_eq!(map["groups"]["names"], json!(["a", "b"]));
        let of = page.column(&map["groups"]["of"]);
        let names = page.strings(&map["tensors"]["name"]);
        assert_eq!(names.len(), 3);
        for (name, of) in names.iter().zip(of) {
            assert_eq!(name.starts_with("b/"), of == 1.0, "{name}");
        }
    }
    let text = folder.done(&["share", "a.csv", "b.csv", "--html", "p.html"]);
    assert!(
        text.stdout.contains("written       p.html"),
        "{}",
        text.stdout
    );
    let refused = folder.run(&["share", "a.csv", "b.csv", "--html", "b.csv"]);
    refused.failed(2, &["--html 'b.csv'", "the input"]);
    assert_eq!(folder.read("b.csv"), ONE);
}

#[test]
fn one_at_a_time_the_arena_is_as_large_as_the_largest_model() {
    let json = share(&folder(), &["a.csv", "b.csv", "c.csv"]);
    assert_eq!(numbers(&json), [100, 100, 280, 180, 2 + 4 + 2]);
    assert_eq!(json["optimal"], true);
    let model = |name: &str, tensors: u64, bytes: u64| {
        json!({
            "name": name,
            "file": format!("{name}.csv"),
            "tensors": tensors,
            "total_bytes": bytes,
            "alignment": 1,
            "isolated_peak": bytes,
            "isolated_lower_bound": bytes,
        })
    };
    let models = [model("a", 2, 100), model("b", 1, 80), model("c", 2, 100)];
    assert_eq!(json["models"], json!(models));
    let tensor = |model: &str, id: &str, size: u64| json!({"model": model, "id": id, "size": size});
    let best =
        json!({"tensor": tensor("b", "z", 80), "partner": tensor("c", "x", 60), "bytes": 60});
    assert_eq!(json["best"][0], best);
    assert_eq!(json["best"].as_array().map(Vec::len), Some(5));
}

#[test]
fn models_that_may_all_run_at_once_share_nothing() {
    let json = share(&folder(), &["a.csv", "b.csv", "--schedule", "any"]);
    assert_eq!(numbers(&json), [180, 180, 180, 0, 0]);
    assert_eq!(
        (&json["shared_pairs"], &json["best"]),
        (&json!(0), &json!([]))
    );
}

#[test]
fn a_schedule_file_lists_the_pairs_that_may_run_together() {
    let folder = folder();
    folder.write("pairs.json", r#"{"together": [["a", "b"], ["b", "c"]]}"#);
    let json = share(
        &folder,
        &["a.csv", "b.csv", "c.csv", "--schedule", "pairs.json"],
    );
    assert_eq!(numbers(&json), [180, 180, 280, 100, 4]);
}

#[test]
fn a_schedule_file_lists_the_starts_of_each_model() {
    let folder = folder();
    // b begins when x of a has died, and again when a has ended.
    folder.write("starts.json", r#"{"starts": {"a": [0], "b": [2, 10]}}"#);
    let json = share(&folder, &["a.csv", "b.csv", "--schedule", "starts.json"]);
    assert_eq!(numbers(&json), [120, 120, 180, 60, 1]);
}

#[test]
fn models_of_the_same_name_are_numbered() {
    let folder = folder();
    folder.write("pairs.json", r#"{"together": [["a", "a#2"]]}"#);
    let json = share(
        &folder,
        &["a.csv", "a.csv", "./a.csv", "--schedule", "pairs.json"],
    );
    let names = json["models"].as_array().unwrap().iter();
    let names: Vec<&str> = names.map(|model| model["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "a#2", "a#3"]);
    assert_eq!(json["shared_peak"], 200);
}

#[test]
fn each_model_and_the_arena_have_a_plan_file() {
    let folder = folder();
    let args = [
        "share",
        "a.csv",
        "b.csv",
        "--schedule",
        "any",
        "--output",
        "plans",
    ];
    let text = folder.done(&args).stdout;
    for said in [
        "2 models in one arena",
        "separately",
        "180 bytes",
        "plans/shared.json",
    ] {
        assert!(text.contains(said), "'{said}' in: {text}");
    }
    let read = |name: &str| folder.read(&format!("plans/{name}"));
    let joint = Plan::read_json(read("shared.json").as_bytes()).unwrap();
    assert_eq!((joint.len(), joint.peak()), (3, 180));
    assert!(joint.lifetimes().find("b/z").is_some());
    let b = read("b.csv");
    let offset = joint
        .offset(joint.lifetimes().find("b/z").unwrap())
        .unwrap();
    assert_eq!(
        b,
        format!("lower,id,upper,size,offset\n0,z,2,80,{offset}\n")
    );
    let a = Plan::read_csv(read("a.csv").as_bytes()).unwrap();
    assert_eq!(a.offsets(), &joint.offsets()[..2]);
    folder.done(&["check", "plans/a.csv"]);
    folder.done(&["check", "plans/shared.json"]);
    // Again: the older files are replaced.
    folder.done(&args);
}

#[test]
fn an_input_is_never_replaced() {
    let folder = folder();
    let args = ["share", "a.csv", "b.csv", "--output", "."];
    folder
        .run(&args)
        .failed(2, &["would replace the input 'a.csv'"]);
    assert_eq!(
        (folder.read("a.csv"), folder.names().len()),
        (PAIR.to_string(), 3)
    );
    let file = ["share", "a.csv", "b.csv", "--output", "c.csv"];
    folder.run(&file).failed(1, &["cannot write"]);
}

#[test]
fn onnx_and_csv_models_can_be_mixed() {
    let folder = Folder::with("net.onnx", network("N"));
    folder.write("three.csv", THREE);
    let alone = folder
        .done(&["plan", "net.onnx", "--dim", "N=2", "--json"])
        .json();
    let json = share(&folder, &["net.onnx", "three.csv", "--dim", "N=2"]);
    let models = &json["models"];
    assert_eq!(models[0]["isolated_peak"], alone["peak"]);
    let alignments = (&models[0]["alignment"], &models[1]["alignment"]);
    assert_eq!(alignments, (&json!(64), &json!(1)));
}

#[test]
fn the_message_for_a_bad_schedule_file_has_the_file_the_place_and_the_reason() {
    let folder = folder();
    let cases = [
        (
            "[1]",
            "starts.json: [1] is not an object, expected {\"together\"",
        ),
        ("{", "starts.json: EOF"),
        ("{\"first\": []}", "unknown key 'first', expected"),
        ("{}", "0 keys instead of one"),
        ("{\"together\": 7}", "together: 7 is not an array of pairs"),
        (
            "{\"together\": [[\"a\", \"b\"], [\"a\"]]}",
            "together[1]: [\"a\"] is not a pair",
        ),
        (
            "{\"together\": [[\"a\", \"d\"]]}",
            "together[0]: there is no model 'd', expected one of 'a', 'b'",
        ),
        (
            "{\"together\": [[\"a\", \"a\"]]}",
            "together[0]: 'a' is paired with itself",
        ),
        ("{\"starts\": []}", "starts: [] is not an object"),
        ("{\"starts\": {\"a\": [0]}}", "starts: 'b' is missing"),
        (
            "{\"starts\": {\"a\": [0], \"b\": [0.5]}}",
            "starts.b: [0.5] is not a list of steps",
        ),
        (
            "{\"starts\": {\"a\": [0], \"b\": []}}",
            "starts.b: [] is not a list of steps",
        ),
        (
            "{\"starts\": {\"a\": [0], \"b\": [0], \"x\": [0]}}",
            "starts: there is no model 'x'",
        ),
        (
            "{\"starts\": {\"a\": [0, 1], \"b\": [0]}}",
            "starts.json: tensor 'y' of model 'a' is still alive in the run that starts at 0",
        ),
    ];
    for (text, message) in cases {
        folder.write("starts.json", text);
        let run = folder.run(&[
            "share",
            "a.csv",
            "b.csv",
            "--schedule",
            "starts.json",
            "--output",
            "plans",
        ]);
        run.failed(1, &[message]);
        assert!(!folder.path("plans").exists());
    }
    let missing = folder.run(&["share", "a.csv", "b.csv", "--schedule", "no.json"]);
    missing.failed(1, &["cannot read 'no.json'"]);
    folder.run(&["share"]).failed(2, &["<INPUT>"]);
    folder.write("bad.csv", "id,lower\n");
    folder
        .run(&["share", "a.csv", "bad.csv"])
        .failed(1, &["bad.csv"]);
}

#[test]
fn an_unknown_schedule_is_wrong_usage() {
    let run = folder().run(&["share", "a.csv", "--schedule", "always"]);
    run.failed(2, &["'always' is neither one-at-a-time nor any"]);
}

#[test]
fn a_dimension_is_set_in_the_models_that_have_it() {
    let folder = Folder::new();
    let relu = |dim: &str| {
        let nodes = vec![node("Relu", &["x"], &["y"])];
        onnx::model(&["1", dim], nodes, vec![])
    };
    folder.write("a.onnx", relu("width"));
    folder.write("b.onnx", relu("length"));
    let dims = ["--dim", "width=8", "--dim", "length=8"];
    let json = share(&folder, &[&["a.onnx", "b.onnx"][..], &dims].concat());
    assert_eq!(json["shared_peak"], 96);
    folder.write("c.onnx", relu("width"));
    let dims = ["--dim", "width=8", "--dim", "c:width=16"];
    let json = share(&folder, &[&["a.onnx", "c.onnx"][..], &dims].concat());
    assert_eq!(json["shared_peak"], 128);
    folder
        .run(&["share", "a.onnx", "b.onnx", "--dim", "depth=8"])
        .failed(2, &["--dim depth=8", "length, width"]);
}
