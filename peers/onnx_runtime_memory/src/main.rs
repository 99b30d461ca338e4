//! What onnx-runtime-memory plans for an ONNX model, as a JSON object.
//!
//! Its loader reads the model and infers the shapes; a size that this leaves open is taken from a
//! file of known sizes, one `BYTES NAME` a line. A tensor that has 0 bytes there is constant, and
//! takes none. Graph inputs are planned too, as OrionRT does. The planner is asked twice: every
//! tensor with bytes of its own, and the results of reshapes as views of what they read. Its slots
//! have no alignment, and their sum is the plan.
//!
//! usage: orionrt-peer-onnx-runtime-memory MODEL SIZES

use std::cell::Cell;
use std::collections::HashMap;
use std::error::Error;

use onnx_runtime_ir::{Graph, NodeId, ValueId};
use onnx_runtime_memory::{PlanOptions, PlanStatus, ViewMap, plan_activations, static_size};
use serde_json::{Value, json};

/// Operators whose result has the bytes of their first operand, in the same order.
const VIEWS: [&str; 5] = ["Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"];

/// The sizes of a file, by the name of the tensor.
fn known_sizes(text: &str) -> Result<HashMap<&str, usize>, Box<dyn Error>> {
    text.lines()
        .map(|line| {
            let (bytes, name) = line.split_once(' ').ok_or("expected BYTES NAME")?;
            Ok((name, bytes.parse()?))
        })
        .collect()
}

/// The views of a graph: a result of a reshape lies within what it reads, unless that is a weight.
fn views(graph: &Graph, order: &[NodeId]) -> ViewMap {
    let mut views = ViewMap::new();
    for node in order.iter().map(|&id| graph.node(id)) {
        let reshapes = VIEWS.contains(&node.op_type.as_str()) && node.domain.is_empty();
        if let (true, Some(&Some(source)), Some(&result)) =
            (reshapes, node.inputs.first(), node.outputs.first())
            && !graph.initializers.contains_key(&source)
        {
            views.insert(result, source);
        }
    }
    views
}

/// What a node is called: by its first result if it has no name.
fn name_of(graph: &Graph, id: NodeId) -> String {
    let node = graph.node(id);
    if !node.name.is_empty() {
        return node.name.clone();
    }
    let first = node
        .outputs
        .first()
        .and_then(|&result| graph.value(result).name.clone());
    first.unwrap_or_default()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(model), Some(sizes)) = (arguments.next(), arguments.next()) else {
        return Err("usage: orionrt-peer-onnx-runtime-memory MODEL SIZES".into());
    };
    let text = std::fs::read_to_string(sizes)?;
    let known = known_sizes(&text)?;
    let graph = onnx_runtime_loader::load_model(model)?;
    let order = graph.topological_order()?;
    let filled = Cell::new(0);
    let size = |id: ValueId| {
        let known = graph
            .value(id)
            .name
            .as_deref()
            .and_then(|name| known.get(name));
        if known == Some(&0) {
            return Some(0);
        }
        static_size(&graph, id).or_else(|| {
            filled.set(filled.get() + 1);
            known.copied()
        })
    };
    let options = PlanOptions::new().with_graph_inputs(true);
    let plan = |views: &ViewMap| -> Result<Value, Box<dyn Error>> {
        Ok(match plan_activations(&graph, views, size, &options)? {
            PlanStatus::Complete(plan) => json!({
                "peak": plan.peak_bytes,
                "total_bytes": plan.naive_bytes,
                "slots": plan.slots.len(),
            }),
            PlanStatus::Deferred { unknown_sizes } => json!({ "unknown": unknown_sizes.len() }),
        })
    };
    let off = plan(&ViewMap::new())?;
    let sizes_filled_in = filled.get();
    let with_views = plan(&views(&graph, &order))?;
    let names: Vec<_> = order.iter().map(|&id| name_of(&graph, id)).collect();
    let report = json!({
        "off": off,
        "views": with_views,
        "sizes_filled_in": sizes_filled_in,
        "order": names,
    });
    println!("{report}");
    Ok(())
}
