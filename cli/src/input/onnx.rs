//! An ONNX file as a [`Graph`]: its operators in execution order, and the tensors they read and write.
//!
//! Stands on `tract-onnx` for the format, the shapes and the order. Works on tract's *inference*
//! model, whose nodes are the nodes of the file one for one: the typed model splits and fuses
//! operators into tract's own, fills every constant in and deduplicates weights, and decluttering or
//! optimising moves further still from the tensors that the file describes.
//! This file owns the reading of the file, its errors and its containment; beneath it `proto` prepares
//! the file, `operators` reads off it what each node does, `dims` gives its symbols numbers, `bounded` keeps shape inference from
//! computing weights, `aliases` says which results need no bytes of their own, and `assembly` makes the graph of the model;
//! `runnable` is another way, to a model that runs. What is in that graph:
//!
//! - **Constants are not planned**: initialisers, what is computed from constants alone, and what
//!   shape inference fully knows (the result of `Shape`, say), which hence keeps no tensor alive.
//! - **Graph inputs and outputs are planned**; nodes that no graph output needs are left out.
//! - **Every outlet is a tensor**. Those that are views of others (`Reshape`, a contiguous `Slice`) or may be written over what their node
//!   reads (`Relu`, `Add`) are declared so, and it is for [`Graph::lifetimes_with`] to make use of that or not.
//! - **Bodies of `If` and `Scan`** are left out: the node counts as one operator, with what it reads
//!   from outside and what it writes. `Loop`, which tract lacks, is treated as any unknown operator:
//!   it takes part if the file states the shape of the one tensor it writes.
//! - **Symbolic dimensions** take the numbers the user gives. Of the rest, a symbol in the leading
//!   dimension of an input, or with "batch" in its name, is 1 (and is reported in
//!   [`OnnxModel::assumed`]); any other must be given. A dimension with neither number nor symbol is
//!   called `INPUT.AXIS`.
//!
//! Invariant: a panic inside tract becomes an error of [`load`], and so does what makes tract use up memory
//! or time, as far as fuzzing has found it. tract has unsafe code of its own, so this is no proof for every
//! file. That takes `panic = "unwind"`.

#![forbid(unsafe_code)]

mod aliases;
mod assembly;
mod bounded;
mod dims;
mod operators;
mod proto;
#[cfg(target_os = "linux")]
pub(crate) mod runnable;
#[cfg(test)]
mod tests;

use std::{fs::File, io, path::Path, thread};

use orionrt::{Graph, graph::GraphError};
use tract_onnx::pb::{GraphProto, ModelProto};
use tract_onnx::prelude::{Framework, InferenceModelExt};
use tract_onnx::tract_hir::infer::{Factoid, InferenceFact, InferenceNode};
use tract_onnx::tract_hir::internal::{InferenceModel, TractError, TractResult};
use tract_onnx::tract_hir::ops::unimpl::UnimplementedOp;

use crate::contain::contain;
use assembly::Assembly;
use dims::Dims;

/// What the user decides about a model.
#[derive(Clone, Debug)]
pub struct OnnxOptions {
    /// Numbers for symbolic dimensions, as `--dim NAME=N` gives them; the last of a name counts.
    pub dims: Vec<(String, usize)>,
    /// The least alignment of every tensor, a power of two.
    pub alignment: usize,
}

impl Default for OnnxOptions {
    fn default() -> Self {
        Self {
            dims: Vec::new(),
            alignment: 64,
        }
    }
}

/// A model read from a file.
#[derive(Debug)]
pub struct OnnxModel {
    /// The operators that run and the tensors they pass on, with those that are views of others or may take their bytes; constants
    /// are not in it.
    pub graph: Graph,
    /// Operators in the file, with those that are constant and those that no output needs.
    pub nodes: usize,
    /// Bytes of the constants that the operators of the graph read.
    pub weights_bytes: u64,
    /// Dimensions that were taken to be a number that nobody gave.
    pub assumed: Vec<(String, usize)>,
}

/// Why a file is not a model that can be planned. The file's name is the caller's to add.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The file cannot be opened.
    #[error("cannot be read: {source}")]
    Read {
        /// What the system says.
        source: io::Error,
    },
    /// The bytes are no ONNX model.
    #[error("not an ONNX model: {reason}")]
    NotOnnx {
        /// What was expected.
        reason: String,
    },
    /// The file is ONNX, but does not hold together or goes beyond what tract reads.
    #[error("the model cannot be read: {reason}")]
    Refused {
        /// What tract says, with the node.
        reason: String,
    },
    /// An operator that tract does not know, writing a tensor whose shape the file does not state.
    #[error(
        "node '{node}' is a {operator}, an operator that is not known here, and the file does not state the shape of what it writes"
    )]
    UnknownOperator {
        /// The node.
        node: String,
        /// Its type.
        operator: String,
    },
    /// A name given for a dimension is not in the model.
    #[error("the model has no dimension named '{name}': {}", known_dims(known))]
    UnknownDim {
        /// The name given.
        name: String,
        /// The names that the model has.
        known: Vec<String>,
    },
    /// A dimension is still without a number.
    #[error(
        "tensor '{tensor}' of node '{node}' has the shape [{shape}], which is not complete: add {}",
        dim_flags(missing)
    )]
    MissingDim {
        /// The tensor.
        tensor: String,
        /// The node that writes it, or the input itself.
        node: String,
        /// Its shape, as far as it is known.
        shape: String,
        /// The dimensions to give.
        missing: Vec<String>,
    },
    /// A shape (or type) that inference cannot find and the user cannot give.
    #[error(
        "tensor '{tensor}' of node '{node}' ({operator}) has the shape and type [{shape}]: the rest is not known before the model runs"
    )]
    UnknownShape {
        /// The tensor.
        tensor: String,
        /// The node that writes it.
        node: String,
        /// The type of the node.
        operator: String,
        /// What is known.
        shape: String,
    },
    /// A tensor that no memory can hold, or of elements that have no fixed size.
    #[error("tensor '{tensor}' cannot be placed in memory: its shape and type are [{shape}]")]
    NoLayout {
        /// The tensor.
        tensor: String,
        /// Its shape and type.
        shape: String,
    },
    /// The alignment asked for is not a power of two.
    #[error("the alignment {0} is not a power of two")]
    Alignment(usize),
    /// The graph breaks a rule of the library's.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

fn known_dims(known: &[String]) -> String {
    if known.is_empty() {
        "all of its dimensions are numbers".into()
    } else {
        format!("it has {}", known.join(", "))
    }
}

fn dim_flags(missing: &[String]) -> String {
    missing
        .iter()
        .map(|name| format!("--dim {name}=N"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// tract's chain of reasons in one line of bearable length.
fn refused(error: TractError) -> OnnxError {
    OnnxError::Refused {
        reason: format!("{error:#}").chars().take(600).collect(),
    }
}

/// Reads the model in `path`. Weights in files of their own are not read.
///
/// # Errors
///
/// See [`OnnxError`].
pub fn load(path: &Path, options: &OnnxOptions) -> Result<OnnxModel, OnnxError> {
    check_alignment(options)?;
    contained(|| read(decode(path)?, folder(path), options))
}

/// Where files that a model in `path` names lie.
fn folder(path: &Path) -> Option<&str> {
    path.parent().and_then(Path::to_str)
}

/// The model in `path`, as the file has it.
fn decode(path: &Path) -> Result<ModelProto, OnnxError> {
    let unreadable = |source| OnnxError::Read { source };
    let metadata = File::open(path)
        .and_then(|file| file.metadata())
        .map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(not_onnx("it is not a regular file"));
    }
    if metadata.len() == 0 {
        return Err(not_onnx("the file is empty"));
    }
    decoded(tract_onnx::onnx().proto_model_for_path(path))
}

/// Reads a model that is in memory already.
///
/// # Errors
///
/// See [`OnnxError`].
pub fn load_bytes(mut bytes: &[u8], options: &OnnxOptions) -> Result<OnnxModel, OnnxError> {
    check_alignment(options)?;
    contained(|| {
        let file = tract_onnx::onnx().proto_model_for_read(&mut bytes);
        read(decoded(file)?, None, options)
    })
}

fn check_alignment(options: &OnnxOptions) -> Result<(), OnnxError> {
    if options.alignment.is_power_of_two() {
        Ok(())
    } else {
        Err(OnnxError::Alignment(options.alignment))
    }
}

/// Runs `read` on a thread of its own: its panics end with it, unheard, and a deeply nested file does
/// not run out of stack.
fn contained<T: Send>(read: impl FnOnce() -> Result<T, OnnxError> + Send) -> Result<T, OnnxError> {
    let broken = |what: String| OnnxError::Refused {
        reason: format!("the reader broke on it ({what})"),
    };
    thread::scope(|scope| {
        let reader = thread::Builder::new()
            .name("onnx-reader".into())
            .stack_size(256 << 20);
        let reader = reader
            .spawn_scoped(scope, || contain(read))
            .map_err(|error| broken(error.to_string()))?;
        let contained = reader.join().unwrap_or_else(|_| Err("no message".into()));
        contained.map_err(broken)?
    })
}

fn not_onnx(reason: impl Into<String>) -> OnnxError {
    let reason = reason.into();
    OnnxError::NotOnnx { reason }
}

fn decoded(file: TractResult<ModelProto>) -> Result<ModelProto, OnnxError> {
    file.map_err(|error| not_onnx(format!("{error:#}")))
}

/// `folder` is where files that the model names lie.
fn read(
    mut file: ModelProto,
    folder: Option<&str>,
    options: &OnnxOptions,
) -> Result<OnnxModel, OnnxError> {
    let graph = graph_of(&mut file)?;
    proto::check(graph).map_err(|reason| OnnxError::Refused { reason })?;
    let weights = proto::detach_weights(graph);
    proto::simplify_dims(graph);
    let operators = operators::operators(&file);
    let mut model = parse(file, folder)?;
    let dims = Dims::bind(&mut model, &weights, &options.dims)?;
    check_operators(&model)?;
    bounded::wrap(&mut model);
    model.analyse(false).map_err(refused)?;
    let (graph, weights_bytes) =
        Assembly::new(&model, &dims, &operators, options.alignment).assemble(&weights)?;
    Ok(OnnxModel {
        graph,
        nodes: operators.len(),
        weights_bytes,
        assumed: dims.assumed,
    })
}

fn graph_of(file: &mut ModelProto) -> Result<&mut GraphProto, OnnxError> {
    let graph = file.graph.as_mut();
    graph.ok_or_else(|| not_onnx("it holds no graph"))
}

/// tract's model of a file.
fn parse(file: ModelProto, folder: Option<&str>) -> Result<InferenceModel, OnnxError> {
    let parsed = tract_onnx::onnx().parse(&file, folder).map_err(refused)?;
    match parsed.unresolved_inputs.first() {
        None => Ok(parsed.model),
        Some(name) => Err(OnnxError::Refused {
            reason: format!("nothing writes '{name}', which a node reads"),
        }),
    }
}

/// An operator that tract does not know is no obstacle if the file states what it writes.
fn check_operators(model: &InferenceModel) -> Result<(), OnnxError> {
    for id in model.eval_order().map_err(refused)? {
        let node = model.node(id);
        let is_stated =
            |fact: &InferenceFact| fact.datum_type.is_concrete() && fact.shape.is_concrete();
        let are_stated = node.outputs.len() == 1 && is_stated(&node.outputs[0].fact);
        if node.op_as::<UnimplementedOp>().is_some() && !are_stated {
            let (node, operator) = (node.name.clone(), operator(node));
            return Err(OnnxError::UnknownOperator { node, operator });
        }
    }
    Ok(())
}

/// The ONNX name of a node's operator, freed from tract's wrapping.
fn operator(node: &InferenceNode) -> String {
    let name = node.op.name();
    let bare = name
        .strip_prefix("Unimplemented(")
        .and_then(|n| n.strip_suffix(')'));
    bare.unwrap_or(&name).to_string()
}
