//! `orionrt plan --pool`: tensors divided among memories.

use crate::run::{Folder, THREE};

const WEIGHTED: &str = "id,lower,upper,size,weight\na,0,2,600,5\nb,0,2,600,7\nc,2,4,900,1\n";

fn names(json: &serde_json::Value) -> Vec<&str> {
    let tensors = json["tensors"].as_array().expect("tensors").iter();
    tensors
        .map(|one| one["pool"].as_str().expect("a name"))
        .collect()
}

#[test]
fn the_fast_pool_holds_what_is_worth_most_and_the_answer_says_why() {
    let folder = Folder::with("in.csv", WEIGHTED);
    let pools = ["--pool", "fast=1000", "--pool", "slow"];
    let args = [&["plan", "in.csv", "--output", "plan.csv"][..], &pools].concat();
    let text = folder.done(&args).stdout;
    for part in [
        "traffic       the column weight",
        "pool fast\n",
        "peak          900 bytes of 1000 bytes",
        "serves        61.5 % of the traffic",
        "no other choice serves more",
        "pool slow\n",
        "not in pool fast\n",
        "a: others that are worth more leave 400 bytes in steps 0..2",
    ] {
        assert!(text.contains(part), "'{part}' in: {text}");
    }
    let plan = folder.read("plan.csv");
    let lines: Vec<&str> = plan.lines().collect();
    assert_eq!(lines[0], "id,lower,upper,size,weight,device,offset");
    assert_eq!(
        lines[1..],
        [
            "a,0,2,600,5,slow,0",
            "b,0,2,600,7,fast,0",
            "c,2,4,900,1,fast,0"
        ]
    );
    let checked = folder.done(&["check", "plan.csv", "--json"]).json();
    assert_eq!(checked["devices"].as_array().map(Vec::len), Some(2));
    let json = folder
        .done(&[&["plan", "in.csv", "--json"][..], &pools].concat())
        .json();
    assert_eq!(names(&json), ["slow", "fast", "fast"]);
    let fast = &json["pools"][0];
    assert_eq!(
        (&fast["traffic"], &fast["capacity"]),
        (&8.into(), &1000.into())
    );
    assert_eq!(
        (&fast["peak"], &fast["best_choice"]),
        (&900.into(), &true.into())
    );
}

#[test]
fn without_weights_sizes_decide_and_without_room_nothing_is_written() {
    let folder = Folder::with("in.csv", THREE);
    let args = [
        "plan", "in.csv", "--json", "--pool", "fast=1K", "--pool", "slow",
    ];
    let json = folder.done(&args).json();
    assert_eq!(names(&json), ["fast", "slow", "fast"]);
    let args = [
        "plan", "in.csv", "--output", "out.csv", "--pool", "a=1K", "--pool", "b=1K",
    ];
    folder
        .run(&args)
        .failed(3, &["in.csv", "pool 'b'", "'out.csv' was not written"]);
    assert_eq!(folder.names(), ["in.csv"]);
}

#[test]
fn what_pools_cannot_be_is_said() {
    let folder = Folder::with("in.csv", WEIGHTED.replace(",7\n", ",-7\n"));
    let pools = ["--pool", "fast=1000", "--pool", "slow"];
    let run = folder.run(&[&["plan", "in.csv"][..], &pools].concat());
    run.failed(1, &["in.csv", "id 'b': weight is '-7'"]);
    folder.write("in.csv", THREE);
    let usage = |args: &[&str], messages: &[&str]| {
        folder
            .run(&[&["plan", "in.csv"][..], args].concat())
            .failed(2, messages);
    };
    usage(
        &["--pool", "a", "--pool", "a"],
        &["two pools are called 'a'"],
    );
    usage(&["--pool", "=4"], &["NAME=BYTES"]);
    usage(&["--pool", "a", "--svg", "a.svg"], &["--svg"]);
    usage(&["--pool", "a", "--output", "a.json"], &["a.json", ".csv"]);
}
