//! Devices of this machine: which there are, and plans for them.
//!
//! What there is differs from machine to machine: a backend has devices or a reason why not.

use serde_json::Value;

use crate::{
    onnx::network,
    run::{Folder, Run, THREE},
};

const BACKENDS: [(&str, bool); 3] = [
    ("vulkan", cfg!(feature = "vulkan")),
    ("wgpu", cfg!(feature = "wgpu")),
    ("cuda", cfg!(feature = "cuda")),
];

/// Runs the binary. Drivers may write to stderr, such as Mesa's for want of `XDG_RUNTIME_DIR`.
fn done(folder: &Folder, args: &[&str]) -> Run {
    let run = folder.run(args);
    assert_eq!(run.status, 0, "{args:?}: {}", run.stderr);
    run
}

fn devices(folder: &Folder) -> Value {
    done(folder, &["devices", "--json"]).json()
}

fn list<'j>(json: &'j Value, key: &str) -> &'j [Value] {
    json[key].as_array().expect(key)
}

/// The devices of a backend.
fn of<'j>(json: &'j Value, backend: &str) -> Vec<&'j Value> {
    let devices = list(json, "devices").iter();
    let is_of = |device: &&Value| {
        let name = device["device"].as_str().expect("a name");
        name.starts_with(&format!("{backend}:"))
    };
    devices.filter(is_of).collect()
}

/// With `ORIONRT_NEEDS_DEVICE`, these backends must have a device, so that what is said of devices
/// is said of one at least.
const NEEDED: [&str; 2] = ["vulkan", "wgpu"];

#[test]
fn each_backend_has_devices_or_a_reason() {
    let folder = Folder::new();
    let json = devices(&folder);
    if std::env::var_os("ORIONRT_NEEDS_DEVICE").is_some() {
        for (backend, _) in BACKENDS
            .iter()
            .filter(|(name, is_built)| *is_built && NEEDED.contains(name))
        {
            assert!(
                !of(&json, backend).is_empty(),
                "no device of {backend}: {json}"
            );
        }
    }
    let text = done(&folder, &["devices"]).stdout;
    for (backend, is_built) in BACKENDS {
        let found = of(&json, backend);
        let mut reasons = list(&json, "unavailable").iter();
        let reason = reasons.find(|it| it["backend"] == backend);
        let reason = reason.map(|it| it["reason"].as_str().expect("a reason"));
        assert_eq!(reason.is_none(), is_built && !found.is_empty(), "{backend}");
        if let Some(reason) = reason {
            let feature = format!("--features {backend}");
            assert_eq!(reason.contains(&feature), !is_built, "{reason}");
            assert!(text.contains(reason), "{text}");
        }
        for (index, device) in found.into_iter().enumerate() {
            let name = format!("{backend}:{index}");
            assert_eq!(device["device"], *name);
            assert!(text.contains(&format!("{name}: ")), "{text}");
            let alignment = device["plan_alignment"].as_u64().expect("an alignment");
            assert!(alignment.is_power_of_two(), "{device}");
        }
    }
}

#[test]
fn a_model_is_planned_with_the_alignment_of_a_device() {
    let folder = Folder::with("model.onnx", network("1"));
    for device in list(&devices(&folder), "devices") {
        let name = device["device"].as_str().expect("a name");
        let needed = device["plan_alignment"].as_u64().expect("an alignment");
        let plan = |more: &[&str]| {
            let args = ["plan", "model.onnx", "--device", name];
            done(&folder, &[&args[..], more].concat())
        };
        let json = plan(&["--json"]).json();
        assert_eq!(
            (&json["planned_for"], &json["alignment"]),
            (&name.into(), &needed.max(64).into())
        );
        let json = plan(&["--json", "--alignment", "65536"]).json();
        assert_eq!(json["alignment"], 65536.max(needed));
        assert!(
            plan(&[])
                .stdout
                .contains(&format!("device        {name}, "))
        );
    }
}

#[test]
fn regions_are_planned_with_the_alignment_of_a_device() {
    let folder = Folder::with("model.onnx", network("1"));
    for device in list(&devices(&folder), "devices") {
        let name = device["device"].as_str().expect("a name");
        let needed = device["plan_alignment"].as_u64().expect("an alignment");
        let args = ["plan", "model.onnx", "--device", name, "--max-region", "1M"];
        let json = done(&folder, &[&args[..], &["--json"]].concat()).json();
        assert_eq!(json["alignment"], needed.max(64));
        assert!(!list(&json, "regions").is_empty(), "{json}");
    }
}

#[test]
fn what_does_not_check_a_plan_against_a_device_refuses_it() {
    let folder = Folder::with("model.onnx", network("1"));
    let all = devices(&folder);
    let Some(device) = list(&all, "devices").first() else {
        println!("skipped: no device to plan for");
        return;
    };
    let name = device["device"].as_str().expect("a name");
    let alignment = format!("--alignment {}", device["plan_alignment"]);
    for (args, what) in [
        (
            &["plan", "model.onnx", "--pool", "fast=1G", "--pool", "slow"][..],
            "--pool",
        ),
        (&["compare", "model.onnx"], "this verb"),
        (&["share", "model.onnx", "model.onnx"], "this verb"),
        (
            &[
                "view",
                "model.onnx",
                "model.onnx",
                "--html",
                "page.html",
                "--no-open",
            ],
            "this verb",
        ),
    ] {
        let refused = folder.run(&[args, &["--device", name]].concat());
        let text = format!("--device {name}: {what} does not check plans");
        refused.failed(2, &[&text, &alignment]);
    }
    assert_eq!(folder.names(), ["model.onnx"]);
}

#[test]
fn devices_that_are_not_there_are_refused() {
    let folder = Folder::with("model.onnx", network("1"));
    folder.write("in.csv", THREE);
    for (backend, _) in BACKENDS {
        let name = format!("{backend}:99");
        let refused = folder.run(&["plan", "model.onnx", "--device", &name]);
        refused.failed(1, &[&format!("error: {name}: ")]);
        let refused = folder.run(&["plan", "in.csv", "--device", &name]);
        refused.failed(2, &["column 'device'"]);
    }
    let refused = folder.run(&["plan", "model.onnx", "--device", "gpu0"]);
    refused.failed(2, &["--device gpu0", "vulkan:0", "orionrt devices"]);
    assert_eq!(folder.names(), ["in.csv", "model.onnx"]);
}
