//! Three models in one arena: a detector and a classifier take turns, and speech runs beside
//! either.
//!
//! ```console
//! cargo run --release --example models
//! ```

use std::{alloc::Layout, error::Error};

use orionrt::{
    Arena, Graph, GraphBuilder, ModelSet, Planner, Schedule, SharedPool, TensorId,
    graph::GraphError,
};

/// A chain of layers, each of which reads what the one before it has written.
fn chain(sizes: &[usize]) -> Result<Graph, GraphError> {
    let mut g = GraphBuilder::new();
    let layout = |kib: usize| Layout::array::<f32>(256 * kib).unwrap_or(Layout::new::<f32>());
    let tensors = sizes.iter().enumerate();
    let tensors = tensors.map(|(i, &kib)| g.tensor(format!("layer{i}"), layout(kib)));
    let tensors: Vec<TensorId> = tensors.collect();
    for pair in tensors.windows(2) {
        g.op("layer").reads([pair[0]]).writes([pair[1]]);
    }
    g.build()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut models = ModelSet::new();
    let detect = models.add("detect", chain(&[600, 800, 400, 200, 10])?.lifetimes())?;
    let label = models.add("label", chain(&[150, 600, 600, 300, 4])?.lifetimes())?;
    let speech = models.add("speech", chain(&[40, 160, 160, 80])?.lifetimes())?;

    let schedule = Schedule::pairs([(detect, speech), (label, speech)]);
    let shared = models.plan(&schedule, &Planner::new())?;
    print!("{shared}");
    println!(
        "{} pairs of tensors of different models share bytes\n",
        shared.shared_pairs()
    );

    let pool = SharedPool::new(Arena::builder().build()?, &shared)?;
    let listening = pool.activate(speech)?;
    let samples = listening.slot(TensorId::new(0))?.filled(0.5f32)?;
    for model in [detect, label] {
        let running = pool.activate(model)?;
        let input = running.slot(TensorId::new(0))?.filled(1.0f32)?;
        println!("{running:?}: {} numbers in", input.len());
        for other in [detect, label].into_iter().filter(|&other| other != model) {
            if let Err(error) = pool.activate(other) {
                println!("  {error}");
            }
        }
    }
    assert!(samples.iter().all(|&sample| sample == 0.5));
    Ok(())
}
