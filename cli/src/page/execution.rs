//! How the plan of a model is executed: the order of the operators, and which tensors lie within
//! others.
//!
//! Stands on `column`, `strings` and the facts about a model. Invariant: it is what the plan was
//! made for, and of a path only the name of the file is on the page.

#![forbid(unsafe_code)]

use std::path::Path;

use serde::Serialize;

use super::{
    column::{Column, Columns, TooLarge, exact},
    strings::Strings,
};
use crate::{
    args::ModelArgs,
    input::{Input, ModelFacts, ModelJson, Origin},
};

/// What the executor of a plan does.
#[derive(Clone, Debug)]
pub(crate) struct Execution<'p> {
    /// `file`, `memory`, or the file that lists the order.
    order: String,
    aliasing: &'p str,
    /// The most bytes alive at once in the order of the model's file, if the plan has another one
    /// that was searched.
    file_load: Option<u64>,
    /// The bytes of the model's weights, which no plan has.
    weights: Option<u64>,
    /// How many constants operators read that are computed from others, and their bytes.
    computed: Option<(usize, u64)>,
    /// The names of the operators in their order, as far as they are known.
    operators: &'p [String],
}

impl<'p> Execution<'p> {
    /// That of a plan of this input, if it is a model.
    pub(crate) fn of_input(input: &'p Input) -> Option<Self> {
        match &input.origin {
            Origin::Model(model) => Some(Self::of_model(model)),
            _ => None,
        }
    }

    fn of_model(model: &'p ModelFacts) -> Self {
        let reordered = model.reordered.as_ref();
        Self {
            order: model.order.name(),
            aliasing: model.aliasing.name(),
            file_load: reordered.map(|order| order.load_before),
            weights: Some(model.weights_bytes),
            computed: Some(model.computed_constants).filter(|&(count, _)| count > 0),
            operators: &model.operators,
        }
    }

    /// That which a plan's file states.
    pub(crate) fn of_file(stated: &'p ModelJson) -> Self {
        Self {
            order: stated.order_of.clone(),
            aliasing: &stated.aliasing,
            file_load: None,
            weights: None,
            computed: None,
            operators: &stated.order,
        }
    }

    /// That which the user gives for a plan whose file states none.
    pub(crate) fn given(how: &ModelArgs) -> Self {
        Self {
            order: how.order.name(),
            aliasing: how.aliasing.name(),
            file_load: None,
            weights: None,
            computed: None,
            operators: &[],
        }
    }
}

/// In the header of a document.
#[derive(Debug, Serialize)]
pub(super) struct ExecutionJson {
    order: String,
    aliasing: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_load: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weights: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    computed_constants: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    computed_constants_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operators: Option<Column>,
}

/// Puts it into a document, with the names of the operators unless the map has them already.
pub(super) fn execution(
    of: &Execution<'_>,
    has_operators: bool,
    columns: &mut Columns,
    strings: &mut Strings,
) -> Result<ExecutionJson, TooLarge> {
    let (computed, computed_bytes) = of.computed.unzip();
    for bytes in [of.file_load, of.weights, computed_bytes]
        .into_iter()
        .flatten()
    {
        exact(bytes)?;
    }
    let is_listed = !has_operators && !of.operators.is_empty();
    let mut listed = || {
        let numbers = of.operators.iter().map(|name| strings.number(name));
        let numbers: Vec<u32> = numbers.collect();
        columns.add(numbers)
    };
    let file = Path::new(&of.order).file_name();
    Ok(ExecutionJson {
        order: file.map_or(of.order.clone(), |name| name.to_string_lossy().into()),
        aliasing: of.aliasing.into(),
        file_load: of.file_load,
        weights: of.weights,
        computed_constants: computed,
        computed_constants_bytes: computed_bytes,
        operators: is_listed.then(&mut listed).transpose()?,
    })
}
