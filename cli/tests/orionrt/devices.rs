//! Lifetimes of several devices in one CSV file: each is planned for itself.

use serde_json::Value;

use crate::{page::Document, run::Folder};

/// Two devices whose plans are at their bounds, 24 and 40 bytes, with an id that both have.
const TWO: &str = "\
id,lower,upper,size,device
weights,0,4,16,gpu0
weights,0,4,32,gpu1
early,0,2,8,gpu0
late,2,4,8,gpu0
early,0,2,8,gpu1
";

fn names(json: &Value) -> Vec<&str> {
    let devices = json["devices"].as_array().expect("devices").iter();
    devices
        .map(|of| of["device"].as_str().expect("a name"))
        .collect()
}

#[test]
fn each_device_is_planned_for_itself_and_the_file_of_all_is_checked_so() {
    let folder = Folder::with("two.csv", TWO);
    let run = folder.done(&["plan", "two.csv", "--json", "--output", "plan.csv"]);
    let json = run.json();
    assert_eq!(names(&json), ["gpu0", "gpu1"]);
    for (index, peak) in [24, 40].into_iter().enumerate() {
        let device = &json["devices"][index];
        assert_eq!(
            (&device["peak"], &device["optimal"]),
            (&peak.into(), &true.into())
        );
    }
    let plan = folder.read("plan.csv");
    let lines: Vec<&str> = plan.lines().collect();
    assert_eq!(lines[0], "id,lower,upper,size,device,offset");
    let begins: Vec<&str> = TWO.lines().skip(1).collect();
    for (line, begin) in lines[1..].iter().zip(begins) {
        assert!(line.starts_with(begin), "{line}");
    }
    let checked = folder.done(&["check", "plan.csv", "--json"]).json();
    assert_eq!(names(&checked), ["gpu0", "gpu1"]);
    assert_eq!(
        (&checked["ok"], &checked["devices"][1]["peak"]),
        (&true.into(), &40.into())
    );
    // Bytes that tensors of one device share at a time are refused, with their line.
    let wrong = format!("{plan}{}\n", lines[1].replace("weights", "again"));
    folder.write("wrong.csv", wrong);
    let refused = folder.run(&["check", "wrong.csv"]);
    refused.failed(1, &["wrong.csv", "line 7", "not a valid plan"]);
}

#[test]
fn one_device_can_be_chosen_and_verbs_of_one_memory_need_that() {
    let folder = Folder::with("two.csv", TWO);
    let args = [
        "plan", "two.csv", "--device", "gpu1", "--json", "--output", "one.csv",
    ];
    let json = folder.done(&args).json();
    assert_eq!((&json["peak"], &json["buffers"]), (&40.into(), &2.into()));
    let one = folder.read("one.csv");
    assert_eq!(one.lines().count(), 3, "{one}");
    assert!(!one.contains("gpu0"), "{one}");
    folder.done(&["compare", "two.csv", "--device", "gpu0", "--nodes", "100"]);
    let compared = folder.run(&["compare", "two.csv"]);
    compared.failed(2, &["two.csv", "2 devices", "--device"]);
    let unknown = folder.run(&["plan", "two.csv", "--device", "gpu7"]);
    unknown.failed(2, &["--device gpu7", "gpu0, gpu1"]);
    for option in [
        ["--svg", "a.svg"],
        ["--output", "a.json"],
        ["--snapshot", "a.pickle"],
    ] {
        let refused = folder.run(&[&["plan", "two.csv"], &option[..]].concat());
        refused.failed(2, &[option[0], "2 devices", "--device"]);
        assert!(!folder.path(option[1]).exists());
    }
    folder.done(&["plan", "two.csv", "--output", "plan.csv"]);
    let kept = folder.run(&["plan", "two.csv", "--device", "gpu0", "--keep", "plan.csv"]);
    kept.failed(2, &["plan.csv", "2 devices"]);
}

#[test]
fn a_capacity_is_that_of_each_device() {
    let folder = Folder::with("two.csv", TWO);
    folder.done(&[
        "plan",
        "two.csv",
        "--capacity",
        "40",
        "--output",
        "plan.csv",
    ]);
    let above = [
        "plan",
        "two.csv",
        "--capacity",
        "39",
        "--output",
        "other.csv",
    ];
    let planned = folder.run(&above);
    assert_eq!(planned.status, 3);
    planned.said(&["device gpu1", "39 bytes", "'other.csv' was not written"]);
    assert!(!folder.path("other.csv").exists());
    folder.done(&["check", "plan.csv", "--capacity", "40"]);
    let checked = folder.run(&["check", "plan.csv", "--capacity", "39"]);
    assert_eq!(checked.status, 3);
    checked.said(&["device gpu1", "40 bytes"]);
}

#[test]
fn a_page_has_a_map_for_each_of_four_devices_and_names_the_others() {
    let mut text = "id,lower,upper,size,device,stream\n".to_string();
    for device in 0..6 {
        text += &format!("a,0,2,{},{device},1\nb,1,3,8,{device},2\n", 8 + 8 * device);
    }
    let folder = Folder::with("six.csv", text);
    folder.done(&[
        "plan", "six.csv", "--html", "p.html", "--output", "plan.csv",
    ]);
    folder.done(&["check", "plan.csv", "--html", "c.html"]);
    for page in ["p.html", "c.html"] {
        let page = Document::of(&folder.read(page));
        let maps = page.header["maps"].as_array().expect("maps");
        let titles: Vec<&str> = maps
            .iter()
            .filter_map(|map| map["title"].as_str())
            .collect();
        assert_eq!(titles, ["device 2", "device 3", "device 4", "device 5"]);
        let memories: Vec<u64> = maps
            .iter()
            .filter_map(|map| map["memory"].as_u64())
            .collect();
        assert_eq!(memories, [2, 3, 4, 5], "none is compared with another");
        assert_eq!(maps[3]["peak"], 56);
        let notes = page.header["notes"].to_string();
        assert!(notes.contains("not drawn: device 0, device 1"), "{notes}");
    }
    let page = Document::of(&folder.read("p.html"));
    assert_eq!(page.header["maps"][1]["streams"]["names"][1], "stream 2");
}

#[test]
fn tensors_of_no_device_have_a_memory_too_and_a_file_of_one_device_is_as_any() {
    let folder = Folder::with("some.csv", TWO.replace("gpu1", ""));
    let run = folder.done(&["plan", "some.csv"]);
    for title in ["device gpu0\n", "no device\n"] {
        assert!(run.stdout.contains(title), "{}", run.stdout);
    }
    let one = TWO
        .replace("gpu1", "gpu0")
        .replace("weights,0,4,32", "w,0,4,32");
    folder.write(
        "one.csv",
        one.replace("early,0,2,8,gpu0\nlate", "first,0,2,8,gpu0\nlate"),
    );
    let json = folder.done(&["plan", "one.csv", "--json"]).json();
    assert_eq!((&json["peak"], json.get("devices")), (&64.into(), None));
}
