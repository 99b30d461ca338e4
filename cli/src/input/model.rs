//! A model file as lifetimes, with what the user decides about it.
//!
//! Stands on `orionrt-models`. Invariant: the operators that are listed are those of the lifetimes,
//! in their order.

#![forbid(unsafe_code)]

use std::{
    cmp::Reverse,
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use orionrt::{Graph, Lifetimes, Plan, TensorId, lifetimes::Lifetime};
use orionrt_models::{Body, Model, ModelError, OperatorWork, Options};

use super::{
    donated,
    loaded::{AliasingFacts, ModelFacts, ModelGraph, OrderFacts, OwnPlan, PartsFacts},
    order::in_order_of,
    read::Source,
};
use crate::{
    args::{Aliasing, ModelArgs, Order, Unknown},
    failure::{Failure, MissingDim},
    figures,
    target::folder,
};

/// Loads a model; `path` is what messages call it.
pub(super) fn load(
    path: &Path,
    source: Source,
    args: &ModelArgs,
    alignment: u64,
) -> Result<(Lifetimes, ModelFacts), Failure> {
    let mut model = read(path, &source, &options(args, alignment))?;
    model.graph = donated::with_donated(model.graph, args)?;
    let aliasing = args.aliasing.into();
    let (graph, reordered) = match &args.order {
        Order::File => (model.graph.clone(), None),
        Order::Memory => reordered(&model.graph, aliasing),
        Order::Given(order) => (in_order_of(&model.graph, order)?, None),
    };
    let lifetimes = graph.lifetimes_with(aliasing);
    let own_plan = own_plan(&model);
    let aliased = (args.aliasing != Aliasing::Off).then(|| aliasing_facts(&graph, &lifetimes));
    let parts = (args.aliasing == Aliasing::Parts).then(|| parts_facts(&graph, &lifetimes));
    let operators = names(&graph);
    let [donated, same] = donated::names(&graph);
    let graph = args.keeps_graph.then(|| model_graph(&model, graph));
    let facts = ModelFacts {
        source,
        format: model.format,
        nodes: model.nodes,
        weights_bytes: model.weights_bytes,
        computed_constants: (model.computed_constants, model.computed_constants_bytes),
        weight_files: weight_files(path, &model.weight_files),
        dims: args
            .dims
            .iter()
            .map(|dim| (dim.name.clone(), dim.size))
            .collect(),
        inputs: args.inputs.iter().map(|input| input.text.clone()).collect(),
        assumed: model.assumed.into_iter().collect(),
        bounds: model
            .bounds
            .into_iter()
            .map(|bound| (bound.name, bound.bound))
            .collect(),
        left_out: model.left_out,
        skips_unknown: args.unknown == Unknown::Skip,
        operators,
        graph,
        order: args.order.clone(),
        reordered,
        aliasing: args.aliasing,
        aliased,
        parts,
        donated,
        same,
        own_plan,
    };
    Ok((lifetimes, facts))
}

/// Reads a model.
pub(super) fn read(path: &Path, source: &Source, options: &Options) -> Result<Model, Failure> {
    let model = match source {
        Source::File(path) => orionrt_models::load(path, options),
        Source::Bytes(bytes) => orionrt_models::parse(bytes, options),
    };
    model.map_err(|error| failure(path, error))
}

/// The files of these names in the folder of a model. Where the model is a link, runtimes differ in
/// whether that is the link's folder or the file's, so both count.
fn weight_files(model: &Path, names: &[String]) -> Vec<PathBuf> {
    let mut folders = vec![folder(model).to_path_buf()];
    if let Ok(file) = fs::canonicalize(model)
        && fs::canonicalize(&folders[0]).is_ok_and(|own| own != folder(&file))
    {
        folders.push(folder(&file).into());
    }
    let in_folder = |folder: &PathBuf| names.iter().map(|name| folder.join(name)).collect();
    folders.iter().flat_map::<Vec<_>, _>(in_folder).collect()
}

/// What the user decides.
pub(super) fn options(args: &ModelArgs, alignment: u64) -> Options {
    let mut options = Options::new()
        .alignment(alignment)
        .weight_tensors(args.has_weights);
    for dim in &args.dims {
        options = options.dim(&dim.name, dim.size);
    }
    for input in &args.inputs {
        options = options.input(&input.name, input.value.clone());
    }
    if args.is_for_micro {
        options = options.tflite_micro().alignment(alignment);
    }
    options.unknown(match args.unknown {
        Unknown::Refuse => orionrt_models::Unknown::Refuse,
        Unknown::Skip => orionrt_models::Unknown::Skip,
    })
}

/// The names of the operators, in order.
pub(super) fn names(graph: &Graph) -> Vec<String> {
    let ops = graph.ops().iter();
    ops.map(|op| op.name().to_string()).collect()
}

/// The graph of a model in the order that is planned, `ordered`, and what the file says of it.
pub(crate) fn model_graph(model: &Model, ordered: Graph) -> ModelGraph {
    let names = ordered.ops().iter().map(|op| op.name());
    let positions: HashMap<&str, usize> = names.zip(0..).collect();
    let operators = model.graph.ops().iter();
    let position: Vec<usize> = operators.map(|op| positions[op.name()]).collect();
    let mut operator_types = vec![String::new(); position.len()];
    for (kind, &at) in model.operator_types.iter().zip(&position) {
        operator_types[at].clone_from(kind);
    }
    let mut operator_work = vec![OperatorWork::default(); position.len()];
    for (&work, &at) in model.operator_work.iter().zip(&position) {
        operator_work[at] = work;
    }
    // The operators of a body stay together in every order, but nodes may change places.
    let bodies = model.bodies.iter().filter_map(|body| {
        let places = || position[body.operators.clone()].iter();
        let operators = *places().min()?..*places().max()? + 1;
        let mut body = body.clone();
        body.operators = operators;
        Some(body)
    });
    let mut bodies: Vec<Body> = bodies.collect();
    // A body that has the same operators as the one around it stays behind that.
    bodies.sort_by_key(|body| (body.operators.start, Reverse(body.operators.end)));
    ModelGraph {
        operator_types,
        operator_work,
        variables: model.variables.clone(),
        weights: model.weights.clone(),
        bodies,
        tensor_types: model.tensor_types.clone(),
        graph: ordered,
    }
}

fn aliasing_facts(graph: &Graph, lifetimes: &Lifetimes) -> AliasingFacts {
    AliasingFacts {
        load_without: graph.lifetimes_with(orionrt::Aliasing::Off).load(),
        tensors: lifetimes.len() - figures::buffers(lifetimes),
    }
}

fn parts_facts(graph: &Graph, lifetimes: &Lifetimes) -> PartsFacts {
    let uncopied = graph.uncopied(lifetimes);
    let without = || graph.lifetimes_with(orionrt::Aliasing::InPlace);
    PartsFacts {
        uncopied,
        without: (uncopied.operands > 0).then(without),
        is_without: false,
    }
}

fn reordered(graph: &Graph, aliasing: orionrt::Aliasing) -> (Graph, Option<OrderFacts>) {
    let found = graph.reordered_with(aliasing);
    let facts = OrderFacts {
        load_before: found.load_before,
        load_after: found.load_after,
        is_optimal: found.is_optimal,
    };
    (found.graph, Some(facts))
}

/// What the file itself plans: the tensors which it places. A view may lie within the tensor that
/// it is a view of.
pub(super) struct PlacedTensors<'m> {
    rows: Vec<(&'m str, Lifetime)>,
    offsets: Vec<u64>,
    /// The end of the last tensor, in bytes.
    pub(super) peak: u64,
    /// The tensors that are placed.
    pub(super) count: usize,
}

impl<'m> PlacedTensors<'m> {
    /// The tensors that a model places; `None` if it places none.
    pub(super) fn of(model: &'m Model) -> Option<Self> {
        let placed: HashMap<TensorId, u64> = model.offsets.iter().copied().collect();
        let [own, views] = [orionrt::Aliasing::Off, orionrt::Aliasing::Views]
            .map(|aliasing| model.graph.lifetimes_with(aliasing));
        // The tensor within which a tensor really lies.
        let root_of = |id: TensorId| {
            let within = views.get(id)?.within?;
            let begins = placed.get(&id)?.checked_sub(within.offset);
            (placed.get(&within.root).copied() == begins).then_some(within.root)
        };
        let mut ends: HashMap<TensorId, i64> = HashMap::new();
        for &(id, _) in &model.offsets {
            if let (Some(root), Some(row)) = (root_of(id), own.get(id)) {
                let end = ends.entry(root).or_default();
                *end = row.upper.max(*end);
            }
        }
        let (mut rows, mut offsets, mut peak) = (Vec::new(), Vec::new(), 0);
        for &(id, offset) in &model.offsets {
            let mut row = *own.get(id)?;
            peak = peak.max(offset.saturating_add(row.size));
            if root_of(id).is_none() {
                row.alignment = 1;
                row.upper = row.upper.max(ends.get(&id).copied().unwrap_or(0));
                let name = model.graph.tensor(id)?.name();
                rows.push((name, row));
                offsets.push(offset);
            }
        }
        (!placed.is_empty()).then_some(Self {
            rows,
            offsets,
            peak,
            count: placed.len(),
        })
    }

    /// Their plan, if no two of them overlap in time and bytes.
    pub(super) fn plan(self) -> Result<Plan, String> {
        let rows = Lifetimes::from_named(self.rows).map_err(|error| error.to_string())?;
        Plan::new(rows, self.offsets).map_err(|error| error.to_string())
    }
}

/// The plan that the file itself holds.
fn own_plan(model: &Model) -> Option<OwnPlan> {
    let placed = PlacedTensors::of(model)?;
    Some(OwnPlan {
        peak: placed.peak,
        tensors: placed.count,
        is_valid: placed.plan().is_ok(),
    })
}

/// An option that matches nothing in the model is wrong usage, most likely a typing mistake.
pub(super) fn failure(path: &Path, error: ModelError) -> Failure {
    match error {
        ModelError::Read { path, source } => Failure::Read { path, source },
        ModelError::MissingDims { missing } => Failure::MissingDims {
            path: path.into(),
            missing: (missing.into_iter())
                .map(|dim| MissingDim {
                    name: dim.name,
                    place: dim.place,
                    is_bound: dim.is_bound,
                })
                .collect(),
        },
        ModelError::UnknownDim { .. } | ModelError::Input { .. } => {
            Failure::Usage(format!("{}: {error}", path.display()))
        }
        error => Failure::file(path, error),
    }
}
