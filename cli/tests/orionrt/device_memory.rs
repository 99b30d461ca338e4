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

/// The verbs that make a plan of all models, with what they say of it in JSON.
const PLANNING: [(&[&str], &str); 2] = [
    (&["compare", "model.onnx"], "/alignment"),
    (
        &["share", "model.onnx", "model.onnx"],
        "/models/1/alignment",
    ),
];

/// The arguments by which two plans are drawn beside each other.
const BESIDE: [&str; 6] = [
    "view",
    "model.onnx",
    "model.onnx",
    "--html",
    "page.html",
    "--no-open",
];

#[test]
fn models_are_compared_and_share_memory_with_the_alignment_of_a_device() {
    let folder = Folder::with("model.onnx", network("1"));
    for device in list(&devices(&folder), "devices") {
        let name = device["device"].as_str().expect("a name");
        let needed = device["plan_alignment"].as_u64().expect("an alignment");
        for (args, alignment) in PLANNING {
            let args = [args, &["--device", name]].concat();
            let json = done(&folder, &[&args[..], &["--json"]].concat()).json();
            assert_eq!(json["planned_for"], name);
            assert_eq!(json.pointer(alignment), Some(&needed.max(64).into()));
            let text = done(&folder, &args).stdout;
            let mut lines = text.lines().map(str::trim_start);
            let told = lines.find(|line| line.starts_with("device"));
            assert!(told.is_some_and(|line| line.contains(name)), "{text}");
        }
        done(&folder, &[&BESIDE[..], &["--device", name]].concat());
        assert!(folder.names().contains(&"page.html".into()));
    }
}

#[test]
fn plans_that_a_device_does_not_take_are_refused_by_every_verb() {
    let folder = Folder::with("model.onnx", network("N"));
    for device in list(&devices(&folder), "devices") {
        let name = device["device"].as_str().expect("a name");
        let Some(largest) = device["largest_binding"].as_u64() else {
            println!("skipped: {name} takes tensors of any size");
            continue;
        };
        // A picture has more than 4 bytes in each tensor.
        let pictures = largest / 4;
        let dim = format!("N={pictures}");
        let others = PLANNING.map(|(args, _)| args);
        for args in [&["plan", "model.onnx"], &BESIDE[..]]
            .into_iter()
            .chain(others)
        {
            let run = folder.run(&[args, &["--device", name, "--dim", &dim]].concat());
            run.failed(1, &[&format!("error: {name}: tensor `")]);
        }
    }
    assert_eq!(folder.names(), ["model.onnx"]);
}

#[test]
fn a_device_is_one_memory_and_has_no_pools() {
    let folder = Folder::with("model.onnx", network("1"));
    let all = devices(&folder);
    let Some(device) = list(&all, "devices").first() else {
        println!("skipped: no device to plan for");
        return;
    };
    let name = device["device"].as_str().expect("a name");
    let alignment = format!("--alignment {}", device["plan_alignment"]);
    let pools = ["--pool", "fast=1G", "--pool", "slow"];
    let args = [&["plan", "model.onnx", "--device", name], &pools[..]].concat();
    let text = format!("--device {name}: --pool divides tensors among several memories");
    folder.run(&args).failed(2, &[&text, &alignment]);
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
