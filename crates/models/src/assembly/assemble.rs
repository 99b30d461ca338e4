//! The model of a program.
//!
//! Stands on `bodies` and `left_out`.

use super::left_out::left_out;
use super::operators::Operators;
use crate::error::ModelError;
use crate::model::{Format, Model};
use crate::options::Options;
use crate::program::{Program, ValueId};

/// The greatest alignment: no size is larger.
const MOST_ALIGNMENT: u64 = 1 << 62;

/// The model of a program.
pub(crate) fn assemble(
    program: &Program,
    format: Format,
    options: &Options,
) -> Result<Model, ModelError> {
    let alignment = options.alignment;
    if !alignment.is_power_of_two() || alignment > MOST_ALIGNMENT {
        return Err(ModelError::Alignment(alignment));
    }
    let mut operators = Operators::new(program, options)?;
    let inputs = program.inputs.iter().chain(&program.variables);
    let inputs: Vec<ValueId> = inputs.copied().collect();
    for tensor in operators.all(&inputs)? {
        operators.builder.input(tensor);
    }
    operators.add_program(&program.nodes)?;
    let outputs = program.outputs.iter().chain(&program.variables);
    let outputs: Vec<ValueId> = outputs.copied().collect();
    for tensor in operators.all(&outputs)? {
        operators.builder.output(tensor);
    }
    let mut variables = operators.all(&program.variables)?;
    variables.sort_unstable();
    operators.weight_tensors.sort_unstable();
    let offsets = program.offsets.iter();
    let offsets = offsets.filter_map(|&(value, at)| Some((operators.tensors.find(value)?, at)));
    Ok(Model {
        offsets: offsets.collect(),
        left_out: left_out(program, &operators.tensors),
        operator_types: operators.types,
        operator_work: operators.work,
        variables,
        weights: operators.weight_tensors,
        bodies: operators.bodies,
        tensor_types: operators.tensors.types,
        graph: operators.builder.build()?,
        format,
        nodes: program.nodes_in_file,
        weights_bytes: operators.weights.bytes,
        computed_constants: operators.weights.computed,
        computed_constants_bytes: operators.weights.computed_bytes,
        weight_files: program.weight_files.clone(),
        assumed: program.assumed.clone(),
        bounds: program.bounds.clone(),
    })
}
