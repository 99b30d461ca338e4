//! Several plans on one page: `orionrt view` with several inputs, and `orionrt compare --html`.
//!
//! The document is read as `docs/page.md` describes it, not by the code that writes it.

use serde_json::Value;

use crate::{
    onnx::network,
    page::Document,
    run::{Folder, THREE},
};

/// A plan of the tensors in `THREE` that leaves two KiB free below `b`.
const PLAN: &str = "id,lower,upper,size,offset\na,0,2,1024,0\nb,1,3,2048,4096\nc,2,4,1024,0\n";

fn titles(document: &Document) -> Vec<&str> {
    let maps = document.header["maps"].as_array().unwrap();
    maps.iter()
        .map(|map| map["title"].as_str().unwrap())
        .collect()
}

fn offsets(document: &Document, map: usize) -> Vec<(String, f64)> {
    let tensors = &document.header["maps"][map]["tensors"];
    let names = document.strings(&tensors["name"]);
    names
        .into_iter()
        .zip(document.column(&tensors["offset"]))
        .collect()
}

fn document(folder: &Folder) -> Document {
    Document::of(&folder.read("p.html"))
}

#[test]
fn a_plan_and_what_is_planned_stand_on_one_page_in_the_order_of_their_names() {
    let folder = Folder::with("in.csv", THREE);
    folder.write("before.csv", PLAN);
    let run = folder.done(&[
        "view",
        "before.csv",
        "in.csv",
        "--html",
        "p.html",
        "--no-open",
    ]);
    assert!(run.stdout.contains("p.html"), "{}", run.stdout);
    for line in ["before.csv", "6.00 KiB", "in.csv", "3.00 KiB"] {
        assert!(run.stdout.contains(line), "'{line}' in {}", run.stdout);
    }
    let document = document(&folder);
    assert_eq!(document.header["title"], "before.csv, in.csv");
    assert_eq!(titles(&document), ["before.csv", "in.csv"]);
    assert_eq!(
        offsets(&document, 0),
        [("a".into(), 0.0), ("b".into(), 4096.0), ("c".into(), 0.0)]
    );
    let peaks: Vec<&Value> = (0..2)
        .map(|i| &document.header["maps"][i]["peak"])
        .collect();
    assert_eq!(peaks, [6144, 3072]);
}

#[test]
fn one_input_that_is_given_twice_has_two_names() {
    let folder = Folder::with("in.csv", THREE);
    let inputs = ["view", "in.csv", "in.csv", "in.csv"];
    let run = folder.done(&[&inputs[..], &["--html", "p.html", "--no-open"]].concat());
    let document = document(&folder);
    assert_eq!(titles(&document), ["in.csv", "in.csv#2", "in.csv#3"]);
    assert_eq!(document.header["title"], "in.csv, in.csv#2, in.csv#3");
    assert!(run.stdout.contains("in.csv#3"), "{}", run.stdout);
}

#[test]
fn a_plan_of_a_model_stands_beside_a_new_one_with_other_settings() {
    let folder = Folder::with("m.onnx", network("batch"));
    folder.done(&["plan", "m.onnx", "--dim", "batch=2", "--output", "m.json"]);
    let model = ["m.onnx", "--dim", "batch=2", "--aliasing", "in-place"];
    let page = ["--html", "p.html", "--no-open"];
    folder.done(&[&["view", "m.json"], &model[..], &page[..]].concat());
    let document = document(&folder);
    let maps = &document.header["maps"];
    assert_eq!(
        (&maps[0]["operators"], titles(&document)[1]),
        (&Value::Null, "m.onnx")
    );
    assert!(maps[1]["operators"]["name"]["count"].as_u64() > Some(0));
    // The plan's file states the order that it is for, so that the page can compare it.
    let aliasing = |map: usize| &maps[map]["execution"]["aliasing"];
    assert_eq!(
        (aliasing(0), aliasing(1)),
        (&"off".into(), &"in-place".into())
    );
    assert_eq!(
        document.strings(&maps[0]["execution"]["operators"]),
        document.strings(&maps[1]["operators"]["name"])
    );
    let within = |map: usize| {
        let tensors = &document.header["maps"][map]["tensors"];
        document
            .column(&tensors["within"])
            .iter()
            .filter(|&&of| of > 0.0)
            .count()
    };
    assert!(
        within(0) == 0 && within(1) > 0,
        "{} and {}",
        within(0),
        within(1)
    );
}

#[test]
fn files_of_one_name_are_told_apart_by_their_paths() {
    let folder = Folder::with("p.csv", PLAN);
    std::fs::create_dir(folder.path("old")).unwrap();
    folder.write("old/p.csv", PLAN);
    folder.done(&[
        "view",
        "old/p.csv",
        "p.csv",
        "--html",
        "p.html",
        "--no-open",
    ]);
    assert_eq!(titles(&document(&folder)), ["old/p.csv", "p.csv"]);
}

#[test]
fn a_page_never_takes_the_place_of_an_input_and_inputs_have_room_on_it() {
    let folder = Folder::with("in.csv", THREE);
    folder.write("p.csv", PLAN);
    let run = folder.run(&["view", "in.csv", "p.csv", "--html", "p.csv"]);
    run.failed(2, &["--html 'p.csv'", "the input"]);
    assert_eq!(folder.read("p.csv"), PLAN);
    let seven = [
        "view", "p.csv", "p.csv", "p.csv", "p.csv", "p.csv", "p.csv", "p.csv",
    ];
    folder.run(&seven).failed(2, &["7 inputs", "at most 6"]);
    folder.write("old.html", "<!doctype html>");
    folder
        .run(&["view", "p.csv", "old.html"])
        .failed(2, &["'old.html' is a page already"]);
    folder
        .run(&["view", "p.csv", "none.csv"])
        .failed(1, &["none.csv"]);
    assert_eq!(folder.names(), ["in.csv", "old.html", "p.csv"]);
}

#[test]
fn the_best_strategy_is_drawn_beside_the_baseline() {
    let rows = "id,lower,upper,size\na,0,3,10\nb,2,6,7\nc,5,9,12\nd,1,8,3\ne,7,9,9\n";
    let folder = Folder::with("in.csv", rows);
    let args = [
        "compare", "in.csv", "--nodes", "1000", "--json", "--html", "p.html",
    ];
    let json = folder.done(&args).json();
    let document = document(&folder);
    assert_eq!(document.header["kind"], "compare");
    let titles = titles(&document);
    assert_eq!(
        (titles.len(), titles[1]),
        (2, json["best"].as_str().unwrap())
    );
    let strategies = json["strategies"].as_array().unwrap();
    for (i, title) in titles.iter().enumerate() {
        let entry = strategies
            .iter()
            .find(|entry| entry["strategy"] == **title)
            .unwrap();
        assert_eq!(document.header["maps"][i]["peak"], entry["peak"], "{title}");
    }
    let peak = |name: &str| {
        let entry = strategies.iter().find(|entry| entry["strategy"] == name);
        entry.unwrap()["peak"].as_u64().unwrap()
    };
    if peak("greedy-size") > peak(titles[1]) {
        assert_eq!(titles[0], "greedy-size");
    } else {
        let all = strategies
            .iter()
            .map(|entry| entry["peak"].as_u64().unwrap());
        assert_eq!(peak(titles[0]), all.max().unwrap());
    }
    folder
        .run(&["compare", "in.csv", "--html", "in.csv"])
        .failed(2, &["--html 'in.csv'"]);
    let text = folder
        .done(&["compare", "in.csv", "--nodes", "9", "--html", "p.html"])
        .stdout;
    assert!(text.ends_with("written: p.html\n"), "{text}");
}
