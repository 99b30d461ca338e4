//! A graph as it was declared, call by call, until its lifetimes are asked for.
//!
//! Stands on `lifetimes`. What was declared is kept as it is, so that an operator can be given more
//! later; the graph is built, and checked as a whole, by [`Declared::build`]. Invariant: every id
//! that is kept was given out.

use std::alloc::Layout;

use ::orionrt_plan::{Graph, GraphBuilder, OpId, TensorId};

use crate::failure::Failure;
use crate::lifetimes::tensor_id;
use crate::status::orionrt_status::*;

/// What the handle of a graph stands for: everything that was declared.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    pub(crate) tensors: Vec<(String, Layout)>,
    pub(crate) operators: Vec<Operator>,
    pub(crate) inputs: Vec<TensorId>,
    pub(crate) outputs: Vec<TensorId>,
    pub(crate) constructs: Vec<Construct>,
}

/// An operator as it was declared.
#[derive(Debug, Default)]
pub(crate) struct Operator {
    pub(crate) name: String,
    pub(crate) reads: Vec<TensorId>,
    pub(crate) writes: Vec<TensorId>,
    /// The result, the operand that it is a view of, and where in that it begins, in bytes.
    pub(crate) views: Vec<(TensorId, TensorId, u64)>,
    /// The result, and the operand whose bytes it may take.
    pub(crate) in_place: Vec<(TensorId, TensorId)>,
    pub(crate) stream: u32,
    pub(crate) waits: Vec<OpId>,
}

/// A range of operators under control flow.
#[derive(Debug)]
pub(crate) enum Construct {
    /// The bounds of branches, each the end of one and the beginning of the next.
    Branches(Vec<OpId>),
    /// The first operator of the body, and the first one after it.
    Loop(OpId, OpId),
}

impl Declared {
    /// Checks everything that was declared.
    pub(crate) fn build(&self) -> Result<Graph, Failure> {
        let mut graph = GraphBuilder::new();
        for (name, layout) in &self.tensors {
            graph.tensor(name.as_str(), *layout);
        }
        for operator in &self.operators {
            let op = graph.op(operator.name.as_str()).stream(operator.stream);
            let op = op.after(operator.waits.iter().copied());
            let op = op.reads(operator.reads.iter().copied());
            let op = op.writes(operator.writes.iter().copied());
            let views = operator.views.iter();
            let op = views.fold(op, |op, &(result, of, offset)| op.view(result, of, offset));
            let in_place = operator.in_place.iter();
            let _ = in_place.fold(op, |op, &(result, of)| op.in_place(result, of));
        }
        for construct in &self.constructs {
            match construct {
                Construct::Loop(first, end) => graph.repeated(*first..*end),
                Construct::Branches(bounds) => {
                    graph.exclusive(bounds.windows(2).map(|pair| pair[0]..pair[1]))
                }
            };
        }
        for &tensor in &self.inputs {
            graph.input(tensor);
        }
        for &tensor in &self.outputs {
            graph.output(tensor);
        }
        Ok(graph.build()?)
    }

    /// The id of a tensor by its number.
    pub(crate) fn tensor(&self, index: usize) -> Result<TensorId, Failure> {
        tensor_id(index, self.tensors.len())
    }

    /// The ids of tensors by their numbers.
    pub(crate) fn tensors_of(&self, indices: &[usize]) -> Result<Vec<TensorId>, Failure> {
        indices.iter().map(|&index| self.tensor(index)).collect()
    }

    /// An operator by its number.
    pub(crate) fn operator(&mut self, index: usize) -> Result<&mut Operator, Failure> {
        let count = self.operators.len();
        self.operators.get_mut(index).ok_or_else(|| {
            let expected = format!("a number below {count}, the number of operators");
            Failure::invalid("an operator", index, &expected)
        })
    }

    /// A bound of a range of operators: an operator, or the one that comes next.
    pub(crate) fn bound(&self, index: usize) -> Result<OpId, Failure> {
        let count = self.operators.len();
        match u32::try_from(index) {
            Ok(id) if index <= count => Ok(OpId::new(id)),
            _ => {
                let expected = format!("a number up to {count}, the number of operators");
                Err(Failure::invalid("a bound of operators", index, &expected))
            }
        }
    }
}

/// The number that the next of so many gets.
pub(crate) fn next_id(count: usize, what: &str) -> Result<usize, Failure> {
    if count < u32::MAX as usize {
        return Ok(count);
    }
    let message = format!("there are {count} {what}; no more can be numbered");
    Err(Failure::new(ORIONRT_TOO_MANY, message))
}

/// The layout of a tensor, from numbers that C gives.
pub(crate) fn layout(size: u64, alignment: u64) -> Result<Layout, Failure> {
    if !alignment.is_power_of_two() {
        let message = format!("alignment {alignment} is not a power of two (1, 2, 4, ...)");
        return Err(Failure::new(ORIONRT_BAD_ALIGNMENT, message));
    }
    let numbers = usize::try_from(size)
        .ok()
        .zip(usize::try_from(alignment).ok());
    let layout =
        numbers.and_then(|(size, alignment)| Layout::from_size_align(size, alignment).ok());
    layout.ok_or_else(|| {
        let message = format!(
            "a tensor of {size} bytes, aligned to {alignment}; expected fewer than {} bytes, \
             rounded up to a multiple of its alignment",
            isize::MAX
        );
        Failure::new(ORIONRT_SIZE_OVERFLOW, message)
    })
}
