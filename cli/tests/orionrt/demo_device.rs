//! `orionrt demo --device`: on a device, planned memory is smaller and has the same bits. Builds
//! without the features, and machines without a device, say so.

use crate::run::Folder;
#[cfg(all(feature = "cuda-demo", target_os = "linux"))]
use crate::{
    cuda_model::{compile, models_in},
    run::Run,
};

#[test]
fn a_device_that_is_not_one_is_refused() {
    let folder = Folder::new();
    for (device, message) in [
        ("gpu", "expected vulkan, wgpu or cuda"),
        ("vulkan:one", "the number of a device"),
        ("wgpu:", "the number of a device"),
        ("cuda:-1", "the number of a device"),
    ] {
        let args = ["demo", "--device", device];
        folder.run(&args).failed(2, &[message]);
    }
    let args = ["demo", "--device", "vulkan", "--capacity", "70%"];
    folder.run(&args).failed(2, &["cannot be used with"]);
    folder.run(&["demo", "--validate"]).failed(2, &["--device"]);
}

#[cfg(not(feature = "vulkan-demo"))]
#[test]
fn a_build_without_vulkan_says_how_to_get_it() {
    let args = ["demo", "--device", "vulkan"];
    let parts = ["through Vulkan", "--features vulkan-demo"];
    Folder::new().run(&args).failed(2, &parts);
}

#[cfg(not(feature = "wgpu"))]
#[test]
fn a_build_without_wgpu_says_how_to_get_it() {
    let args = ["demo", "--device", "wgpu"];
    Folder::new().run(&args).failed(2, &["--features wgpu"]);
}

#[cfg(not(feature = "cuda-demo"))]
#[test]
fn a_build_without_cuda_says_how_to_get_it() {
    let args = ["demo", "--device", "cuda"];
    let parts = ["through CUDA", "--features cuda-demo"];
    Folder::new().run(&args).failed(2, &parts);
}

/// The report of a run on the first device, unless there is none.
#[cfg(any(feature = "vulkan-demo", feature = "wgpu"))]
fn report(args: &[&str]) -> Option<serde_json::Value> {
    let all = [&["demo", "--iterations", "1", "--json"], args].concat();
    let run = Folder::new().run(&all);
    let missing = run.stderr.contains("cannot be used on this machine");
    if missing && std::env::var_os("ORIONRT_NEEDS_DEVICE").is_none() {
        println!("skipped: {}", run.stderr);
        return None;
    }
    assert_eq!(run.status, 0, "{}", run.stderr);
    Some(run.json())
}

#[cfg(any(feature = "vulkan-demo", feature = "wgpu", feature = "cuda-demo"))]
fn check(report: &serde_json::Value) {
    let networks = report["networks"].as_array().unwrap();
    assert_eq!(networks.len(), 3);
    for network in networks {
        let bytes = |name: &str| network[name].as_u64().unwrap();
        assert_eq!(network["bit_identical"], true);
        assert!(network["ulps"].as_f64().unwrap() <= 64.0, "{network}");
        assert_eq!(bytes("planned_allocations"), 0);
        assert!(bytes("buffers_allocations") > bytes("operators"));
        // The planner finds the least peak of each, and the block is no larger than that.
        assert_eq!(bytes("planned_bytes"), bytes("lower_bound"));
        // Results lie over operands where an operator at the peak allows that.
        let part = bytes("planned_bytes") as f64 / bytes("buffers_live_bytes") as f64;
        let most = match network["name"].as_str().unwrap() {
            "transformer encoder" => 0.8,
            "convolutional network" => 1.0,
            _ => 0.75,
        };
        assert!(part <= most, "{network}");
        assert!(bytes("buffers_live_bytes") <= bytes("buffers_device_bytes"));
    }
}

#[cfg(feature = "vulkan-demo")]
#[test]
fn networks_on_vulkan_need_less_memory_and_validation_is_silent() {
    let Some(report) = report(&["--device", "vulkan", "--validate"]) else {
        return;
    };
    check(&report);
    assert_eq!(
        (&report["backend"], &report["validated"]),
        (&"Vulkan".into(), &true.into())
    );
    let networks = report["networks"].as_array().unwrap();
    for network in networks {
        let bytes = |name: &str| network[name].as_u64().unwrap() as f64;
        let part = bytes("planned_bytes") / bytes("buffers_device_bytes");
        assert!(part <= 0.6, "{network}");
    }
}

#[cfg(feature = "wgpu")]
#[test]
fn networks_on_wgpu_have_the_same_bits() {
    if let Some(report) = report(&["--device", "wgpu"]) {
        check(&report);
    }
}

/// Runs the binary on the libraries of a folder.
#[cfg(all(feature = "cuda-demo", target_os = "linux"))]
fn run_on_libraries_of(folder: &Folder, args: &[&str]) -> Run {
    let mut command = folder.command(args);
    command.env("LD_LIBRARY_PATH", folder.path(""));
    Run::of(command.output().expect("the binary runs"))
}

#[cfg(all(feature = "cuda-demo", target_os = "linux"))]
#[test]
fn networks_on_a_model_of_cuda_have_the_same_bits() {
    let folder = Folder::new();
    if !models_in(&folder.path("")) {
        return;
    }
    let args = ["demo", "--device", "cuda:1", "--iterations", "1", "--json"];
    let run = run_on_libraries_of(&folder, &args);
    assert_eq!((run.status, &*run.stderr), (0, ""));
    let report = run.json();
    check(&report);
    assert_eq!(
        (&report["backend"], &report["device"]),
        (&"CUDA".into(), &"model of a device".into())
    );
    let run = run_on_libraries_of(&folder, &["demo", "--device", "cuda:2"]);
    run.failed(1, &["there is no device 2"]);
    let args = ["demo", "--device", "cuda", "--validate"];
    run_on_libraries_of(&folder, &args).failed(2, &["for --device vulkan"]);
}

/// Whether the system's loader knows a library.
#[cfg(all(feature = "cuda-demo", target_os = "linux"))]
fn has_library(name: &str) -> bool {
    let listed = std::process::Command::new("ldconfig").arg("-p").output();
    listed.is_ok_and(|list| String::from_utf8_lossy(&list.stdout).contains(name))
}

/// Where the system has a library, that is found behind those of the folder.
#[cfg(all(feature = "cuda-demo", target_os = "linux"))]
#[test]
fn a_driver_or_a_compiler_that_is_missing_is_named() {
    let folder = Folder::new();
    if has_library("libcuda.so") || has_library("libnvrtc.so") {
        println!("skipped: errors of a machine without CUDA");
        return;
    }
    let run = run_on_libraries_of(&folder, &["demo", "--device", "cuda"]);
    run.failed(1, &["the driver's library, libcuda, is not there"]);
    if !models_in(&folder.path("")) {
        return;
    }
    std::fs::remove_file(folder.path("libnvrtc.so")).unwrap();
    let run = run_on_libraries_of(&folder, &["demo", "--device", "cuda"]);
    run.failed(
        1,
        &["libnvrtc, is not there", "CUDA toolkit", "libnvrtc.so"],
    );
}

#[cfg(all(feature = "cuda-demo", target_os = "linux"))]
#[test]
fn a_compiler_that_lacks_functions_is_named() {
    let folder = Folder::new();
    if !models_in(&folder.path("")) {
        return;
    }
    folder.write("empty.rs", "");
    compile(&folder.path("empty.rs"), &folder.path("libnvrtc.so"));
    let run = run_on_libraries_of(&folder, &["demo", "--device", "cuda"]);
    run.failed(1, &["libnvrtc has no function `nvrtcCompileProgram`"]);
}
