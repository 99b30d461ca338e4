//! Writes MobileNetV2 as an ONNX model to stdout, with weights from a seed, to run and to plan:
//!
//! ```console
//! cargo run --release -p orionrt-cli --example mobilenet > target/mobilenet.onnx
//! orionrt run target/mobilenet.onnx
//! ```
//!
//! picture [1, 3, 224, 224] → 17 inverted residuals → scores [1, 1000]; 14 MB.

use std::io::{self, Write};

use orionrt_test_models::mobilenet::{Layout, file};

fn main() -> io::Result<()> {
    io::stdout().write_all(&file(&Layout::default()))
}
