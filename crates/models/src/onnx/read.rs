//! A whole ONNX file as a program.
//!
//! Stands on every file above it.

use std::cell::OnceCell;
use std::collections::HashSet;

use bumpalo::Bump;

use super::decode::decode;
use super::dims::Dims;
use super::functions::inline;
use super::infer::{Fact, Facts, Origin, count_nodes, infer};
use super::rules::Rules;
use super::syntax::ModelDef;
use super::types::Type;
use super::weight_files::weight_files;
use crate::error::{MissingDim, ModelError, listed};
use crate::model::Dimension;
use crate::names::Names;
use crate::options::{Options, Unknown};
use crate::program::{Control, Node, Program, Value, ValueKind};
use crate::tensor_type::TensorType;

/// The most bytes of the names of unknown dimensions, listed for each tensor that depends on them.
const MAX_NAMES: usize = 32 << 20;

/// The program of a model.
pub(crate) fn program(bytes: &[u8], options: &Options) -> Result<Program, ModelError> {
    let names = Bump::new();
    let model = inline(decode(bytes)?, &names)?;
    Ok(Program {
        weight_files: weight_files(bytes),
        ..of_model(&model, options)?
    })
}

/// The symbolic dimensions of a model.
pub(crate) fn dimensions(bytes: &[u8]) -> Result<Vec<Dimension>, ModelError> {
    let names = Bump::new();
    let model = inline(decode(bytes)?, &names)?;
    let options = Options::new();
    let dims = Dims::of_inputs(&model.graph, &options);
    let mut found: Vec<Dimension> = Vec::new();
    for place in &dims.all {
        let mut dimension = Dimension::new(&place.name, place.places.clone());
        dimension.assumed = place.is_assumed.then_some(1);
        found.push(dimension);
    }
    let survey = survey(&model, &dims, &options)?;
    for dim in survey.needed() {
        let mut dimension = Dimension::new(dim.name, vec![dim.place]);
        dimension.is_bound = true;
        found.push(dimension);
    }
    Ok(found)
}

/// Types a model whose inputs may lack sizes, to find out which others it lacks.
fn survey<'o>(
    model: &ModelDef<'_>,
    dims: &'o Dims,
    options: &'o Options,
) -> Result<Facts<'o>, ModelError> {
    let mut facts = new_facts(model, dims, options);
    facts.is_survey = true;
    Ok(infer(facts, &model.graph)?.0)
}

fn new_facts<'o>(model: &ModelDef<'_>, dims: &'o Dims, options: &'o Options) -> Facts<'o> {
    let rules = Rules::new(&model.opsets);
    Facts::new(dims, options, rules, count_nodes(&model.graph))
}

pub(super) fn of_model(model: &ModelDef<'_>, options: &Options) -> Result<Program, ModelError> {
    let dims = Dims::of_inputs(&model.graph, options);
    let missing = dims.missing();
    let refuses = options.unknown == Unknown::Refuse;
    if refuses && !missing.is_empty() {
        // What else the model lacks is of no use if the survey fails.
        let facts = survey(model, &dims, options);
        let (depending, names) = match facts {
            Ok(facts) => (facts.needed(), facts.bound_names),
            Err(_) => (Vec::new(), Default::default()),
        };
        check_names(model, options, &dims, names.iter(), &|name| {
            name.contains('.')
        })?;
        let all = missing.into_iter().chain(depending).collect();
        return Err(ModelError::MissingDims { missing: all });
    }
    let facts = new_facts(model, &dims, options);
    let (mut facts, body) = infer(facts, &model.graph)?;
    let node_names = NodeNames::of(&body.nodes);
    let is_of_node = |name: &str| node_names.has_dimension(name);
    check_names(model, options, &dims, facts.bound_names.iter(), &is_of_node)?;
    if refuses {
        if !facts.open.is_empty() {
            return Err(facts.open.swap_remove(0).1);
        }
        let missing = facts.needed();
        if !missing.is_empty() {
            return Err(ModelError::MissingDims { missing });
        }
    }
    let mut program = Program {
        inputs: body.inputs,
        outputs: body.outputs,
        nodes: body.nodes,
        nodes_in_file: count_nodes(&model.graph),
        assumed: dims.assumed(),
        bounds: facts.bounds().to_vec(),
        left_out: std::mem::take(&mut facts.left_out),
        ..Program::default()
    };
    program.values = values(&facts)?;
    // Within a graph they are unique already.
    if program.nodes.iter().any(|node| node.control.is_some()) {
        make_unique(&mut program.nodes, &mut Names::default());
    }
    Ok(program)
}

impl Facts<'_> {
    /// The sizes that values of the program depend on and that are not known.
    fn needed(&self) -> Vec<MissingDim> {
        let runtime = self
            .all
            .iter()
            .filter(|fact| fact.origin == Origin::Runtime);
        let symbols: Vec<_> = runtime
            .filter(|fact| fact.of.shape().is_some() && fact.of.not_memory().is_none())
            .flat_map(|fact| fact.of.unknowns())
            .collect();
        let names: HashSet<String> = self.symbols.names(&symbols).into_iter().collect();
        let roots = self.symbols.roots.iter();
        roots
            .filter(|root| names.contains(&root.name))
            .map(|root| MissingDim::new(&root.name, &root.place, root.is_bound))
            .collect()
    }
}

/// All values; an error if those of unknown size name more dimensions than anyone would read.
fn values(facts: &Facts<'_>) -> Result<Vec<Value>, ModelError> {
    let mut names = 0;
    let mut all = Vec::with_capacity(facts.all.len());
    for fact in &facts.all {
        let value = value(facts, fact);
        if let ValueKind::Unknown { dims } = &value.kind {
            names += dims
                .iter()
                .map(|name| name.len() + size_of::<String>())
                .sum::<usize>();
        }
        if names > MAX_NAMES {
            return Err(ModelError::TooLarge {
                what: "bytes of the names of dimensions that tensors depend on".into(),
                found: names as u64,
                limit: MAX_NAMES as u64,
            });
        }
        all.push(value);
    }
    Ok(all)
}

/// What a value is to a plan.
fn value(facts: &Facts<'_>, fact: &Fact) -> Value {
    let kind = match (fact.origin, fact.of.not_memory()) {
        (Origin::Weight | Origin::Constant, _) => ValueKind::Constant {
            bytes: constant_bytes(&fact.of),
            is_computed: fact.origin == Origin::Constant,
        },
        (Origin::Runtime, Some(kind)) => ValueKind::NotMemory(kind),
        (Origin::Runtime, None) => tensor(facts, fact),
    };
    Value {
        name: fact.name.clone(),
        kind,
    }
}

fn tensor(facts: &Facts<'_>, fact: &Fact) -> ValueKind {
    let element = fact.of.element().and_then(super::types::Element::storage);
    match (element, fact.of.numbers()) {
        (Some(element), Some(dims)) => ValueKind::Tensor(TensorType {
            element,
            dims,
            is_bound: fact.of.has_bound(),
        }),
        _ => ValueKind::Unknown {
            dims: facts.symbols.names(&fact.of.unknowns()),
        },
    }
}

fn constant_bytes(of: &Type) -> u64 {
    let bytes = || {
        let element = of.element()?.storage()?;
        let dims = of.numbers()?;
        let tensor = TensorType {
            element,
            dims,
            is_bound: false,
        };
        tensor.bytes()
    };
    bytes().unwrap_or(0)
}

/// Fails for names that the user gave and the model lacks.
fn check_names<'n>(
    model: &ModelDef<'_>,
    options: &Options,
    dims: &'n Dims,
    depending: impl Iterator<Item = &'n String>,
    is_of_node: &dyn Fn(&str) -> bool,
) -> Result<(), ModelError> {
    if !options.strict_names {
        return Ok(());
    }
    let mut known: Vec<String> = dims.names().chain(depending).cloned().collect();
    known.sort_unstable();
    known.dedup();
    let is_unknown = |name: &&String| known.binary_search(name).is_err() && !is_of_node(name);
    if let Some(name) = options.dims.keys().find(is_unknown) {
        return Err(ModelError::UnknownDim {
            name: name.clone(),
            known,
        });
    }
    if options.inputs.is_empty() {
        return Ok(());
    }
    let inputs: HashSet<&str> = model.graph.inputs.iter().map(|input| input.name).collect();
    let is_input = |name: &&String| inputs.contains(name.as_str());
    match options.inputs.keys().find(|name| !is_input(name)) {
        Some(name) => {
            let inputs = model.graph.inputs.iter().map(|input| input.name);
            Err(ModelError::Input {
                name: name.clone(),
                reason: format!("the model has no such input; it has {}", listed(inputs)),
            })
        }
        None => Ok(()),
    }
}

/// The names that dimensions of nodes' results may begin with, known or not: `NODE.AXIS`, or
/// `NODE:RESULT.AXIS`. They are collected only if they are asked for.
struct NodeNames<'n> {
    nodes: &'n [Node],
    names: OnceCell<HashSet<&'n str>>,
}

impl<'n> NodeNames<'n> {
    fn of(nodes: &'n [Node]) -> Self {
        let names = OnceCell::new();
        Self { nodes, names }
    }

    /// Whether a name is that of a dimension of some node's result.
    fn has_dimension(&self, name: &str) -> bool {
        let Some((slot, axis)) = name.rsplit_once('.') else {
            return false;
        };
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_number(axis) {
            return false;
        }
        let names = self.names.get_or_init(|| {
            let mut names = HashSet::new();
            collect_names(self.nodes, &mut names);
            names
        });
        match slot.rsplit_once(':') {
            Some((node, position)) if is_number(position) && names.contains(node) => true,
            _ => names.contains(slot),
        }
    }
}

/// Adds the names of nodes and of those in their bodies.
fn collect_names<'n>(nodes: &'n [Node], names: &mut HashSet<&'n str>) {
    for node in nodes {
        names.insert(&node.name);
        match &node.control {
            Some(Control::Branches(branches)) => {
                for branch in branches {
                    collect_names(&branch.nodes, names);
                }
            }
            Some(Control::Loop(body)) => collect_names(&body.nodes, names),
            None => {}
        }
    }
}

/// Makes the names of nodes unique across bodies: those of a body begin with its node's, which some
/// other node may be called like.
fn make_unique(nodes: &mut [Node], names: &mut Names) {
    for node in nodes {
        node.name = names.unique(&node.name);
        match &mut node.control {
            Some(Control::Branches(branches)) => {
                for branch in branches {
                    make_unique(&mut branch.nodes, names);
                }
            }
            Some(Control::Loop(body)) => make_unique(&mut body.nodes, names),
            None => {}
        }
    }
}
