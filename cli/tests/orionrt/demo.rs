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
        "convolutional network: 28 tensors, 27 operators",
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
    // At the peak of the convolutional network, a convolution reads and writes beside the operand
    // of a residual block: none of the three can overwrite another.
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

#[test]
fn within_a_capacity_the_arena_has_no_more_memory_than_that() {
    let args = ["demo", "--capacity", "70%", "--way", "spill"];
    let args = [&args[..], &["--iterations", "1", "--json"]].concat();
    let json = Folder::new().done(&args).json();
    assert_eq!(json["ways"], serde_json::json!(["spill"]));
    let networks = json["networks"].as_array().unwrap();
    assert_eq!(networks.len(), 3);
    for network in networks {
        let bytes = |name: &str| network[name].as_u64().unwrap();
        assert_eq!(bytes("asked_bytes"), bytes("peak_bytes") * 7 / 10);
        // Every page of the plan is written, and the arena has no other.
        match network["resident_bytes"].as_u64() {
            Some(resident) => {
                let pages = |bytes: u64| bytes.next_multiple_of(1 << 16);
                assert!(resident <= pages(bytes("capacity_bytes")), "{network}");
                assert!(pages(resident) >= bytes("planned_bytes"), "{network}");
            }
            None => eprintln!("not checked: this system does not list resident pages"),
        }
        assert_eq!(network["bit_identical"], true);
    }
    // The encoder has tensors that are idle at its peak.
    let encoder = |name: &str| networks[0][name].as_u64().unwrap();
    assert!(encoder("capacity_bytes") < encoder("peak_bytes") && encoder("spills") > 0);
}
