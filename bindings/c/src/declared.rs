//! A graph as it was declared, call by call, until its lifetimes are asked for.
//!
//! Stands on `lifetimes`. What was declared is kept as it is, so that an operator can be given more
//! later; the graph is built, and checked as a whole, by [`Declared::build`]. Invariant: every id
//! that is kept was given out, and a function that fails changes nothing.

use std::alloc::Layout;

use ::orionrt_plan::{Graph, GraphBuilder, OpId, TensorId};

use crate::alignment::check_alignment;
use crate::failure::Failure;
use crate::rows::tensor_id;
use crate::status::orionrt_status::*;

/// What the handle of a graph stands for: everything that was declared.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    tensors: Vec<(String, Layout)>,
    operators: Vec<Operator>,
    inputs: Vec<TensorId>,
    outputs: Vec<TensorId>,
    donated: Vec<TensorId>,
    /// The output, and the input whose bytes it has.
    output_aliases: Vec<(TensorId, TensorId)>,
    constructs: Vec<Construct>,
}

/// An operator as it was declared.
#[derive(Debug, Default)]
struct Operator {
    name: String,
    reads: Vec<TensorId>,
    writes: Vec<TensorId>,
    /// The result, the operand that it is a view of, and where in that it begins, in bytes.
    views: Vec<(TensorId, TensorId, u64)>,
    /// The result, and the operand whose bytes it may take.
    in_place: Vec<(TensorId, TensorId)>,
    /// The operand, the result that has its bytes, and where in that it begins, in bytes.
    parts: Vec<(TensorId, TensorId, u64)>,
    stream: u32,
    waits: Vec<OpId>,
}

/// A range of operators under control flow.
#[derive(Debug)]
enum Construct {
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
            let op = in_place.fold(op, |op, &(result, of)| op.in_place(result, of));
            let parts = operator.parts.iter();
            let _ = parts.fold(op, |op, &(of, result, at)| op.part(of, result, at));
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
        for &tensor in &self.donated {
            graph.donate(tensor);
        }
        for &(output, input) in &self.output_aliases {
            graph.alias_output(output, input);
        }
        Ok(graph.build()?)
    }

    pub(crate) fn operator_count(&self) -> usize {
        self.operators.len()
    }

    /// Adds a tensor; returns its number.
    pub(crate) fn add_tensor(
        &mut self,
        name: &str,
        size: u64,
        alignment: u64,
    ) -> Result<usize, Failure> {
        let id = next_id(self.tensors.len(), "tensors")?;
        let layout = layout(size, alignment).map_err(|failure| failure.at(id))?;
        self.tensors.push((name.into(), layout));
        Ok(id)
    }

    /// Adds the next operator; returns its number.
    pub(crate) fn add_operator(
        &mut self,
        name: &str,
        reads: &[usize],
        writes: &[usize],
    ) -> Result<usize, Failure> {
        let id = next_id(self.operators.len(), "operators")?;
        let ids = |tensors: &[usize]| -> Result<Vec<TensorId>, Failure> {
            tensors.iter().map(|&index| self.tensor(index)).collect()
        };
        let operator = Operator {
            name: name.into(),
            reads: ids(reads)?,
            writes: ids(writes)?,
            ..Operator::default()
        };
        self.operators.push(operator);
        Ok(id)
    }

    pub(crate) fn add_view(
        &mut self,
        op: usize,
        result: usize,
        of: usize,
        offset: u64,
    ) -> Result<(), Failure> {
        let view = (self.tensor(result)?, self.tensor(of)?, offset);
        self.operator(op)?.views.push(view);
        Ok(())
    }

    pub(crate) fn add_in_place(
        &mut self,
        op: usize,
        result: usize,
        of: usize,
    ) -> Result<(), Failure> {
        let pair = (self.tensor(result)?, self.tensor(of)?);
        self.operator(op)?.in_place.push(pair);
        Ok(())
    }

    pub(crate) fn add_part(
        &mut self,
        op: usize,
        operand: usize,
        result: usize,
        offset: u64,
    ) -> Result<(), Failure> {
        let part = (self.tensor(operand)?, self.tensor(result)?, offset);
        self.operator(op)?.parts.push(part);
        Ok(())
    }

    pub(crate) fn set_stream(&mut self, op: usize, stream: u32) -> Result<(), Failure> {
        self.operator(op)?.stream = stream;
        Ok(())
    }

    pub(crate) fn add_wait(&mut self, op: usize, first: usize) -> Result<(), Failure> {
        self.operator(first)?;
        let first = self.bound(first)?;
        self.operator(op)?.waits.push(first);
        Ok(())
    }

    pub(crate) fn add_loop(&mut self, first: usize, end: usize) -> Result<(), Failure> {
        let body = Construct::Loop(self.bound(first)?, self.bound(end)?);
        self.constructs.push(body);
        Ok(())
    }

    pub(crate) fn add_branches(&mut self, bounds: &[usize]) -> Result<(), Failure> {
        if bounds.len() < 2 {
            let (found, expected) = (bounds.len(), "at least 2, for one branch");
            return Err(Failure::invalid("the number of bounds", found, expected));
        }
        let bounds = bounds.iter().map(|&index| self.bound(index));
        let bounds: Vec<OpId> = bounds.collect::<Result<_, _>>()?;
        self.constructs.push(Construct::Branches(bounds));
        Ok(())
    }

    pub(crate) fn add_input(&mut self, tensor: usize) -> Result<(), Failure> {
        self.inputs.push(self.tensor(tensor)?);
        Ok(())
    }

    pub(crate) fn add_output(&mut self, tensor: usize) -> Result<(), Failure> {
        self.outputs.push(self.tensor(tensor)?);
        Ok(())
    }

    pub(crate) fn donate(&mut self, input: usize) -> Result<(), Failure> {
        self.donated.push(self.tensor(input)?);
        Ok(())
    }

    pub(crate) fn alias_output(&mut self, output: usize, input: usize) -> Result<(), Failure> {
        let pair = (self.tensor(output)?, self.tensor(input)?);
        self.output_aliases.push(pair);
        Ok(())
    }

    /// The id of a tensor by its number.
    fn tensor(&self, index: usize) -> Result<TensorId, Failure> {
        tensor_id(index, self.tensors.len())
    }

    /// An operator by its number.
    fn operator(&mut self, index: usize) -> Result<&mut Operator, Failure> {
        let count = self.operators.len();
        let operator = self.operators.get_mut(index);
        operator.ok_or_else(|| Failure::unknown("an operator", index, count, "operators"))
    }

    /// A bound of a range of operators: an operator, or the one that comes next.
    fn bound(&self, index: usize) -> Result<OpId, Failure> {
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
fn next_id(count: usize, what: &str) -> Result<usize, Failure> {
    if count < u32::MAX as usize {
        return Ok(count);
    }
    let message = format!("there are {count} {what}; no more can be numbered");
    Err(Failure::new(ORIONRT_TOO_MANY, message))
}

/// The layout of a tensor, from numbers that C gives.
fn layout(size: u64, alignment: u64) -> Result<Layout, Failure> {
    check_alignment(alignment)?;
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
