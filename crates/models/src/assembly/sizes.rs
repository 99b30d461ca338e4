//! The bytes that each value of a program takes at most.
//!
//! Stands on `program`. Invariant: values that are one tensor of the graph have one size, the
//! largest of theirs: the result of an `If` and the values of its branches, the state of a loop.

use crate::error::ModelError;
use crate::program::{Branch, Control, Loop, Node, Program, State, ValueId, ValueKind};

/// How many bodies may lie within each other.
const MOST_NESTED: u64 = 64;

/// The size of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    /// `u64::MAX` stands for more than a plan can have.
    pub(super) bytes: u64,
    pub(super) alignment: u64,
}

impl Size {
    fn max(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.max(other.bytes),
            alignment: self.alignment.max(other.alignment),
        }
    }
}

/// The size of each value, by its number; `None` for those that are not planned.
pub(super) fn sizes(
    program: &Program,
    least_alignment: u64,
) -> Result<Vec<Option<Size>>, ModelError> {
    let size = |kind: &ValueKind| match kind {
        ValueKind::Tensor(tensor) => Some(Size {
            bytes: tensor.bytes().unwrap_or(u64::MAX),
            alignment: tensor.element.alignment().max(least_alignment),
        }),
        _ => None,
    };
    let of = program.values.iter().map(|value| size(&value.kind));
    let mut sizes = Sizes {
        program,
        of: of.collect(),
    };
    sizes.nodes(&program.nodes, 0)?;
    Ok(sizes.of)
}

struct Sizes<'p> {
    program: &'p Program,
    of: Vec<Option<Size>>,
}

impl Sizes<'_> {
    fn of(&self, value: ValueId) -> Option<Size> {
        self.of[value.0 as usize]
    }

    fn nodes(&mut self, nodes: &[Node], depth: u64) -> Result<(), ModelError> {
        for node in nodes {
            let Some(control) = &node.control else {
                continue;
            };
            if depth == MOST_NESTED {
                return Err(ModelError::TooLarge {
                    what: format!("bodies within each other at '{}'", node.name),
                    found: depth + 1,
                    limit: MOST_NESTED,
                });
            }
            match control {
                Control::Branches(branches) => {
                    for branch in branches {
                        self.nodes(&branch.nodes, depth + 1)?;
                    }
                    self.results(node, branches);
                }
                Control::Loop(body) => {
                    self.nodes(&body.nodes, depth + 1)?;
                    self.states(body);
                }
            }
        }
        Ok(())
    }

    /// Gives each result of an `If` the size of the largest value that it may be. A result without
    /// a size of its own has one if every branch's value has.
    fn results(&mut self, node: &Node, branches: &[Branch]) {
        for (slot, &result) in node.writes.iter().enumerate() {
            let values = branches
                .iter()
                .filter_map(|branch| branch.results.get(slot));
            let sizes: Vec<_> = values.map(|&value| self.of(value)).collect();
            let is_unknown = matches!(
                self.program.values[result.0 as usize].kind,
                ValueKind::Unknown { .. }
            );
            let is_sized = !sizes.is_empty() && sizes.iter().all(Option::is_some);
            if self.of(result).is_some() || is_unknown && is_sized {
                let all = sizes.into_iter().flatten().chain(self.of(result));
                self.of[result.0 as usize] = all.reduce(Size::max);
            }
        }
    }

    /// Gives the input and the result of each state the size of the largest value that the state
    /// takes.
    fn states(&mut self, body: &Loop) {
        for state in &body.states {
            let &State {
                initial,
                input,
                output,
                result,
            } = state;
            let values = [Some(initial), Some(input), Some(output), result];
            let sizes = values.into_iter().flatten().filter_map(|v| self.of(v));
            let largest = sizes.reduce(Size::max);
            for value in [Some(input), result].into_iter().flatten() {
                if self.of(value).is_some() {
                    self.of[value.0 as usize] = largest;
                }
            }
        }
    }
}
