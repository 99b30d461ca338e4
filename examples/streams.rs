//! Double buffering: chunks are copied to a GPU while it computes, and the example prints how many
//! bytes that costs: `cargo run --release --example streams`.
//!
//! ```text
//! copy stream      upload 0 ─► upload 1 ───► upload 2 ───► ...
//!                      └────────┐    └────────┐   ▲
//! compute stream            compute 0 ───► compute 1 ───► ...
//! ```
//!
//! Upload *i* waits for compute *i* − 2. So two chunks are on the GPU at a time: one is used by the
//! computation while the other one arrives.

use std::{alloc::Layout, error::Error};

use orionrt::{Aliasing, Graph, GraphBuilder, Planner, graph::GraphError};

const CHUNKS: usize = 6;
const COMPUTE: u32 = 0;

/// Each chunk is copied to the GPU, widened there, reduced, and copied back. `copies` is the stream
/// of the uploads.
fn pipeline(copies: u32) -> Result<Graph, GraphError> {
    let mut g = GraphBuilder::new();
    let gpu = g.device("gpu", 256);
    let [chunk, wide, small] = [
        Layout::new::<[f32; 1 << 18]>(),
        Layout::new::<[f32; 1 << 19]>(),
        Layout::new::<[f32; 1000]>(),
    ];
    let mut computed = Vec::new();
    for i in 0..CHUNKS {
        let input = g.tensor(format!("input {i}"), chunk);
        let here = g.tensor_on(gpu, format!("chunk {i}"), chunk);
        let hidden = g.tensor_on(gpu, format!("hidden {i}"), wide);
        let active = g.tensor_on(gpu, format!("active {i}"), wide);
        let sum = g.tensor_on(gpu, format!("sum {i}"), small);
        let output = g.tensor(format!("output {i}"), small);

        // The computation of the chunk before the last one frees the place of this one.
        let done = computed.iter().rev().nth(1).copied();
        let upload = g
            .op("upload")
            .reads([input])
            .writes([here])
            .stream(copies)
            .after(done)
            .id();
        g.op("widen")
            .reads([here])
            .writes([hidden])
            .stream(COMPUTE)
            .after([upload]);
        g.op("relu").in_place(active, hidden).stream(COMPUTE);
        computed.push(
            g.op("reduce")
                .reads([active])
                .writes([sum])
                .stream(COMPUTE)
                .id(),
        );
        g.op("download")
            .reads([sum])
            .writes([output])
            .stream(COMPUTE);
        g.output(output);
    }
    g.build()
}

fn main() -> Result<(), Box<dyn Error>> {
    let one = Planner::new().plan_devices(&pipeline(COMPUTE)?, Aliasing::InPlace)?;
    let two = Planner::new().plan_devices(&pipeline(1)?, Aliasing::InPlace)?;
    println!("all on one stream\n{one}");
    println!("uploads on a stream of their own\n{two}");
    for ((device, one), (_, two)) in one.iter().zip(two.iter()) {
        let more = two.peak() - one.peak();
        println!("{}: overlap costs {more} bytes", device.name());
    }
    Ok(())
}
