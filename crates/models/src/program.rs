//! A program: nodes in the order of the file, the values that they pass on, and the bodies of
//! control flow. Both formats are read into this form.
//!
//! Stands on [`TensorType`] and [`OperatorWork`]. Invariants: a value is written by one node, or is
//! an input, a constant, or an input of a body; a node comes after those that write what it reads;
//! `reads` of a node with bodies has every value that a body reads from outside, at any depth.

use crate::model::{LeftOut, SizeBound};
use crate::tensor_type::TensorType;
use crate::work::OperatorWork;

/// The number of a value of a [`Program`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ValueId(pub(crate) u32);

/// A model file as nodes and values.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) values: Vec<Value>,
    pub(crate) inputs: Vec<ValueId>,
    pub(crate) outputs: Vec<ValueId>,
    pub(crate) nodes: Vec<Node>,
    /// The nodes in the file, bodies included, also constant ones that are not in `nodes`.
    pub(crate) nodes_in_file: usize,
    pub(crate) assumed: Vec<(String, u64)>,
    pub(crate) bounds: Vec<SizeBound>,
    /// Bodies that are not in the program; values that are not planned add themselves.
    pub(crate) left_out: Vec<LeftOut>,
    /// Values that live from the start to the end: variables of the model.
    pub(crate) variables: Vec<ValueId>,
    /// The names of the files that have weights.
    pub(crate) weight_files: Vec<String>,
    /// Offsets that the file itself states, in bytes.
    pub(crate) offsets: Vec<(ValueId, u64)>,
}

/// A value: an edge of the graph.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    /// The name in the file; names of bodies' values begin with the node: `NODE/body/NAME`.
    pub(crate) name: String,
    pub(crate) kind: ValueKind,
}

/// What a value is to a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ValueKind {
    /// A tensor that needs memory.
    Tensor(TensorType),
    /// A weight, a constant, or a value that follows from constants and shapes alone.
    Constant {
        /// Its bytes; 0 if its size is not known.
        bytes: u64,
        /// Whether it is computed; else the file has it.
        is_computed: bool,
    },
    /// A tensor whose size is not known, with the dimensions that it depends on.
    Unknown { dims: Vec<String> },
    /// Strings, sequences, optionals, maps: the kind in the plural.
    NotMemory(&'static str),
}

/// A node: an operator with its operands and results. One whose results are all constant is no
/// operator of the graph: it says which other constants they are computed from.
#[derive(Debug)]
pub(crate) struct Node {
    /// The name in the file, or else that of its first result; `NODE/body/NAME` in a body.
    pub(crate) name: String,
    /// The type of the operator, at most its first [`OPERATOR_BYTES`](Self::OPERATOR_BYTES).
    pub(crate) operator: String,
    pub(crate) reads: Vec<ValueId>,
    pub(crate) writes: Vec<ValueId>,
    /// Results that share the bytes of operands.
    pub(crate) aliases: Vec<Alias>,
    /// What it computes, without the bytes of constants.
    pub(crate) work: OperatorWork,
    pub(crate) control: Option<Control>,
}

impl Node {
    /// More than the type of any known operator has; a file may state a long one very often.
    const OPERATOR_BYTES: usize = 64;

    /// The type of an operator, to be kept.
    pub(crate) fn operator_type(name: &str) -> String {
        if name.len() <= Self::OPERATOR_BYTES {
            return name.into();
        }
        let mut ends = (0..=Self::OPERATOR_BYTES).rev();
        let end = ends.find(|&end| name.is_char_boundary(end));
        name[..end.unwrap_or(0)].into()
    }
}

/// A result that shares bytes with an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Alias {
    pub(crate) result: ValueId,
    pub(crate) of: ValueId,
    pub(crate) kind: AliasKind,
}

/// How a result shares bytes with an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AliasKind {
    /// It is part of the operand, from this byte on.
    View(u64),
    /// It may be written over the operand, which has as many bytes.
    InPlace,
    /// The operand is part of it, from this byte on: the result of a concatenation has the bytes of
    /// its operands as they are.
    Part(u64),
}

/// The bodies of a node and how they run.
#[derive(Debug)]
pub(crate) enum Control {
    /// Exactly one of the branches runs. One that is left out is listed in the program.
    Branches(Vec<Branch>),
    /// The body runs any number of times.
    Loop(Loop),
}

/// A branch of `If`.
#[derive(Debug)]
pub(crate) struct Branch {
    /// The name of the body: `then_branch`, `else_branch`.
    pub(crate) name: String,
    /// The nodes, in order.
    pub(crate) nodes: Vec<Node>,
    /// The branch's value for each of the node's results, in order; it may be a value from outside
    /// or a constant.
    pub(crate) results: Vec<ValueId>,
}

/// The body of `Loop`, `Scan` or `While`.
#[derive(Debug)]
pub(crate) struct Loop {
    /// The nodes of the body, in order.
    pub(crate) nodes: Vec<Node>,
    /// Values that go from one iteration into the next.
    pub(crate) states: Vec<State>,
    /// Inputs of the body that each iteration receives anew: the iteration's number, the condition.
    pub(crate) received: Vec<ValueId>,
    /// Slices of operands: the input of the body and the whole.
    pub(crate) slices: Vec<(ValueId, ValueId)>,
    /// Results that each iteration adds a slice to: the output of the body and the node's result.
    pub(crate) stacked: Vec<(ValueId, ValueId)>,
    /// Values of the body that are read at the end of an iteration: the condition.
    pub(crate) tested: Vec<ValueId>,
}

/// A value that goes from one iteration into the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    /// The operand that it begins with.
    pub(crate) initial: ValueId,
    /// The input of the body.
    pub(crate) input: ValueId,
    /// The output of the body, which the next iteration gets.
    pub(crate) output: ValueId,
    /// The node's result, if it is used.
    pub(crate) result: Option<ValueId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_type_of_an_operator_is_cut_between_characters() {
        assert_eq!(Node::operator_type("Conv"), "Conv");
        let long = "é".repeat(1000);
        assert_eq!(Node::operator_type(&long), "é".repeat(32));
        let odd = format!("a{long}");
        assert_eq!(Node::operator_type(&odd).len(), 63);
    }
}
