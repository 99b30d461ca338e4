//! Writes U-Net as an ONNX model to stdout, with weights from a seed, to run and to plan:
//!
//! ```console
//! cargo run --release -p orionrt-cli --example unet > target/unet.onnx
//! orionrt run target/unet.onnx
//! ```
//!
//! picture [1, 3, 128, 128] → 4 levels down and up again → mask [1, 1, 128, 128]; 8 MB.

use std::io::{self, Write};

use orionrt_test_models::unet::{Layout, file};

fn main() -> io::Result<()> {
    io::stdout().write_all(&file(&Layout::default()))
}
