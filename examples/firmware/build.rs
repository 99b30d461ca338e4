//! Plans the memory of the network, and writes the plan as Rust for `src/lib.rs` to include.

use std::{alloc::Layout, env, error::Error, fs, path::PathBuf};

use orionrt_plan::{GraphBuilder, Planner, files::PlanSource};

#[path = "src/sizes.rs"]
mod sizes;

fn main() -> Result<(), Box<dyn Error>> {
    let mut g = GraphBuilder::new();
    let mut tensor = |name: &str, elements| -> Result<_, Box<dyn Error>> {
        Ok(g.tensor(name, Layout::array::<f32>(elements)?))
    };
    let samples = tensor("samples", sizes::SAMPLES)?;
    let features = tensor("features", sizes::FEATURES)?;
    let pooled = tensor("pooled", sizes::POOLED)?;
    let scores = tensor("scores", sizes::CLASSES)?;
    let operators = ["convolve", "pool", "classify"];
    g.op(operators[0]).reads([samples]).writes([features]);
    g.op(operators[1]).reads([features]).writes([pooled]);
    g.op(operators[2]).reads([pooled]).writes([scores]);
    let graph = g.output(scores).build()?;

    // A limit of nodes instead of time: the plan is the same on every machine.
    let plan = Planner::new().nodes(100_000).plan(&graph.lifetimes())?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let source = PlanSource::of(&plan).operators(operators);
    source.write_rust(fs::File::create(out.join("plan.rs"))?)?;

    // Where the linker looks for the memory of the chip.
    fs::copy("memory.x", out.join("memory.x"))?;
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rerun-if-changed=memory.x");
    println!("cargo::rerun-if-changed=src/sizes.rs");
    Ok(())
}
