//! Any bytes as an ONNX model: a graph whose lifetimes can be planned, or an error; never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orionrt_cli::input::onnx::{OnnxOptions, load_bytes};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(model) = load_bytes(bytes, &OnnxOptions::default()) {
        let lifetimes = model.graph.lifetimes();
        assert!(lifetimes.lower_bound() >= lifetimes.load());
    }
});
