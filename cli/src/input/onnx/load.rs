//! A whole ONNX file as a graph.
//!
//! Stands on every file above it. Invariant: nothing of tract runs outside of `contained`.

#![forbid(unsafe_code)]

use std::path::Path;

use orionrt::Graph;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{Framework, InferenceModelExt};
use tract_onnx::tract_hir::infer::{Factoid, InferenceFact};
use tract_onnx::tract_hir::internal::InferenceModel;
use tract_onnx::tract_hir::ops::unimpl::UnimplementedOp;

use super::{
    assembly::Assembler,
    bounded,
    dims::Dims,
    error::{OnnxError, refused},
    operators::{self, operator_name},
    proto,
    reading::{contained, decode, decoded, folder, graph_of, parse},
};

/// What the user decides about a model.
#[derive(Clone, Debug)]
pub struct OnnxOptions {
    /// The sizes of symbolic dimensions, as `--dim NAME=N` gives them; the last of a name counts.
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
    /// The operators that run and the tensors they pass on, with the declared views and pairs in
    /// place; constants are not in it.
    pub graph: Graph,
    /// The operators in the file, including constant ones and those that no output needs.
    pub nodes: usize,
    /// Bytes of the constants that the operators of the graph read.
    pub weights_bytes: u64,
    /// Symbolic dimensions that were not given, with the sizes assumed for them.
    pub assumed: Vec<(String, usize)>,
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

/// The graph of a decoded file; the files that it names are in `folder`.
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
        Assembler::new(&model, &dims, &operators, options.alignment).assemble(&weights)?;
    Ok(OnnxModel {
        graph,
        nodes: operators.len(),
        weights_bytes,
        assumed: dims.assumed,
    })
}

/// Refuses operators that tract does not know, unless the file states what they write.
fn check_operators(model: &InferenceModel) -> Result<(), OnnxError> {
    for id in model.eval_order().map_err(refused)? {
        let node = model.node(id);
        let is_stated =
            |fact: &InferenceFact| fact.datum_type.is_concrete() && fact.shape.is_concrete();
        let are_stated = node.outputs.len() == 1 && is_stated(&node.outputs[0].fact);
        if node.op_as::<UnimplementedOp>().is_some() && !are_stated {
            let (node, operator) = (node.name.clone(), operator_name(node));
            return Err(OnnxError::UnknownOperator { node, operator });
        }
    }
    Ok(())
}
