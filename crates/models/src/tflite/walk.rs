//! The operators of a subgraph, in the order of the file, as nodes.
//!
//! Stands on `reader`, `builtin` and `shapes`; bodies of control flow are in `control`. Resource
//! variables are values that live for good: reading one copies it, writing one changes it.

use std::collections::HashSet;

use super::budget::{ENTRY, OPERAND};
use super::builtin::{Sharing, facts_of, name_of};
use super::call::Call;
use super::control::Bodies;
use super::exact::{Given, axis_of};
use super::reader::{Reader, Scope, kind_of};
use super::shape::Shape;
use super::shapes::{Named, Stated};
use crate::element::ElementType;
use crate::error::ModelError;
use crate::joined::parts_along;
use crate::program::{Alias, AliasKind, Node, ValueId, ValueKind};
use crate::tensor_type::TensorType;

impl<'f> Reader<'f, '_> {
    /// The operators of a subgraph as nodes.
    pub(crate) fn nodes(&mut self, scope: &mut Scope<'f>) -> Result<Vec<Node>, ModelError> {
        let count = scope.graph.operators.len();
        (0..count).map(|index| self.node(scope, index)).collect()
    }

    fn node(&mut self, scope: &mut Scope<'f>, index: usize) -> Result<Node, ModelError> {
        let touched = self.touched.len();
        let call = self.call(scope, index)?;
        let bodies = self.bodies(&call)?;
        let writes = self.results(scope, &call, bodies.as_ref())?;
        self.resource(&call, &writes)?;
        let mut reads: Vec<ValueId> = call.operands.iter().copied().flatten().collect();
        reads.extend_from_slice(&self.touched[touched..]);
        let mut seen = HashSet::new();
        reads.retain(|&value| seen.insert(value));
        let mut aliases = match call.facts.sharing {
            Sharing::Parts => self.parts(&call, &writes)?,
            _ => self.aliases(&call, &writes),
        };
        if let Some(bodies) = &bodies {
            aliases.extend(self.unchanged(bodies, &writes));
        }
        let work = self.work(&call, &writes)?;
        let control = bodies.map(|bodies| bodies.control(&writes));
        Ok(Node {
            name: call.name,
            operator: Node::operator_type(&call.builtin),
            reads,
            writes: writes.into_iter().flatten().collect(),
            aliases,
            work,
            control,
        })
    }

    fn call(&mut self, scope: &mut Scope<'f>, index: usize) -> Result<Call<'f>, ModelError> {
        let operator = scope.graph.operator(index)?;
        let (number, custom) = self.model.code(operator.code)?;
        let builtin = name_of(number, custom).into_owned();
        let name = format!("{}{builtin}:{index}", scope.prefix);
        let operands = operator.inputs.len() + operator.outputs.len();
        let units = OPERAND.saturating_mul(operands);
        self.budget
            .charge(units.saturating_add(ENTRY + name.len()))?;
        let reader = format!("operator {index} ({builtin})");
        let inputs = operator.inputs.i32s();
        let operands = inputs.map(|input| self.operand(scope, input, &reader));
        let operands = operands.collect::<Result<_, _>>()?;
        Ok(Call {
            operator,
            builtin,
            name,
            operands,
            facts: facts_of(number),
        })
    }

    /// The values of an operator's results, `None` for one that is left out.
    fn results(
        &mut self,
        scope: &mut Scope<'f>,
        call: &Call<'f>,
        bodies: Option<&Bodies>,
    ) -> Result<Vec<Option<ValueId>>, ModelError> {
        let outputs = call.operator.outputs.i32s();
        let expected = bodies.map_or(outputs.len(), |bodies| bodies.shapes.len());
        if expected != outputs.len() {
            let reason = format!("{} results; its bodies have {expected}", outputs.len());
            return Err(call.error(reason));
        }
        let mut results = Vec::new();
        for (position, output) in outputs.enumerate() {
            let Ok(index) = u32::try_from(output) else {
                results.push(None);
                continue;
            };
            let shape = bodies.map(|bodies| &bodies.shapes[position]);
            results.push(Some(self.result(scope, call, (position, index), shape)?));
        }
        Ok(results)
    }

    fn result(
        &mut self,
        scope: &mut Scope<'f>,
        call: &Call<'f>,
        (position, index): (usize, u32),
        shape: Option<&Shape>,
    ) -> Result<ValueId, ModelError> {
        let tensor = scope.graph.tensor(index)?;
        if scope.values.contains_key(&index) {
            let name = tensor.name()?;
            let reason = format!("it writes tensor {index} ('{name}'), which has a value before");
            return Err(call.error(reason));
        }
        let name = self.name(&scope.prefix, tensor, index)?;
        let mut shape = match shape {
            Some(shape) => shape.clone(),
            None => {
                let stated = Stated::of(tensor, &mut self.budget)?;
                let prefix = if position == 0 { &call.name } else { &name };
                let named = Named {
                    name: &name,
                    prefix,
                    is_first: position == 0,
                };
                let shapes = &self.shapes;
                let operands = call.operands.iter();
                let operands: Vec<Option<&Shape>> = operands
                    .map(|operand| operand.map(|id| &shapes[id.0 as usize]))
                    .collect();
                let given = Given {
                    operands: &operands,
                    options: call.operator.table.table(4, "options")?,
                };
                stated.of_result(&named, call.facts, &given, &mut self.dims)?
            }
        };
        let kind = kind_of(tensor, &name, &shape)?;
        // What a handle stands for may change.
        shape.is_fixed &= !matches!(kind, ValueKind::NotMemory(_));
        let value = self.add(name, kind, shape);
        scope.values.insert(index, value);
        Ok(value)
    }

    /// What is special about operators of resource variables.
    fn resource(&mut self, call: &Call<'f>, writes: &[Option<ValueId>]) -> Result<(), ModelError> {
        let first = call.operands.first().copied().flatten();
        let result = writes.first().copied().flatten();
        match (call.builtin.as_str(), first, result) {
            ("VAR_HANDLE", _, Some(result)) => {
                let options = call.operator.options("VarHandleOptions", false)?;
                let (container, name) = (options.text(0)?, options.text(1)?);
                self.budget.charge(container.len() + name.len())?;
                self.handles.insert(result, format!("{container}/{name}"));
            }
            ("READ_VARIABLE", Some(handle), Some(result)) => self.touch(handle, result)?,
            ("ASSIGN_VARIABLE", Some(handle), _) => {
                if let Some(&Some(value)) = call.operands.get(1) {
                    self.touch(handle, value)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Notes that the variable of a handle is read or written, as large as a value is.
    fn touch(&mut self, handle: ValueId, value: ValueId) -> Result<(), ModelError> {
        let Some(name) = self.handles.get(&handle).cloned() else {
            return Ok(());
        };
        let kind = self.memory_of(value);
        if let Some(&variable) = self.resources.get(&name) {
            let known = &mut self.program.values[variable.0 as usize].kind;
            if size_of(known) < size_of(&kind) {
                *known = kind;
            }
            self.touched.push(variable);
            return Ok(());
        }
        let shown = name.trim_start_matches('/').to_string();
        let unique = self.unique(shown, handle.0)?;
        let shape = self.shape(value).of_iteration();
        let variable = self.add(unique, kind, shape);
        self.resources.insert(name, variable);
        self.declare_variable(variable);
        Ok(())
    }

    /// What a copy of a value is to a plan: a constant that is assigned needs memory, too.
    fn memory_of(&self, value: ValueId) -> ValueKind {
        let shape = self.shape(value);
        match (self.kind(value), shape.element, &shape.dims) {
            (ValueKind::Constant { .. }, Some(element), Some(dims)) => {
                ValueKind::Tensor(TensorType {
                    element,
                    dims: dims.clone(),
                    is_bound: false,
                })
            }
            (other, ..) => other.clone(),
        }
    }

    /// The operands whose bytes the results may have.
    fn aliases(&self, call: &Call<'f>, writes: &[Option<ValueId>]) -> Vec<Alias> {
        let Some(&Some(result)) = writes.first() else {
            return Vec::new();
        };
        let candidates = match call.facts.sharing {
            Sharing::Nothing | Sharing::Parts => 0,
            Sharing::View | Sharing::FirstOperand => 1,
            Sharing::AnyOperand => call.operands.len(),
        };
        let is_view = call.facts.sharing == Sharing::View;
        let kind = if is_view {
            AliasKind::View(0)
        } else {
            AliasKind::InPlace
        };
        let mut seen = HashSet::new();
        let operands = call.operands.iter().take(candidates).copied().flatten();
        let operands =
            operands.filter(|&of| seen.insert(of) && self.can_share(result, of, is_view));
        operands.map(|of| Alias { result, of, kind }).collect()
    }

    /// The operands of a concatenation that are parts of its result. Unsigned bytes may be scaled
    /// anew, and a fused activation changes values: then there are none.
    fn parts(&self, call: &Call<'f>, writes: &[Option<ValueId>]) -> Result<Vec<Alias>, ModelError> {
        let Some(options) = call.operator.table.table(4, "options")? else {
            return Ok(Vec::new());
        };
        let (axis, activation) = (options.u32(0)?.cast_signed(), options.u8(1)?);
        let tensor = |value: Option<ValueId>| match self.kind(value?) {
            ValueKind::Tensor(tensor) => Some(tensor),
            _ => None,
        };
        let [Some(result)] = *writes else {
            return Ok(Vec::new());
        };
        let whole = tensor(Some(result)).filter(|whole| whole.element != ElementType::Uint8);
        let (Some(whole), 0) = (whole, activation) else {
            return Ok(Vec::new());
        };
        let Some(along) = axis_of(i64::from(axis), whole.dims.len()) else {
            return Ok(Vec::new());
        };
        let operands: Vec<_> = call.operands.iter().map(|&value| tensor(value)).collect();
        let parts = parts_along(along, &operands, whole).into_iter();
        let parts = parts.filter_map(|(at, start)| {
            let of = call.operands[at].filter(|of| !self.is_variable.contains(of))?;
            let kind = AliasKind::Part(start);
            Some(Alias { result, of, kind })
        });
        Ok(parts.collect())
    }

    /// The results of a loop that are operands unchanged.
    fn unchanged(&self, bodies: &Bodies, writes: &[Option<ValueId>]) -> Vec<Alias> {
        let mut aliases = Vec::new();
        for (position, of) in bodies.unchanged() {
            let kind = AliasKind::View(0);
            match writes[position] {
                Some(result) if self.can_share(result, of, true) => {
                    aliases.push(Alias { result, of, kind });
                }
                _ => {}
            }
        }
        aliases
    }

    /// Whether a result can have the bytes of an operand: as many, and nobody changes them.
    fn can_share(&self, result: ValueId, of: ValueId, is_view: bool) -> bool {
        let (ValueKind::Tensor(result), ValueKind::Tensor(operand)) =
            (self.kind(result), self.kind(of))
        else {
            return false;
        };
        let same_place = is_view || result.dims == operand.dims;
        same_place && result.bytes() == operand.bytes() && !self.is_variable.contains(&of)
    }
}

fn size_of(kind: &ValueKind) -> Option<u64> {
    match kind {
        ValueKind::Tensor(tensor) => tensor.bytes(),
        _ => None,
    }
}
