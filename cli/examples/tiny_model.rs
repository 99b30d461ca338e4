//! Writes a tiny ONNX model to stdout, to try the command line with and to start fuzzing from:
//!
//! ```console
//! cargo run -p orionrt-cli --example tiny_model > target/tiny.onnx
//! orionrt plan target/tiny.onnx --dim batch=8
//! ```
//!
//! x [batch, 3, 8, 8] → conv → relu → conv → add (of both convolutions) → y [batch, 4, 8, 8]

use std::io::{self, Write};

use orionrt_test_models::tiny;

fn main() -> io::Result<()> {
    io::stdout().write_all(&tiny::file())
}
