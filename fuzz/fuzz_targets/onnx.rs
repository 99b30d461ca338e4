//! Any bytes as an ONNX model: a graph that can be planned, or an error; never a panic.
//!
//! A plan is checked by `Plan::new`, which every planner's answer goes through, against the
//! lifetimes of the model.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orionrt::Planner;
use orionrt_models::{Options, Unknown, parse};

/// Larger graphs are only measured: planning is fuzzed elsewhere.
const MOST_PLANNED: usize = 64;

fuzz_target!(|bytes: &[u8]| {
    // Sizes that models ask for; those that a model lacks do no harm.
    let options = ["n", "m", "batch", "sequence"]
        .into_iter()
        .fold(Options::new(), |options, name| options.dim(name, 3))
        .unknown(Unknown::Skip)
        .allow_unused_names();
    let Ok(model) = parse(bytes, &options) else {
        return;
    };
    let lifetimes = model.graph.lifetimes();
    assert!(lifetimes.lower_bound() >= lifetimes.load());
    if lifetimes.len() <= MOST_PLANNED {
        let plan = Planner::new().nodes(200).threads(1).plan(&lifetimes);
        if let Ok(plan) = plan {
            assert!(plan.peak() >= lifetimes.lower_bound());
        }
    }
});
