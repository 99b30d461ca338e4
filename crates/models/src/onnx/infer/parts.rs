//! Bodies of a node: what is to be typed, and what comes of it.
//!
//! Stands on `facts` and `scope`. Plain values; [`Bodies`] is what types a body, so that a node's
//! rule need not know how.

use super::facts::{Fact, Facts, Origin};
use super::scope::Scope;
use crate::error::ModelError;
use crate::onnx::attributes::graph;
use crate::onnx::small::Small;
use crate::onnx::syntax::{GraphDef, NodeDef};
use crate::onnx::types::Type;
use crate::program::{Branch, Control, Loop, Node, State, ValueId};
use std::rc::Rc;

/// A body to type.
pub(super) struct BodyCall<'c, 's, 'a> {
    pub(super) def: &'c GraphDef<'a>,
    pub(super) scope: &'c Scope<'s, 'a>,
    /// What the names of its values begin with.
    pub(super) prefix: String,
    /// What is known of its inputs, from outside.
    pub(super) inputs: Vec<(Type, Option<Small>)>,
}

/// A body that has been typed.
pub(crate) struct Body {
    pub(crate) nodes: Vec<Node>,
    pub(crate) inputs: Vec<ValueId>,
    pub(crate) outputs: Vec<ValueId>,
}

/// What types bodies.
pub(super) trait Bodies<'o> {
    fn facts(&mut self) -> &mut Facts<'o>;

    fn body<'a>(&mut self, call: BodyCall<'_, '_, 'a>) -> Result<Body, ModelError>;
}

/// A node with bodies, and where it stands.
pub(super) struct ControlCall<'c, 's, 'a> {
    pub(super) node: &'c NodeDef<'a>,
    /// Its name, with those of the bodies around it.
    pub(super) name: &'c str,
    pub(super) reads: &'c [Option<ValueId>],
    pub(super) scope: &'c Scope<'s, 'a>,
}

/// What a node with bodies does.
pub(super) struct Controlled {
    /// Types and contents of its results.
    pub(super) results: Vec<(Type, Option<Small>)>,
    pub(super) parts: Parts,
}

/// Bodies whose node has no numbers for its results yet.
pub(super) enum Parts {
    Branches(Vec<Branch>),
    Loop {
        body: Body,
        kinds: Vec<Input>,
        outputs: Vec<Output>,
    },
}

/// What an input of a loop's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Received,
    /// A state that begins with this operand.
    State(ValueId),
    /// A slice of this operand.
    Slice(ValueId),
}

/// What an output of a loop's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    Tested,
    /// The state of this input of the body, and the result at this position.
    State(usize, usize),
    /// Stacked into the result at this position.
    Stacked(usize),
}

impl Parts {
    /// Calls for every value that the bodies read: nodes, results, and what outputs are.
    pub(super) fn reads(&self, found: &mut dyn FnMut(ValueId)) {
        match self {
            Self::Branches(branches) => {
                for branch in branches {
                    let read = branch.nodes.iter().flat_map(|node| &node.reads);
                    read.chain(&branch.results).for_each(|&id| found(id));
                }
            }
            Self::Loop { body, .. } => {
                let read = body.nodes.iter().flat_map(|node| &node.reads);
                read.chain(&body.outputs).for_each(|&id| found(id));
            }
        }
    }

    /// Whether nothing in the bodies is computed at run time.
    pub(super) fn is_constant(&self, writes_constants: impl Fn(&Node) -> bool) -> bool {
        match self {
            Self::Branches(branches) => {
                let mut nodes = branches.iter().flat_map(|branch| &branch.nodes);
                nodes.all(writes_constants)
            }
            Self::Loop { body, .. } => body.nodes.iter().all(writes_constants),
        }
    }

    /// The bodies with the values of the node's results; `None` for results that are left out.
    pub(super) fn control(self, results: &[Option<ValueId>]) -> Control {
        let (body, kinds, outputs) = match self {
            Self::Branches(branches) => return Control::Branches(branches),
            Self::Loop {
                body,
                kinds,
                outputs,
            } => (body, kinds, outputs),
        };
        let mut whole = Loop {
            nodes: body.nodes,
            states: Vec::new(),
            received: Vec::new(),
            slices: Vec::new(),
            stacked: Vec::new(),
            tested: Vec::new(),
        };
        for (&input, kind) in body.inputs.iter().zip(&kinds) {
            match *kind {
                Input::Received => whole.received.push(input),
                Input::Slice(of) => whole.slices.push((input, of)),
                Input::State(_) => {}
            }
        }
        let result = |at: usize| results.get(at).copied().flatten();
        for (&output, kind) in body.outputs.iter().zip(&outputs) {
            match *kind {
                Output::Tested => whole.tested.push(output),
                Output::Stacked(at) => {
                    whole
                        .stacked
                        .extend(result(at).map(|result| (output, result)));
                }
                Output::State(input, at) => {
                    if let Some(Input::State(initial)) = kinds.get(input) {
                        whole.states.push(State {
                            initial: *initial,
                            input: body.inputs[input],
                            output,
                            result: result(at),
                        });
                    }
                }
            }
        }
        Control::Loop(whole)
    }
}

impl<'c, 's, 'a> ControlCall<'c, 's, 'a> {
    pub(super) fn malformed(&self, reason: impl Into<String>) -> ModelError {
        ModelError::Operator {
            node: self.name.into(),
            operator: self.node.operator.into(),
            reason: reason.into(),
        }
    }

    pub(super) fn graph(&self, name: &str) -> Result<&'c GraphDef<'a>, ModelError> {
        graph(self.node, name).ok_or_else(|| self.malformed(format!("has no body '{name}'")))
    }

    pub(super) fn read(&self, at: usize) -> Option<ValueId> {
        self.reads.get(at).copied().flatten()
    }

    pub(super) fn body(
        &self,
        name: &str,
        inputs: Vec<(Type, Option<Small>)>,
    ) -> Result<BodyCall<'c, 's, 'a>, ModelError> {
        let def = self.graph(name)?;
        if def.inputs.len() != inputs.len() {
            let (has, gets) = (def.inputs.len(), inputs.len());
            let reason = format!("its {name} has {has} inputs, and gets {gets}");
            return Err(self.malformed(reason));
        }
        Ok(BodyCall {
            def,
            scope: self.scope,
            prefix: format!("{}/{name}/", self.name),
            inputs,
        })
    }
}

/// A value of a body's input.
pub(super) fn input_fact(name: String, of: Type, contents: Option<Small>) -> Fact {
    Fact {
        name,
        of,
        contents: contents.map(Rc::new),
        origin: Origin::Runtime,
    }
}
