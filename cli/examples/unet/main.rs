//! An ONNX model of the layout of U-Net on stdout, with weights drawn from a seed, to run and to plan:
//!
//! ```console
//! cargo run --release -p orionrt-cli --example unet > target/unet.onnx
//! orionrt run target/unet.onnx
//! ```
//!
//! picture [1, 3, 128, 128] → 4 levels down and up again → mask [1, 1, 128, 128]; 8 MB.

mod model;

use std::io::{self, Write};

use model::Layout;

fn main() -> io::Result<()> {
    io::stdout().write_all(&model::encoded(&Layout::default()))
}
