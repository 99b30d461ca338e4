//! Networks like those of the demo, within a capacity by each way, and what is said of them.

#![forbid(unsafe_code)]

use clap::Parser;
use serde_json::Value;

use super::{json::Json, measured, text::text};
use crate::{
    args::{Cli, Command, DemoArgs},
    demo::{MeasuredFit, medium_networks},
};

/// The arguments of `orionrt demo` with these options, and what they measure of smaller networks.
fn demo(options: &[&str]) -> (DemoArgs, Vec<MeasuredFit>) {
    let command = ["orionrt", "demo", "--iterations", "1"];
    let cli = Cli::try_parse_from(command.iter().chain(options)).unwrap();
    let Command::Demo(args) = cli.command else {
        panic!("the command is demo")
    };
    let capacity = args.capacity.unwrap();
    let measured = measured(&args, capacity, &medium_networks(1)).unwrap();
    (args, measured)
}

fn json(options: &[&str]) -> Value {
    let (args, measured) = demo(options);
    serde_json::to_value(Json::of(&args, args.capacity.unwrap(), &measured)).unwrap()
}

/// The networks at 70 % of their peak, or in the least that is enough, by one way alone.
fn within_70_percent(way: &str) -> Vec<Value> {
    let json = json(&["--capacity", "70%", "--way", way]);
    assert_eq!(json["ways"], serde_json::json!([way]));
    assert_eq!(json["capacity"], "70%");
    let networks = json["networks"].as_array().unwrap().clone();
    assert_eq!(networks.len(), 3);
    for network in &networks {
        let bytes = |name: &str| network[name].as_u64().unwrap();
        let (peak, capacity) = (bytes("peak_bytes"), bytes("capacity_bytes"));
        assert_eq!(bytes("asked_bytes"), peak * 7 / 10);
        assert!(
            bytes("planned_bytes") <= capacity && capacity <= peak,
            "{network}"
        );
        let is_asked = capacity == bytes("asked_bytes");
        assert_eq!(network["too_little"].is_null(), is_asked, "{network}");
        assert_eq!(network["bit_identical"], true);
        let time = |name: &str| network[name].as_f64().unwrap();
        let is_free = time("added_estimated_ms") == 0.0;
        assert_eq!(time("added_measured_ms") == 0.0, is_free, "{network}");
        assert!(
            time("added_lower_bound_ms") <= time("added_estimated_ms"),
            "{network}"
        );
    }
    // At least one network runs in less than its peak, for added time.
    let adds = |network: &&Value| {
        let is_lower = network["capacity_bytes"].as_u64() < network["peak_bytes"].as_u64();
        is_lower && network["added_measured_ms"].as_f64() > Some(0.0)
    };
    assert_ne!(networks.iter().filter(adds).count(), 0, "{way}");
    networks
}

/// The sum of a number over all networks.
fn sum(networks: &[Value], name: &str) -> u64 {
    let numbers = networks.iter().map(|network| network[name].as_u64());
    numbers.map(Option::unwrap).sum()
}

#[test]
fn tensors_that_are_spilled_to_a_file_come_back_with_the_same_bits() {
    let networks = within_70_percent("spill");
    assert_eq!(sum(&networks, "reruns"), 0);
    assert!(sum(&networks, "spills") > 0);
    assert!(sum(&networks, "fetched_bytes") >= sum(&networks, "spilled_bytes"));
    assert!(sum(&networks, "file_bytes") > 0);
    assert!(networks[0]["file_write_bytes_per_second"].as_f64() > Some(0.0));
}

#[test]
fn operators_that_are_rerun_give_the_same_bits() {
    let networks = within_70_percent("recompute");
    assert!(sum(&networks, "reruns") > 0);
    let none = [
        "spills",
        "fetches",
        "spilled_bytes",
        "fetched_bytes",
        "file_bytes",
    ];
    assert_eq!(none.map(|name| sum(&networks, name)), [0; 5]);
    assert!(networks[0]["file_write_bytes_per_second"].is_null());
}

#[test]
fn tensors_in_compressed_form_come_back_with_the_same_bits() {
    let networks = within_70_percent("compress");
    let kinds = ["compressions", "expansions"].map(|name| sum(&networks, name));
    assert!(kinds[0] > 0 && kinds[1] >= kinds[0], "{kinds:?}");
    assert!(sum(&networks, "expanded_bytes") >= sum(&networks, "compressed_bytes"));
    assert_eq!(
        ["reruns", "spills", "file_bytes"].map(|name| sum(&networks, name)),
        [0; 3]
    );
}

#[test]
fn weights_that_stay_in_a_file_let_networks_run_in_half_of_their_memory() {
    let json = json(&["--capacity", "50%", "--stream-weights", "--way", "spill"]);
    assert_eq!(json["stream_weights"], true);
    let networks = json["networks"].as_array().unwrap();
    let encoder = &networks[0];
    let bytes = |name: &str| encoder[name].as_u64().unwrap();
    assert_eq!(
        (encoder["too_little"].is_null(), bytes("spills")),
        (true, 0)
    );
    assert_eq!(bytes("capacity_bytes"), bytes("peak_bytes") / 2);
    // Each weight is read once in a run; some may stay, but no more than there is room for.
    assert!(bytes("weight_bytes") > bytes("capacity_bytes"), "{encoder}");
    assert!(bytes("fetched_bytes") <= bytes("weight_bytes"), "{encoder}");
    let without_room = bytes("peak_bytes") - bytes("capacity_bytes");
    assert!(bytes("fetched_bytes") >= without_room, "{encoder}");
    for network in networks {
        assert_eq!(network["bit_identical"], true);
    }
}

#[test]
fn a_capacity_that_is_too_small_is_named_and_the_least_is_used() {
    let (args, measured) = demo(&["--capacity", "120KiB"]);
    let report = text(&args, args.capacity.unwrap(), &measured);
    for part in [
        "runs 3 networks, each within 120 KiB. Ways to free memory: recompute, spill.",
        "most in the file at once",
        "\nlimit, the weights and buffers of matrix products (at most 1.1 MiB).\n",
        "  120 KiB is too little: operator 'up0.first' needs at least 128 KiB\n",
        "  it runs within 128 KiB, the least capacity that was found\n",
        "added time, estimated",
        "added time, measured",
        "resident in the arena",
    ] {
        assert!(report.contains(part), "'{part}' in: {report}");
    }
    // The convolutional network needs less.
    assert_eq!(report.matches("is too little").count(), 2, "{report}");
    assert_eq!(
        report
            .matches("outputs are the same bits in 2 runs")
            .count(),
        3,
        "{report}"
    );
}
