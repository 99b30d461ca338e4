//! A graph, its plan, and its tensors as ordinary vectors in their planned slots:
//! `cargo run --release --example plan`.

use std::{alloc::Layout, error::Error};

use orionrt::{Arena, GraphBuilder, Planner, TensorPool};

fn main() -> Result<(), Box<dyn Error>> {
    // Two layers: x → h → r → y.
    let mut g = GraphBuilder::new();
    let [x, h, r, y] = [("x", 256), ("h", 512), ("r", 512), ("y", 128)]
        .map(|(name, len)| g.tensor(name, Layout::array::<f32>(len).expect("small")));
    g.op("expand").reads([x]).writes([h]);
    g.op("relu").reads([h]).writes([r]);
    g.op("reduce").reads([r]).writes([y]);
    let graph = g.output(y).build()?;

    let plan = Planner::new().alignment(64).plan(&graph.lifetimes())?;
    println!(
        "{} tensors of {} bytes in {} bytes (optimal: {})",
        plan.len(),
        plan.lifetimes().total_bytes(),
        plan.peak(),
        plan.is_optimal()
    );
    for (id, name, live) in plan.lifetimes().iter() {
        println!(
            "  {name}: steps {}..{}, bytes {:?}",
            live.lower,
            live.upper,
            plan.bytes(id).unwrap_or_default()
        );
    }

    let arena = Arena::builder().capacity(1 << 20).build()?;
    let pool = TensorPool::new(&arena, &plan)?;

    let mut input = pool.vec::<f32>(x, 256)?;
    input.extend((0..256).map(|i| i as f32 - 128.0));
    let mut hidden = pool.vec::<f32>(h, 512)?;
    hidden.extend(input.iter().flat_map(|v| [*v, -*v]));
    drop(input);
    let mut rectified = pool.vec::<f32>(r, 512)?;
    rectified.extend(hidden.iter().map(|v| v.max(0.0)));

    // Two tensors that share a byte must not be alive together, and the plan gave `y` bytes that
    // `hidden` still holds.
    match pool.vec::<f32>(y, 128) {
        Err(error) => println!("not yet: {error}"),
        Ok(_) => println!("y has bytes of its own"),
    }
    drop(hidden);
    let mut output = pool.vec::<f32>(y, 128)?;
    output.extend(rectified.chunks(4).map(|four| four.iter().sum::<f32>()));
    println!("y[0] = {}, y[127] = {}", output[0], output[127]);
    Ok(())
}
