//! A tiny model with a symbolic batch dimension.
//!
//! ```text
//! x [batch, 3, 8, 8] ─► conv ─► relu ─► conv ─► add (of both convolutions) ─► y [batch, 4, 8, 8]
//! ```

use crate::proto::{GraphProto, NodeProto, tensor_proto::DataType};

use crate::parts::{encoded, ints, node, value, zeros};

/// The bytes of the file.
pub fn file() -> Vec<u8> {
    encoded(GraphProto {
        name: "tiny".into(),
        input: vec![value("x", DataType::Float, &["batch", "3", "8", "8"])],
        node: vec![
            conv("x", "w1", "a"),
            node("Relu", &["a"], &["b"]),
            conv("b", "w2", "c"),
            node("Add", &["a", "c"], &["y"]),
        ],
        output: vec![value("y", DataType::Float, &["batch", "4", "8", "8"])],
        initializer: vec![zeros("w1", &[4, 3, 3, 3]), zeros("w2", &[4, 4, 3, 3])],
        ..Default::default()
    })
}

/// A convolution with filters of 3 × 3, padded so that the picture keeps its size.
pub fn conv(input: &str, weights: &str, output: &str) -> NodeProto {
    NodeProto {
        attribute: vec![ints("pads", &[1; 4]), ints("kernel_shape", &[3, 3])],
        ..node("Conv", &[input, weights], &[output])
    }
}
