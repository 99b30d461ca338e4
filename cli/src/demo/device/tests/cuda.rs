//! On CUDA: on a device where there are a driver and its compiler, and on models of both in the
//! host's memory everywhere else. The last test compiles these, and runs this program again with
//! them in the place of the real ones.

#![allow(unsafe_code)]

#[path = "../../../../tests/orionrt/cuda_model.rs"]
mod cuda_model;

use std::{env, process::Command};

use orionrt_devices::{DeviceMemory, cuda::cudarc::driver::sys};

use super::*;
use crate::demo::device::{
    cuda::CudaGpu,
    cuda_c::cuda_c,
    gpu::{Peer, Recorded},
    nvrtc::{CompileError, compile, load},
    shader::{Formula, Shader, tests::shaders},
};

/// Set in the program that runs on the models.
const ON_THE_MODELS: &str = "ORIONRT_CUDA_MODEL";

fn is_on_the_models() -> bool {
    env::var_os(ON_THE_MODELS).is_some()
}

fn device() -> Option<CudaGpu> {
    match CudaGpu::open(0) {
        Ok(gpu) => Some(gpu),
        Err(error) if is_on_the_models() => panic!("{error}"),
        Err(error) => {
            println!("skipped: tests on a GPU, which run on a model: {error}");
            None
        }
    }
}

/// Checks that all was given back, if this is the model of a driver.
fn check_nothing_is_left() {
    if is_on_the_models() {
        // SAFETY: the model's library is loaded, as a device was opened, and has this function.
        let alive = unsafe {
            let alive = sys::culib().get::<extern "C" fn() -> u32>(b"model_alive");
            alive.expect("the model")()
        };
        assert_eq!(alive, 0);
    }
}

#[test]
fn every_kernel_computes_on_cuda_what_the_processor_computes() {
    let Some(gpu) = device() else { return };
    check_kernels(&gpu);
    drop(gpu);
    check_nothing_is_left();
}

#[test]
fn networks_on_cuda_have_the_same_bits_in_a_planned_block() {
    let Some(gpu) = device() else { return };
    check_networks(&gpu);
    drop(gpu);
    check_nothing_is_left();
}

#[test]
fn allocations_of_blocks_and_of_tensors_are_counted() {
    let Some(gpu) = device() else { return };
    let before = gpu.allocations();
    let block = gpu.block(4096).unwrap();
    assert_eq!(gpu.allocations() - before, 1);
    let whole = block.buffer(0..4096).unwrap();
    gpu.upload(&block, &whole, &[1; 4096]).unwrap();
    assert_eq!(gpu.allocations() - before, 1, "an upload needs none");
    let mut peer = gpu.peer().unwrap();
    let tensor = peer.allocate("x", 1000).unwrap();
    assert_eq!((gpu.allocations() - before, peer.held()), (2, 1000));
    assert_eq!(peer.buffer(&tensor).size(), 1000);
    peer.free(tensor).unwrap();
    assert_eq!(peer.held(), 0);
}

#[test]
fn a_kernel_is_given_as_many_buffers_as_it_has_parameters() {
    let Some(gpu) = device() else { return };
    let (formula, in_place) = (Formula::Relu, true);
    let kernel = gpu.kernel(Shader { formula, in_place }).unwrap();
    let block = gpu.block(4096).unwrap();
    let whole = block.buffer(0..4096).unwrap();
    for (given, is_right) in [(1, false), (2, true), (3, false)] {
        let recorded = gpu.record(&[Recorded {
            kernel: &kernel,
            buffers: vec![&whole; given],
            groups: [1, 1],
        }]);
        assert_eq!(recorded.is_ok(), is_right, "{given}");
    }
}

/// Needs no device: NVRTC itself runs anywhere.
#[test]
fn every_shader_is_compiled_with_its_buffers_as_parameters() {
    if let Err(error) = load() {
        println!("skipped: kernels compiled by NVRTC itself: {error}");
        return;
    }
    for shader in shaders() {
        let ptx = compile(&cuda_c(shader)).unwrap_or_else(|error| panic!("{shader:?}: {error}"));
        // The model names a library instead.
        let Some((_, entry)) = ptx.split_once(".entry kernel(") else {
            assert!(is_on_the_models(), "{shader:?}: {ptx}");
            continue;
        };
        let (parameters, _) = entry.split_once(')').expect("the end of the parameters");
        let count = parameters.matches(".param .u64").count();
        assert_eq!(count, shader.bindings() as usize, "{shader:?}");
    }
}

#[test]
fn a_text_that_is_wrong_is_refused_with_what_the_compiler_says() {
    if load().is_err() {
        return;
    }
    let error = compile("extern \"C\" __global__ void kernel(float *x) { *x = missing; }");
    let Err(CompileError::Wrong { log }) = error else {
        panic!("{error:?}");
    };
    assert!(log.contains("missing"), "{log}");
    let error = compile("\0").unwrap_err();
    assert!(matches!(error, CompileError::Text(_)), "{error}");
}

#[test]
fn on_models_of_a_driver_and_its_compiler_all_tests_pass() {
    if is_on_the_models() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    if !cuda_model::models_in(folder.path()) {
        return;
    }
    // One test at a time: they share the model's device.
    let output = Command::new(env::current_exe().unwrap())
        .args(["demo::device::tests::cuda", "--test-threads=1"])
        .env("LD_LIBRARY_PATH", folder.path())
        .env("TMPDIR", folder.path())
        .env(ON_THE_MODELS, "1")
        .output();
    let output = output.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    assert!(text.contains("7 passed"), "{text}");
}
