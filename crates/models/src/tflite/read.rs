//! A whole TensorFlow Lite file as a program.
//!
//! Stands on every file above it. The first subgraph is planned, with the bodies that it calls;
//! other subgraphs are entry points of their own, and listed.

use std::collections::{HashMap, HashSet};

use super::budget::{ENTRY, OPERAND};
use super::micro;
use super::offline;
use super::reader::{Reader, Scope, kind_of};
use super::shapes::Stated;
use crate::error::ModelError;
use crate::model::{Dimension, LeftOut, LeftOutReason};
use crate::options::{Options, Unknown};
use crate::program::{Program, ValueId, ValueKind};

/// The program of a model.
pub(crate) fn program(bytes: &[u8], options: &Options) -> Result<Program, ModelError> {
    let (mut reader, tensors) = read(bytes, options)?;
    reader.dims.check(options)?;
    if options.tflite_micro {
        reader.restrict(&tensors)?;
    }
    reader.offsets(&tensors)?;
    let names = options.inputs.keys();
    if let Some(name) = names.clone().next().filter(|_| options.strict_names) {
        return Err(ModelError::Input {
            name: name.clone(),
            reason: "values of inputs are used for ONNX models alone; the shapes in a \
                     TensorFlow Lite file do not depend on them"
                .into(),
        });
    }
    reader.program.weight_files = reader.model.weight_files()?;
    reader.program.assumed = reader.dims.assumed;
    reader.program.bounds = reader.dims.bounds;
    Ok(reader.program)
}

/// The symbolic dimensions of a model.
pub(crate) fn dimensions(bytes: &[u8]) -> Result<Vec<Dimension>, ModelError> {
    let options = Options::new().unknown(Unknown::Skip);
    let (reader, _) = read(bytes, &options)?;
    Ok(reader.dims.known)
}

/// A tensor that gets an offset from TensorFlow Lite Micro.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    /// Its number in the first subgraph.
    pub(crate) number: u32,
    /// Its name in the program.
    pub(crate) name: String,
}

/// The tensors that TensorFlow Lite Micro places at the offsets of a plan, in the order of the
/// file.
pub(crate) fn planned(bytes: &[u8]) -> Result<Vec<Planned>, ModelError> {
    let options = Options::new().unknown(Unknown::Skip).tflite_micro();
    let (mut reader, tensors) = read(bytes, &options)?;
    let planned = reader.restrict(&tensors)?;
    let tensors = planned.into_iter().map(|(number, value)| {
        let value = &mut reader.program.values[value.0 as usize];
        let name = std::mem::take(&mut value.name);
        Planned { number, name }
    });
    Ok(tensors.collect())
}

/// Reads a file, and says which values the tensors of its first subgraph are.
fn read<'f, 'o>(
    bytes: &'f [u8],
    options: &'o Options,
) -> Result<(Reader<'f, 'o>, HashMap<u32, ValueId>), ModelError> {
    let mut reader = Reader::new(bytes, options)?;
    if reader.model.subgraphs.len() == 0 {
        let root = reader.model.root;
        return Err(root.malformed("no subgraphs", "at least one"));
    }
    let mut scope = reader.enter(0, String::new())?;
    reader.inputs(&mut scope)?;
    reader.program.nodes = reader.nodes(&mut scope)?;
    let tensors = scope.values.clone();
    let outputs = reader.leave(scope)?;
    let mut seen = HashSet::new();
    let outputs = outputs.into_iter().filter(|&output| seen.insert(output));
    reader.program.outputs = outputs.collect();
    reader.other_subgraphs()?;
    Ok((reader, tensors))
}

impl<'f> Reader<'f, '_> {
    fn inputs(&mut self, scope: &mut Scope<'f>) -> Result<(), ModelError> {
        let inputs = scope.graph.inputs;
        self.budget.charge(OPERAND * inputs.len())?;
        for input in inputs.i32s() {
            let Ok(index) = u32::try_from(input) else {
                let found = format!("an input of {input}");
                return Err(scope.graph.table.malformed(found, "the number of a tensor"));
            };
            if scope.values.contains_key(&index) {
                continue;
            }
            let tensor = scope.graph.tensor(index)?;
            let given = self.given(scope, tensor, index)?;
            let value = match given {
                Some(value) => value,
                None => {
                    let name = self.name(&scope.prefix, tensor, index)?;
                    let stated = Stated::of(tensor, &mut self.budget)?;
                    let shape = stated.of_input(&name, &mut self.dims);
                    let kind = kind_of(tensor, &name, &shape)?;
                    let value = self.add(name, kind, shape);
                    self.program.inputs.push(value);
                    value
                }
            };
            scope.values.insert(index, value);
        }
        Ok(())
    }

    /// Leaves what gets an offset from TensorFlow Lite Micro.
    fn restrict(
        &mut self,
        tensors: &HashMap<u32, ValueId>,
    ) -> Result<Vec<(u32, ValueId)>, ModelError> {
        let variables = micro::variables(&self.model, &mut self.budget)?;
        Ok(micro::restrict(&mut self.program, tensors, &variables))
    }

    /// The offsets that the file states for tensors of the first subgraph.
    fn offsets(&mut self, tensors: &HashMap<u32, ValueId>) -> Result<(), ModelError> {
        let Some(offsets) = offline::offsets(&self.model)? else {
            return Ok(());
        };
        let mut stated = Vec::new();
        for (&index, &value) in tensors {
            let offset = offsets
                .get(index as usize)
                .map(|&offset| u64::try_from(offset));
            if let (Some(Ok(offset)), ValueKind::Tensor(_)) = (offset, self.kind(value)) {
                stated.push((value, offset));
            }
        }
        stated.sort_unstable();
        self.program.offsets = stated;
        Ok(())
    }

    /// Lists the subgraphs that the first one does not call.
    fn other_subgraphs(&mut self) -> Result<(), ModelError> {
        for index in 1..self.model.subgraphs.len() {
            if self.has_reached(index) {
                continue;
            }
            let graph = self.model.subgraph(index)?;
            let name = graph.name()?;
            self.budget.charge(ENTRY + name.len())?;
            let name = match &*name {
                "" => format!("subgraph:{index}"),
                name => name.to_string(),
            };
            let left_out = LeftOut::new(name, LeftOutReason::EntryPoint);
            self.program.left_out.push(left_out);
        }
        Ok(())
    }
}
