//! `orionrt demo`: needs no file, and shows that results do not depend on where tensors live.

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
        "U-Net: 47 tensors, 46 operators",
        "planned, own bytes each",
        "planned, views and in place",
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
