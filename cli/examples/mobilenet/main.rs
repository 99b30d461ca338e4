//! An ONNX model of the layout of MobileNetV2 on stdout, with weights drawn from a seed, to run and to plan:
//!
//! ```console
//! cargo run --release -p orionrt-cli --example mobilenet > target/mobilenet.onnx
//! orionrt run target/mobilenet.onnx
//! ```
//!
//! picture [1, 3, 224, 224] → 17 inverted residuals → scores [1, 1000]; 14 MB.

mod model;

use std::io::{self, Write};

use model::Layout;

fn main() -> io::Result<()> {
    io::stdout().write_all(&model::encoded(&Layout::default()))
}
