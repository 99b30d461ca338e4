//! What is known while a file is read: values with unique names, variables, dimensions, and which
//! subgraphs are being walked.
//!
//! Stands on every file above it. Invariants: a tensor of a subgraph is one value for each time
//! that the subgraph is called; a subgraph never runs within itself; all work is charged to the
//! budget.

use std::collections::{HashMap, HashSet};

use super::budget::{Budget, ENTRY, OPERAND};
use super::dims::Dims;
use super::schema::{Model, Subgraph, Tensor};
use super::shape::Shape;
use super::shapes::Stated;
use crate::element::ElementType;
use crate::error::ModelError;
use crate::options::Options;
use crate::program::{Program, Value, ValueId, ValueKind};
use crate::tensor_type::TensorType;

/// How deep bodies may lie within bodies.
const DEEPEST: usize = 64;

/// The most bytes of a constant whose numbers are read: shapes and axes are small.
const LARGEST_CONTENT: usize = 512;

/// Reads one file.
#[derive(Debug)]
pub(crate) struct Reader<'f, 'o> {
    pub(crate) model: Model<'f>,
    pub(crate) budget: Budget,
    pub(crate) dims: Dims<'o>,
    pub(crate) program: Program,
    /// For each value.
    pub(crate) shapes: Vec<Shape>,
    /// The variables that handles stand for.
    pub(crate) handles: HashMap<ValueId, String>,
    /// The resource variables, by their names in the file.
    pub(crate) resources: HashMap<String, ValueId>,
    /// Variable tensors, by their subgraphs and numbers.
    own: HashMap<(usize, u32), ValueId>,
    /// The variables that have been read or written, in order.
    pub(crate) touched: Vec<ValueId>,
    pub(crate) is_variable: HashSet<ValueId>,
    /// The subgraphs that are being walked, from the outside in.
    stack: Vec<usize>,
    reached: HashSet<usize>,
    names: HashSet<String>,
    weighed: HashSet<(u32, u32)>,
    external: HashMap<u32, u64>,
}

/// A subgraph that is being walked, with the values of its tensors.
#[derive(Debug)]
pub(crate) struct Scope<'f> {
    pub(crate) graph: Subgraph<'f>,
    /// The number of the subgraph.
    pub(crate) index: usize,
    /// What the names of its values begin with.
    pub(crate) prefix: String,
    pub(crate) values: HashMap<u32, ValueId>,
}

impl<'f, 'o> Reader<'f, 'o> {
    /// A reader that has read nothing but the root of a file.
    pub(crate) fn new(bytes: &'f [u8], options: &'o Options) -> Result<Self, ModelError> {
        let model = Model::of(bytes)?;
        Ok(Self {
            model,
            budget: Budget::of(bytes.len()),
            dims: Dims::new(options),
            program: Program::default(),
            shapes: Vec::new(),
            handles: HashMap::new(),
            resources: HashMap::new(),
            own: HashMap::new(),
            touched: Vec::new(),
            is_variable: HashSet::new(),
            stack: Vec::new(),
            reached: HashSet::new(),
            names: HashSet::new(),
            weighed: HashSet::new(),
            external: model.external_buffers()?,
        })
    }

    /// Begins to walk a subgraph.
    pub(crate) fn enter(&mut self, index: usize, prefix: String) -> Result<Scope<'f>, ModelError> {
        let graph = self.model.subgraph(index)?;
        if self.stack.contains(&index) {
            let found = format!("subgraph {index} is called while it runs");
            return Err(graph.table.malformed(found, "subgraphs without recursion"));
        }
        if self.stack.len() >= DEEPEST {
            return Err(ModelError::TooLarge {
                what: "bodies within bodies".into(),
                found: self.stack.len() as u64 + 1,
                limit: DEEPEST as u64,
            });
        }
        self.budget.charge(ENTRY + prefix.len())?;
        self.stack.push(index);
        if self.reached.insert(index) {
            self.program.nodes_in_file += graph.operators.len();
        }
        let values = HashMap::new();
        Ok(Scope {
            graph,
            index,
            prefix,
            values,
        })
    }

    /// Ends the walk of the subgraph that was entered last, with the values of its outputs.
    pub(crate) fn leave(&mut self, mut scope: Scope<'f>) -> Result<Vec<ValueId>, ModelError> {
        self.budget.charge(OPERAND * scope.graph.outputs.len())?;
        let outputs = scope.graph.outputs.i32s();
        let outputs: Result<Vec<_>, _> = outputs
            .map(|index| {
                let output = self.operand(&mut scope, index, "the subgraph's output")?;
                output.ok_or_else(|| {
                    let found = format!("an output of {index}");
                    scope.graph.table.malformed(found, "the number of a tensor")
                })
            })
            .collect();
        self.stack.pop();
        outputs
    }

    /// Whether some walk has come to a subgraph.
    pub(crate) fn has_reached(&self, index: usize) -> bool {
        self.reached.contains(&index)
    }

    /// A new value.
    pub(crate) fn add(&mut self, name: String, kind: ValueKind, shape: Shape) -> ValueId {
        let id = ValueId(u32::try_from(self.program.values.len()).unwrap_or(u32::MAX));
        self.program.values.push(Value { name, kind });
        self.shapes.push(shape);
        id
    }

    /// The kind of a value.
    pub(crate) fn kind(&self, id: ValueId) -> &ValueKind {
        &self.program.values[id.0 as usize].kind
    }

    /// What is known of a value's shape.
    pub(crate) fn shape(&self, id: ValueId) -> &Shape {
        &self.shapes[id.0 as usize]
    }

    /// A name that no other value has: that of the file, or one with the tensor's number.
    pub(crate) fn name(
        &mut self,
        prefix: &str,
        tensor: Tensor<'f>,
        index: u32,
    ) -> Result<String, ModelError> {
        let name = tensor.name()?;
        self.budget.charge(ENTRY + prefix.len() + name.len())?;
        if name.is_empty() {
            self.unique(format!("{prefix}tensor:{index}"), index)
        } else {
            self.unique(format!("{prefix}{name}"), index)
        }
    }

    /// The name itself if no value has it, or else one with a number.
    pub(crate) fn unique(&mut self, name: String, index: u32) -> Result<String, ModelError> {
        let mut unique = name.clone();
        let mut attempts = 0u32;
        while !self.names.insert(unique.clone()) {
            self.budget.charge(name.len())?;
            unique = match attempts {
                0 => format!("{name}:{index}"),
                _ => format!("{name}:{index}:{attempts}"),
            };
            attempts += 1;
        }
        Ok(unique)
    }

    /// The value of a tensor that is read; `None` for an operand that is left out.
    pub(crate) fn operand(
        &mut self,
        scope: &mut Scope<'f>,
        index: i32,
        reader: &str,
    ) -> Result<Option<ValueId>, ModelError> {
        if index == -1 {
            return Ok(None);
        }
        let Ok(index) = u32::try_from(index) else {
            let found = format!("{reader} reads tensor {index}");
            return Err(scope.graph.table.malformed(found, "-1 or a tensor"));
        };
        if let Some(&value) = scope.values.get(&index) {
            return Ok(Some(value));
        }
        let tensor = scope.graph.tensor(index)?;
        let Some(value) = self.given(scope, tensor, index)? else {
            let name = tensor.name()?;
            let found = format!("{reader} reads tensor {index} ('{name}') before it is written");
            let expected = "a result of an operator before, an input, a constant or a variable";
            return Err(scope.graph.table.malformed(found, expected));
        };
        scope.values.insert(index, value);
        Ok(Some(value))
    }

    /// The value of a tensor that needs no operator to write it: a constant or a variable.
    pub(crate) fn given(
        &mut self,
        scope: &Scope<'f>,
        tensor: Tensor<'f>,
        index: u32,
    ) -> Result<Option<ValueId>, ModelError> {
        let stated = Stated::of(tensor, &mut self.budget)?;
        let mut shape = stated.fixed();
        shape.element = tensor.element()?.ok();
        shape.content = self.content(tensor, shape.element)?;
        let bytes = self.constant_bytes(tensor)?;
        let is_empty = shape.dims.as_ref().is_some_and(|dims| dims.contains(&0));
        if let Some(bytes) = bytes.or(is_empty.then_some(0)) {
            let name = self.name(&scope.prefix, tensor, index)?;
            let kind = ValueKind::Constant {
                bytes,
                is_computed: false,
            };
            return Ok(Some(self.add(name, kind, shape)));
        }
        if !tensor.is_variable()? {
            return Ok(None);
        }
        let place = (scope.index, index);
        if let Some(&value) = self.own.get(&place) {
            // The subgraph is called once more.
            self.touched.push(value);
            return Ok(Some(value));
        }
        shape.is_fixed = false;
        let name = self.name(&scope.prefix, tensor, index)?;
        let kind = kind_of(tensor, &name, &shape)?;
        let value = self.add(name, kind, shape);
        self.own.insert(place, value);
        self.declare_variable(value);
        Ok(Some(value))
    }

    /// Makes the size of a value unknown: it waits for these dimensions.
    pub(crate) fn forget_size(&mut self, value: ValueId, mut waits_for: Vec<String>) {
        waits_for.sort();
        waits_for.dedup();
        let index = value.0 as usize;
        let dims = waits_for.clone();
        self.program.values[index].kind = ValueKind::Unknown { dims };
        self.shapes[index].dims = None;
        self.shapes[index].waits_for = waits_for;
    }

    /// Marks a subgraph as one that is known, though not walked.
    pub(crate) fn pass_over(&mut self, index: usize) {
        self.reached.insert(index);
    }

    /// Makes a value live from the start to the end.
    pub(crate) fn declare_variable(&mut self, value: ValueId) {
        self.program.variables.push(value);
        self.is_variable.insert(value);
        self.touched.push(value);
    }

    /// The whole numbers in a small constant.
    fn content(
        &self,
        tensor: Tensor<'f>,
        element: Option<ElementType>,
    ) -> Result<Option<Vec<i64>>, ModelError> {
        let bytes = self.model.buffer(tensor.buffer()?)?;
        if bytes.is_empty() || bytes.len() > LARGEST_CONTENT {
            return Ok(None);
        }
        Ok(match element {
            Some(ElementType::Int32) => Some(numbers(bytes, i32::from_le_bytes)),
            Some(ElementType::Int64) => Some(numbers(bytes, i64::from_le_bytes)),
            _ => None,
        })
    }

    /// The bytes of a constant; 0 if another one has the same buffer; `None` if it has no data.
    fn constant_bytes(&mut self, tensor: Tensor<'f>) -> Result<Option<u64>, ModelError> {
        let (buffer, external) = (tensor.buffer()?, tensor.external_buffer()?);
        let bytes = if external > 0 {
            *self.external.get(&external).ok_or_else(|| {
                let found = format!("external buffer {external}");
                let expected = "the id of an external buffer of the model";
                tensor.table.malformed(found, expected)
            })?
        } else {
            self.model.buffer_bytes(buffer)?
        };
        if bytes == 0 {
            return Ok(None);
        }
        let is_first = self.weighed.insert((buffer, external));
        Ok(Some(if is_first { bytes } else { 0 }))
    }
}

/// The numbers of some type in little-endian bytes.
fn numbers<const N: usize, T: Into<i64>>(bytes: &[u8], of: fn([u8; N]) -> T) -> Vec<i64> {
    let words = bytes.chunks_exact(N);
    let words = words.filter_map(|word| word.try_into().ok());
    words.map(|word| of(word).into()).collect()
}

/// What a tensor is to a plan.
pub(crate) fn kind_of(
    tensor: Tensor<'_>,
    name: &str,
    shape: &Shape,
) -> Result<ValueKind, ModelError> {
    let element = match tensor.element()? {
        Ok(element) => element,
        Err(kind) => return Ok(ValueKind::NotMemory(kind)),
    };
    let Some(dims) = &shape.dims else {
        let mut dims = shape.waits_for.clone();
        dims.sort();
        dims.dedup();
        return Ok(ValueKind::Unknown { dims });
    };
    let tensor = TensorType {
        element,
        dims: dims.clone(),
        is_bound: shape.is_bound,
    };
    if tensor.bytes().is_none() {
        return Err(ModelError::TooLarge {
            what: format!("bytes of tensor '{name}' with shape {dims:?}"),
            found: u64::MAX,
            limit: 1 << 62,
        });
    }
    Ok(ValueKind::Tensor(tensor))
}
