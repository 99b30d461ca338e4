//! An ONNX model of the layout of BERT on stdout, with weights drawn from a seed, to run and to plan:
//!
//! ```console
//! cargo run --release -p orionrt-cli --example transformer > target/transformer.onnx
//! orionrt run target/transformer.onnx
//! ```
//!
//! words [1, 128] → 4 encoder layers, 256 wide → hidden [1, 128, 256] and pooled [1, 256]; 14 MB.

mod model;

use std::io::{self, Write};

use model::Layout;

fn main() -> io::Result<()> {
    io::stdout().write_all(&model::encoded(&Layout::default()))
}
