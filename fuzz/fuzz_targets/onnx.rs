//! Any bytes as an ONNX model: a graph whose lifetimes can be planned, or an error; never a panic.
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use orionrt_cli::input::onnx::{OnnxOptions, load};

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("a few bytes");
    if let Ok(model) = load(file.path(), &OnnxOptions::default()) {
        let _ = model.graph.lifetimes().load();
    }
});
