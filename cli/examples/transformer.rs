//! Writes BERT's encoder as an ONNX model to stdout, with weights from a seed, to run and to plan:
//!
//! ```console
//! cargo run --release -p orionrt-cli --example transformer > target/transformer.onnx
//! orionrt run target/transformer.onnx
//! ```
//!
//! words [1, 128] → 4 encoder layers, 256 wide → hidden [1, 128, 256] and pooled [1, 256]; 14 MB.

use std::io::{self, Write};

use orionrt_test_models::transformer::{Layout, file};

fn main() -> io::Result<()> {
    io::stdout().write_all(&file(&Layout::default()))
}
