//! Fits graphs of 10,000 operators into parts of their peak, and says what that adds and how long
//! the search took. Run it with `--release`; an argument is another number of operators.
//!
//! ```text
//! cargo run --release -p orionrt-plan --example fit
//! ```

use std::{alloc::Layout, env, error::Error, time::Instant};

use orionrt_plan::{
    Graph, GraphBuilder, Planner, TensorId,
    fit::{Fit, SlowMemory},
};

fn main() -> Result<(), Box<dyn Error>> {
    let operators: usize = env::args().nth(1).map_or(Ok(10_000), |text| text.parse())?;
    let graphs = [
        ("training", training(operators, false)?),
        ("weights", training(operators, true)?),
        ("skips", skips(operators)?),
        ("random", random(operators)?),
    ];
    println!("graph      part  ways        seconds  spilled  fetched  reruns  added s  bound s");
    for (name, graph) in &graphs {
        let load = graph.lifetimes().load();
        for part in [80, 50, 25] {
            let within = || Fit::within(load * part / 100);
            let slow = SlowMemory::new(1 << 40, 1e9);
            let fits = [
                ("spill", within().slow(slow)),
                ("recompute", within().recompute(true)),
                ("both", within().slow(slow).recompute(true)),
            ];
            for (ways, fit) in fits {
                let begin = Instant::now();
                let fitted = Planner::new().fit(graph, &fit);
                let seconds = begin.elapsed().as_secs_f64();
                print!("{name:9} {part:4} %  {ways:10} {seconds:8.2}");
                match fitted {
                    Err(error) => println!("  {error}"),
                    Ok(fitted) => {
                        let (cost, bound) = (fitted.cost(), fitted.lower_bound());
                        println!(
                            " {:8} {:8} {:7} {:8.4} {bound:8.4}",
                            cost.written_bytes,
                            cost.read_bytes,
                            cost.reruns,
                            cost.seconds()
                        );
                    }
                }
            }
        }
    }
    Ok(())
}

fn tensor(g: &mut GraphBuilder, size: usize) -> Result<TensorId, Box<dyn Error>> {
    let name = format!("t{}", g.next_op().index());
    Ok(g.tensor(name, Layout::from_size_align(size, 1)?))
}

/// As training does: each operator of the second half reads what its counterpart in the first half
/// has written, in reverse. With weights, each operator of the first half reads an input of its
/// own, which no operator can recompute.
fn training(operators: usize, has_weights: bool) -> Result<Graph, Box<dyn Error>> {
    let mut g = GraphBuilder::new();
    let mut last = g.tensor("x", Layout::from_size_align(1000, 1)?);
    let mut written = vec![last];
    for op in 0..operators / 2 {
        let result = tensor(&mut g, 500 + op * 7919 % 1000)?;
        let weight = Layout::from_size_align(10, 1)?;
        let weight = has_weights.then(|| g.tensor(format!("w{op}"), weight));
        g.op("forward").reads([last]).reads(weight).writes([result]);
        last = result;
        written.push(result);
    }
    while let (Some(activation), true) = (written.pop(), g.next_op().index() < operators) {
        let result = tensor(&mut g, 1000)?;
        let operands = [activation, last].into_iter();
        g.op("backward").reads(operands).writes([result]);
        last = result;
    }
    Ok(g.output(last).build()?)
}

/// One network with skips after another, as in a U-Net: 16 levels down and up again.
fn skips(operators: usize) -> Result<Graph, Box<dyn Error>> {
    let mut g = GraphBuilder::new();
    let mut last = g.tensor("x", Layout::from_size_align(1000, 1)?);
    while g.next_op().index() < operators {
        let mut skips = Vec::new();
        for level in 0..16 {
            let result = tensor(&mut g, 2000 - 100 * level)?;
            g.op("down").reads([last]).writes([result]);
            skips.push(result);
            last = result;
        }
        while let Some(skip) = skips.pop() {
            let result = tensor(&mut g, 500)?;
            g.op("up").reads([last, skip]).writes([result]);
            last = result;
        }
    }
    Ok(g.output(last).build()?)
}

/// Each operator reads two of the latest 300 tensors.
fn random(operators: usize) -> Result<Graph, Box<dyn Error>> {
    let mut g = GraphBuilder::new();
    let mut written = vec![g.tensor("x", Layout::from_size_align(1000, 1)?)];
    let mut state = 1usize;
    let mut below = |end: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % end
    };
    for _ in 0..operators {
        let recent = &written[written.len().saturating_sub(300)..];
        let [a, b] = [recent[below(recent.len())], recent[recent.len() - 1]];
        let result = tensor(&mut g, 100 + below(2000))?;
        g.op("op").reads([a, b]).writes([result]);
        written.push(result);
    }
    Ok(g.output(written[written.len() - 1]).build()?)
}
