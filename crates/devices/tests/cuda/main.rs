//! Planned tensors through CUDA: on a device where there is a driver, and on the model of a driver
//! in `model/driver.rs` everywhere else. The test that begins with `on_the_model` compiles that and
//! runs this program again with it in the place of the driver.

mod captures;
mod errors;
mod graphs;
mod library;
mod memory;
#[path = "../common/other_device.rs"]
mod other_device;
mod ranges;
#[path = "../common/refusal.rs"]
mod refusal;
mod streams;
mod support;

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use orionrt_devices::cuda::{CudaDevice, devices};

use crate::{
    library::compile,
    support::{ON_THE_MODEL, is_model},
};

/// Compiles a library into a directory of its own, and gives the directory.
fn library(name: &str, source: &Path) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&directory).unwrap();
    compile(source, &directory.join("libcuda.so"));
    directory
}

/// Runs tests of this program with another library in the place of the driver's.
fn run_with(library: &Path, arguments: &[&str], model: bool) {
    let mut tests = Command::new(env::current_exe().unwrap());
    tests.env("LD_LIBRARY_PATH", library).args(arguments);
    if model {
        tests.env(ON_THE_MODEL, "1");
    }
    let output = tests.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!text.contains("0 passed"), "{text}");
}

#[test]
#[cfg(target_os = "linux")]
fn on_the_model_of_a_driver_all_tests_pass() {
    if is_model() {
        return;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cuda/model/driver.rs");
    // One test at a time: they share the model's device.
    run_with(&library("cuda_model", &source), &["--test-threads=1"], true);
}

#[test]
#[cfg(target_os = "linux")]
fn a_driver_that_lacks_functions_is_unavailable() {
    if is_model() {
        return;
    }
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no_driver.rs");
    std::fs::write(&source, "").unwrap();
    let library = library("no_driver", &source);
    run_with(&library, &["--ignored", "what_is_missing_is_named"], false);
}

#[test]
#[ignore = "run by another test, with a library that has no function"]
fn what_is_missing_is_named() {
    let error = CudaDevice::open(0).unwrap_err().to_string();
    assert!(
        error.ends_with("has no function `cuCtxGetCurrent`"),
        "{error}"
    );
    assert_eq!(devices().unwrap_err().to_string(), error);
}
