//! Bodies of control flow: `IF`, `CASE`, `CALL`, `CALL_ONCE`, `WHILE` and their StableHLO forms.
//!
//! Stands on `reader` and `shapes`. A branch or a called subgraph reads the operands themselves: no
//! copy is planned, because a body never changes what it is given. Of a `WHILE`, what every
//! iteration passes on unchanged is such an operand, too, and the rest goes from one iteration into
//! the next. In an iteration the condition is computed first, from the values that it begins with.
//!
//! Invariant: bodies read nothing from outside but operands and variables.

use super::budget::OPERAND;
use super::call::Call;
use super::dims::NamedAxis;
use super::reader::{Reader, Scope, kind_of};
use super::schema::Subgraph;
use super::shape::Shape;
use super::table::Table;
use crate::error::ModelError;
use crate::model::{LeftOut, LeftOutReason};
use crate::program::{Branch, Control, Loop, Node, State, ValueId, ValueKind};

/// The bodies of an operator, before its results are values.
#[derive(Debug)]
pub(crate) struct Bodies {
    /// The shapes of the results.
    pub(crate) shapes: Vec<Shape>,
    flow: Flow,
}

#[derive(Debug)]
enum Flow {
    Branches(Vec<Branch>),
    Loop { nodes: Vec<Node>, passes: Vec<Pass> },
}

/// What a loop does with an operand.
#[derive(Debug)]
enum Pass {
    /// Every iteration passes it on unchanged.
    Unchanged(ValueId),
    /// It goes from one iteration into the next.
    State {
        initial: ValueId,
        input: ValueId,
        output: ValueId,
    },
}

impl Bodies {
    /// For each result that is an operand unchanged: its position and the operand.
    pub(crate) fn unchanged(&self) -> Vec<(usize, ValueId)> {
        let Flow::Loop { passes, .. } = &self.flow else {
            return Vec::new();
        };
        let passes = passes.iter().enumerate();
        let unchanged = passes.filter_map(|(position, pass)| match pass {
            Pass::Unchanged(operand) => Some((position, *operand)),
            Pass::State { .. } => None,
        });
        unchanged.collect()
    }

    /// The control flow of the node that writes these results.
    pub(crate) fn control(self, writes: &[Option<ValueId>]) -> Control {
        match self.flow {
            Flow::Branches(mut branches) => {
                for branch in &mut branches {
                    let results = branch.results.iter().zip(writes);
                    let used = results.filter_map(|(&result, write)| write.map(|_| result));
                    branch.results = used.collect();
                }
                Control::Branches(branches)
            }
            Flow::Loop { nodes, passes } => {
                let states = passes.iter().zip(writes);
                let states = states.filter_map(|(pass, &result)| match *pass {
                    Pass::Unchanged(_) => None,
                    Pass::State {
                        initial,
                        input,
                        output,
                    } => Some(State {
                        initial,
                        input,
                        output,
                        result,
                    }),
                });
                Control::Loop(Loop {
                    nodes,
                    states: states.collect(),
                    received: Vec::new(),
                    slices: Vec::new(),
                    stacked: Vec::new(),
                    // The condition is tested as soon as its last operator has run.
                    tested: Vec::new(),
                })
            }
        }
    }
}

impl<'f> Reader<'f, '_> {
    /// The bodies of an operator; `None` if it has none.
    pub(crate) fn bodies(&mut self, call: &Call<'f>) -> Result<Option<Bodies>, ModelError> {
        let options = |kind, second| call.operator.options(kind, second);
        let all = call.operands.as_slice();
        let bodies = match call.builtin.as_str() {
            "IF" => {
                let options = options("IfOptions", false)?;
                let bodies = [("then", options.u32(0)?), ("else", options.u32(1)?)];
                self.branches(call, all.get(1..).unwrap_or_default(), &bodies)?
            }
            "CALL" => {
                let body = ("body", options("CallOptions", false)?.u32(0)?);
                self.branches(call, all, &[body])?
            }
            "CALL_ONCE" => {
                let body = ("init", options("CallOnceOptions", false)?.u32(0)?);
                self.branches(call, all, &[body])?
            }
            "STABLEHLO_COMPOSITE" => {
                let body = ("body", options("StableHLOCompositeOptions", true)?.u32(1)?);
                self.branches(call, all, &[body])?
            }
            "STABLEHLO_CASE" => {
                let bodies = options("StablehloCaseOptions", true)?.words(0)?;
                self.budget.charge(bodies.len())?;
                let bodies = bodies.i32s().map(|body| ("branch", body.cast_unsigned()));
                let bodies: Vec<_> = bodies.collect();
                self.branches(call, all.get(1..).unwrap_or_default(), &bodies)?
            }
            "WHILE" => self.repeated(call, options("WhileOptions", false)?)?,
            "STABLEHLO_WHILE" => self.repeated(call, options("StablehloWhileOptions", true)?)?,
            "STABLEHLO_REDUCE" => return self.scalars(call, "StablehloReduceOptions", 1),
            "STABLEHLO_SORT" => return self.scalars(call, "StablehloSortOptions", 2),
            "STABLEHLO_REDUCE_WINDOW" => {
                return self.scalars(call, "StablehloReduceWindowOptions", 5);
            }
            "STABLEHLO_SCATTER" => return self.scalars(call, "StablehloScatterOptions", 6),
            _ => return Ok(None),
        };
        Ok(Some(bodies))
    }

    /// Bodies of which one runs, with these operands as inputs.
    fn branches(
        &mut self,
        call: &Call<'f>,
        inputs: &[Option<ValueId>],
        bodies: &[(&str, u32)],
    ) -> Result<Bodies, ModelError> {
        let mut branches = Vec::new();
        for (position, &(name, body)) in bodies.iter().enumerate() {
            let name = match name {
                "branch" => format!("branch{position}"),
                name => name.to_string(),
            };
            let mut scope = self.body(call, &name, body, inputs)?;
            let nodes = self.nodes(&mut scope)?;
            let results = self.leave(scope)?;
            branches.push(Branch {
                name,
                nodes,
                results,
            });
        }
        let shapes = self.branch_shapes(call, &branches)?;
        let flow = Flow::Branches(branches);
        Ok(Bodies { shapes, flow })
    }

    fn branch_shapes(
        &self,
        call: &Call<'f>,
        branches: &[Branch],
    ) -> Result<Vec<Shape>, ModelError> {
        let count = branches.first().map_or(0, |branch| branch.results.len());
        if let Some(other) = branches.iter().find(|branch| branch.results.len() != count) {
            let (name, found) = (&other.name, other.results.len());
            let reason = format!("{found} results of '{name}', {count} of the first branch");
            return Err(call.error(reason));
        }
        let of_result = |position: usize| {
            let results = branches.iter().map(|branch| branch.results[position]);
            let shapes: Vec<&Shape> = results.map(|result| self.shape(result)).collect();
            Shape::largest(&shapes)
        };
        Ok((0..count).map(of_result).collect())
    }

    /// The scope of a body whose inputs are these values.
    fn body(
        &mut self,
        call: &Call<'f>,
        name: &str,
        body: u32,
        inputs: &[Option<ValueId>],
    ) -> Result<Scope<'f>, ModelError> {
        let mut scope = self.enter(body as usize, format!("{}/{name}/", call.name))?;
        let expected = scope.graph.inputs.len();
        if expected != inputs.len() {
            let reason = format!(
                "{} operands for '{name}', which has {expected} inputs",
                inputs.len()
            );
            return Err(call.error(reason));
        }
        self.budget.charge(OPERAND * expected)?;
        for (input, value) in scope.graph.inputs.i32s().zip(inputs) {
            let Ok(input) = u32::try_from(input) else {
                let found = format!("an input of {input}");
                return Err(scope.graph.table.malformed(found, "the number of a tensor"));
            };
            if let Some(value) = value {
                scope.values.insert(input, *value);
            }
        }
        Ok(scope)
    }

    /// The condition and the body of a loop.
    fn repeated(&mut self, call: &Call<'f>, options: Table<'f>) -> Result<Bodies, ModelError> {
        let (condition, body) = (options.u32(0)?, options.u32(1)?);
        let (inputs, passes_on) = self.loop_inputs(call, body)?;
        let mut scope = self.body(call, "cond", condition, &inputs)?;
        let mut nodes = self.nodes(&mut scope)?;
        self.leave(scope)?;
        let mut scope = self.body(call, "body", body, &inputs)?;
        nodes.extend(self.nodes(&mut scope)?);
        let outputs = self.leave(scope)?;
        if outputs.len() != inputs.len() {
            let reason = format!("{} operands, {} results", inputs.len(), outputs.len());
            return Err(call.error(reason));
        }
        let mut passes = Vec::new();
        let mut shapes = Vec::new();
        for (position, &output) in outputs.iter().enumerate() {
            let (Some(initial), Some(input)) = (call.operands[position], inputs[position]) else {
                return Err(call.error(format!("operand {position} of a loop is left out")));
            };
            if passes_on[position] {
                passes.push(Pass::Unchanged(initial));
                shapes.push(self.shape(initial).of_iteration());
                continue;
            }
            self.check_growth(input, output);
            passes.push(Pass::State {
                initial,
                input,
                output,
            });
            let ends = [self.shape(input), self.shape(output)];
            shapes.push(Shape::largest(&ends));
        }
        let flow = Flow::Loop { nodes, passes };
        Ok(Bodies { shapes, flow })
    }

    /// The values that an iteration begins with, and which of them it passes on unchanged.
    fn loop_inputs(
        &mut self,
        call: &Call<'f>,
        body: u32,
    ) -> Result<(Vec<Option<ValueId>>, Vec<bool>), ModelError> {
        let graph = self.model.subgraph(body as usize)?;
        self.budget
            .charge(graph.inputs.len() + graph.outputs.len())?;
        let mut outputs = graph.outputs.i32s();
        let mut inputs = Vec::new();
        let mut passes_on = Vec::new();
        for (index, operand) in graph.inputs.i32s().zip(&call.operands) {
            let is_unchanged = outputs.next() == Some(index);
            passes_on.push(is_unchanged);
            let (Some(operand), Ok(index)) = (*operand, u32::try_from(index)) else {
                inputs.push(None);
                continue;
            };
            inputs.push(Some(if is_unchanged {
                operand
            } else {
                self.loop_input(call, graph, operand, index)?
            }));
        }
        Ok((inputs, passes_on))
    }

    fn loop_input(
        &mut self,
        call: &Call<'f>,
        graph: Subgraph<'f>,
        operand: ValueId,
        index: u32,
    ) -> Result<ValueId, ModelError> {
        let tensor = graph.tensor(index)?;
        let name = self.name(&format!("{}/body/", call.name), tensor, index)?;
        let mut shape = self.shape(operand).of_iteration();
        shape.take_bounds(&name, &mut self.dims);
        let kind = kind_of(tensor, &name, &shape)?;
        let value = self.add(name, kind, shape);
        if let Some(handle) = self.handles.get(&operand).cloned() {
            self.handles.insert(value, handle);
        }
        Ok(value)
    }

    /// Asks for bounds if an iteration passes on more than it begins with.
    fn check_growth(&mut self, input: ValueId, output: ValueId) {
        let (begins, ends) = (self.shape(input), self.shape(output));
        let Some(sizes) = &begins.dims else {
            return;
        };
        let grown: Vec<usize> = match &ends.dims {
            Some(ends) if ends.len() == sizes.len() => {
                let axes = 0..sizes.len();
                axes.filter(|&axis| ends[axis] > sizes[axis]).collect()
            }
            Some(_) => (0..sizes.len()).collect(),
            None => Vec::new(),
        };
        let is_memory = matches!(self.kind(input), ValueKind::Tensor(_));
        if !is_memory || (grown.is_empty() && ends.dims.is_some()) {
            return;
        }
        let mut waits_for = ends.waits_for.clone();
        let name = self.program.values[input.0 as usize].name.clone();
        for axis in grown {
            let axis = NamedAxis {
                name: &name,
                prefix: &name,
                axis,
                shape: "which grows from one iteration to the next",
            };
            self.dims.of_result(&axis, true);
            waits_for.push(axis.dimension());
        }
        self.forget_size(input, waits_for);
    }

    /// Bodies that combine two scalars: they need no memory of a plan.
    fn scalars(
        &mut self,
        call: &Call<'f>,
        kind: &'static str,
        slot: u16,
    ) -> Result<Option<Bodies>, ModelError> {
        let body = call.operator.options(kind, true)?.u32(slot)?;
        self.pass_over(body as usize);
        let operator = call.builtin.clone();
        let reason = LeftOutReason::Body { operator };
        let name = format!("{}/body", call.name);
        self.program.left_out.push(LeftOut::new(name, reason));
        Ok(None)
    }
}
