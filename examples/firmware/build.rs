//! Plans the memory of the network, and writes the plan as Rust for `src/lib.rs` to include.

use std::{env, error::Error, fs, path::PathBuf};

use orionrt_plan::{GraphBuilder, Planner, TensorId, files::PlanSource};

#[path = "src/sizes.rs"]
mod sizes;
#[path = "src/network.rs"]
mod network;

fn main() -> Result<(), Box<dyn Error>> {
    let mut g = GraphBuilder::new();
    let [.., scores] = network::describe(&mut g)?;
    let graph = g.output(scores).build()?;

    // A limit of nodes instead of time: the plan is the same on every machine.
    let plan = Planner::new().nodes(100_000).plan(&graph.lifetimes())?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let source = PlanSource::of(&plan).operators(network::OPERATORS);
    source.write_rust(fs::File::create(out.join("plan.rs"))?)?;

    // Where the linker looks for the memory of the chip.
    fs::copy("memory.x", out.join("memory.x"))?;
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rerun-if-changed=memory.x");
    println!("cargo::rerun-if-changed=src/network.rs");
    println!("cargo::rerun-if-changed=src/sizes.rs");
    Ok(())
}
