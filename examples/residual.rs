//! Prints the lifetimes of a small residual network as CSV, to be planned and drawn:
//!
//! ```console
//! cargo run --example residual > target/residual.csv
//! cargo run --release -p orionrt-cli -- plan target/residual.csv \
//!     --alignment 64 --svg docs/plan.svg
//! ```

use std::{alloc::Layout, error::Error};

use orionrt::{GraphBuilder, TensorId};

/// A tensor of `size` × `size` pixels in `channels` channels.
fn image(g: &mut GraphBuilder, name: String, size: usize, channels: usize) -> TensorId {
    let layout = Layout::array::<f32>(size * size * channels).expect("small");
    g.tensor(name, layout)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut g = GraphBuilder::new();
    let mut x = image(&mut g, "input".into(), 64, 3);
    for (stage, (size, channels)) in [(64, 16), (32, 32), (16, 64)].into_iter().enumerate() {
        let mut names = 0;
        let mut next = |g: &mut GraphBuilder, kind: &str, size, channels| {
            names += 1;
            image(g, format!("{kind}{stage}.{names}"), size, channels)
        };
        let down = next(&mut g, "conv", size, channels);
        g.op("conv").reads([x]).writes([down]);
        x = down;
        for _ in 0..2 {
            // The 3 × 3 neighbourhoods of a quarter of the pixels at a time.
            let columns = next(&mut g, "im2col", size / 2, 9 * channels);
            g.op("im2col").reads([x]).writes([columns]);
            let conv = next(&mut g, "conv", size, channels);
            g.op("gemm").reads([columns]).writes([conv]);
            let relu = next(&mut g, "relu", size, channels);
            g.op("relu").reads([conv]).writes([relu]);
            let sum = next(&mut g, "add", size, channels);
            g.op("add").reads([x, relu]).writes([sum]);
            x = sum;
        }
    }
    let classes = g.tensor("classes", Layout::array::<f32>(10)?);
    g.op("linear").reads([x]).writes([classes]);
    let graph = g.output(classes).build()?;

    println!("id,lower,upper,size");
    for (_, name, live) in graph.lifetimes().iter() {
        println!("{name},{},{},{}", live.lower, live.upper, live.size);
    }
    Ok(())
}
