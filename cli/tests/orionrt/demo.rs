//! `orionrt demo`: needs no file, and shows that results do not depend on where tensors live, and
//! on how they get there.

use crate::run::Folder;

#[test]
fn all_networks_run_and_their_outputs_are_bit_identical() {
    let report = Folder::new().done(&["demo", "--iterations", "1"]).stdout;
    assert_eq!(
        report.matches("outputs: bit-identical").count(),
        3,
        "{report}"
    );
    for part in [
        "transformer encoder: 62 tensors, 61 operators",
        "convolutional network: 37 tensors, 36 operators",
        "U-Net: 38 tensors, 37 operators",
        "planned, own bytes each",
        "planned, views and in place",
        "planned, parts as well",
        "lower bound with parts",
        "parts: 4 of 4 operands of concatenations",
        "peak 1.25 MiB instead of 1.50 MiB, 1.12 MiB less to copy, the same bits",
        "heap",
        "sum of sizes",
        "lower bound",
        "page faults, first run",
        "orionrt plan model.onnx",
        "orionrt compare",
    ] {
        assert!(report.contains(part), "'{part}' in: {report}");
    }
}

#[test]
fn json_has_consistent_numbers_of_all_networks() {
    let json = Folder::new()
        .done(&["demo", "--iterations", "3", "--json"])
        .json();
    let networks = json["networks"].as_array().unwrap();
    assert_eq!((networks.len(), &json["iterations"]), (3, &3.into()));
    let in_place_helps = |network: &&serde_json::Value| {
        let bytes = |name: &str| network[name].as_u64();
        bytes("planned_bytes") < bytes("planned_off_bytes")
    };
    // The peak of the convolutional network is set by a window buffer, which nothing can overwrite.
    let helped = networks.iter().filter(in_place_helps);
    let helped: Vec<_> = helped.map(|network| &network["name"]).collect();
    assert_eq!(helped, ["transformer encoder", "U-Net"]);
    for network in networks {
        let bytes = |name: &str| network[name].as_u64().unwrap();
        assert!(bytes("lower_bound") <= bytes("planned_bytes"));
        assert!(bytes("planned_bytes") < bytes("total_bytes"));
        assert!(bytes("planned_bytes") <= bytes("planned_off_bytes"));
        assert!(bytes("lower_bound_off") <= bytes("planned_off_bytes"));
        assert!(bytes("heap_peak_bytes") <= bytes("lower_bound_off"));
        let has_parts = network["name"] == "U-Net";
        assert_eq!(
            network["uncopied_bytes"].as_u64(),
            has_parts.then_some(9 << 17)
        );
        if has_parts {
            assert!(bytes("planned_parts_bytes") < bytes("lower_bound"));
            assert_eq!(bytes("planned_parts_bytes"), bytes("lower_bound_parts"));
        }
        assert_eq!(network["bit_identical"], true);
        assert_eq!(network["planned"]["allocations"], 0);
        assert_eq!(network["heap"]["allocations"], network["tensors"]);
        // The arena's pages fault in the first run. A few faults later are possible: the system may
        // migrate or reclaim pages at any time.
        let faults = |when: &str| network["planned"][when].as_u64();
        match (faults("first_page_faults"), faults("steady_page_faults")) {
            (Some(first), Some(later)) => assert!(later < first / 4 + 16, "{network}"),
            _ => eprintln!("not checked: this system does not count page faults per thread"),
        }
    }
}

/// The networks at 70 % of their peak, or in the least that is enough, by one way alone.
fn within_70_percent(way: &str) -> Vec<serde_json::Value> {
    let args = ["demo", "--capacity", "70%", "--iterations", "1", "--json"];
    let json = Folder::new().done(&[&args[..], &["--way", way]].concat());
    let json = json.json();
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
        // Every page of the plan is written, and the arena has no other.
        match network["resident_bytes"].as_u64() {
            Some(resident) => {
                let pages = |bytes: u64| bytes.next_multiple_of(1 << 16);
                assert!(resident <= pages(capacity), "{network}");
                assert!(pages(resident) >= bytes("planned_bytes"), "{network}");
            }
            None => eprintln!("not checked: this system does not list resident pages"),
        }
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
    let adds = |network: &&serde_json::Value| {
        let is_lower = network["capacity_bytes"].as_u64() < network["peak_bytes"].as_u64();
        is_lower && network["added_measured_ms"].as_f64() > Some(0.0)
    };
    assert_ne!(networks.iter().filter(adds).count(), 0, "{way}");
    networks
}

/// The sum of a number over all networks.
fn sum(networks: &[serde_json::Value], name: &str) -> u64 {
    networks
        .iter()
        .map(|network| network[name].as_u64().unwrap())
        .sum()
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
    let args = [
        "demo",
        "--capacity",
        "50%",
        "--stream-weights",
        "--way",
        "spill",
    ];
    let args = [&args[..], &["--iterations", "1", "--json"]].concat();
    let json = Folder::new().done(&args).json();
    assert_eq!(json["stream_weights"], true);
    let networks = json["networks"].as_array().unwrap();
    let encoder = &networks[0];
    let bytes = |name: &str| encoder[name].as_u64().unwrap();
    assert_eq!(
        (encoder["too_little"].is_null(), bytes("spills")),
        (true, 0)
    );
    assert_eq!(bytes("capacity_bytes"), bytes("peak_bytes") / 2);
    // Each weight is read once in a run; some may stay.
    assert!(bytes("weight_bytes") > bytes("capacity_bytes"), "{encoder}");
    assert!(bytes("fetched_bytes") <= bytes("weight_bytes"), "{encoder}");
    assert!(
        bytes("fetched_bytes") > bytes("peak_bytes") / 2,
        "{encoder}"
    );
    for network in networks {
        assert_eq!(network["bit_identical"], true);
        let resident = network["resident_bytes"].as_u64();
        let capacity = network["capacity_bytes"].as_u64().unwrap();
        assert!(resident.is_none_or(|bytes| bytes <= capacity.next_multiple_of(1 << 16)));
    }
}

#[test]
fn a_capacity_that_is_too_small_is_named_and_the_least_is_used() {
    let args = ["demo", "--capacity", "1MiB", "--iterations", "1"];
    let report = Folder::new().done(&args).stdout;
    for part in [
        "runs 3 networks, each within 1.00 MiB. Ways to free memory: recompute, spill.",
        "most in the file at once",
        "\nlimit, the weights and buffers of matrix products (at most 1.1 MiB).\n",
        "  1.00 MiB is too little: operator 'stage0.block.first' needs at least 5.00 MiB\n",
        "  it runs within 5.00 MiB, the least capacity that was found\n",
        "added time, estimated",
        "added time, measured",
        "resident in the arena",
    ] {
        assert!(report.contains(part), "'{part}' in: {report}");
    }
    // The encoder needs less than that without any way.
    assert_eq!(report.matches("is too little").count(), 2, "{report}");
    assert_eq!(
        report
            .matches("outputs are the same bits in 2 runs")
            .count(),
        3,
        "{report}"
    );
}
