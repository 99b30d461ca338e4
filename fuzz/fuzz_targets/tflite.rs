//! Any bytes as a TensorFlow Lite model: a graph that can be planned, or an error; never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orionrt::Planner;
use orionrt_models::{Options, Unknown, parse};

/// Larger graphs are only measured: planning is fuzzed elsewhere.
const MOST_PLANNED: usize = 64;

/// What makes bytes a file of the format, and where.
const IDENTIFIER: (usize, &[u8]) = (4, b"TFL3");

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.to_vec();
    let (at, identifier) = IDENTIFIER;
    if let Some(place) = bytes.get_mut(at..at + identifier.len()) {
        place.copy_from_slice(identifier);
    }
    let options = Options::new().unknown(Unknown::Skip).allow_unused_names();
    let Ok(model) = parse(&bytes, &options) else {
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
