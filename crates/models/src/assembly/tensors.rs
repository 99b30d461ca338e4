//! The tensors of the graph, and the values that lie in them.
//!
//! Stands on `sizes` and `names`. Invariant: a value lies in at most one tensor, and only if it
//! needs memory; a tensor is declared when the first of its values is asked for, with its largest
//! size.

use std::alloc::Layout;

use orionrt_plan::{GraphBuilder, TensorId};

use super::sizes::{Size, sizes};
use crate::element::ElementType;
use crate::error::ModelError;
use crate::names::Names;
use crate::options::Options;
use crate::program::{Program, Value, ValueId, ValueKind};
use crate::tensor_type::TensorType;

/// The most bytes that all tensors may have together.
const MOST_BYTES: u64 = 1 << 62;

/// The greatest alignment of an element.
const ELEMENT_ALIGNMENT: u64 = 8;

/// A tensor of the graph.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tensor {
    pub(super) size: Size,
    /// Where it begins in the tensor whose bytes it is part of.
    pub(super) start: u64,
    /// Whether operators on different paths or of a loop write it. It shares no bytes then.
    pub(super) is_rewritten: bool,
}

/// The tensors declared so far.
pub(super) struct Tensors<'p> {
    program: &'p Program,
    sizes: Vec<Option<Size>>,
    /// The tensor of each value, by its number.
    of_value: Vec<Option<TensorId>>,
    /// By the number of the tensor.
    declared: Vec<Tensor>,
    /// The types of the values that tensors were declared for, by the number of the tensor.
    pub(super) types: Vec<TensorType>,
    least_alignment: u64,
    names: Names,
    total: u64,
}

impl<'p> Tensors<'p> {
    pub(super) fn new(program: &'p Program, options: &Options) -> Result<Self, ModelError> {
        Ok(Self {
            program,
            sizes: sizes(program, options.alignment)?,
            of_value: vec![None; program.values.len()],
            declared: Vec::new(),
            types: Vec::new(),
            least_alignment: options.alignment,
            names: Names::default(),
            total: 0,
        })
    }

    pub(super) fn value(&self, value: ValueId) -> &'p Value {
        &self.program.values[value.0 as usize]
    }

    pub(super) fn is_constant(&self, value: ValueId) -> bool {
        matches!(self.value(value).kind, ValueKind::Constant { .. })
    }

    /// The tensor that a value lies in, if it has been declared.
    pub(super) fn find(&self, value: ValueId) -> Option<TensorId> {
        self.of_value[value.0 as usize]
    }

    /// The tensor that a value lies in; `None` for a value that is not planned.
    pub(super) fn get(
        &mut self,
        value: ValueId,
        builder: &mut GraphBuilder,
    ) -> Result<Option<TensorId>, ModelError> {
        if let Some(tensor) = self.find(value) {
            return Ok(Some(tensor));
        }
        let Some(size) = self.sizes[value.0 as usize] else {
            return Ok(None);
        };
        let tensor = self.declare(&self.value(value).name, size, value, builder)?;
        self.place(value, tensor);
        Ok(Some(tensor))
    }

    /// Declares a tensor for a constant of known size that has none; `None` for all other values.
    pub(super) fn add_weight(
        &mut self,
        value: ValueId,
        builder: &mut GraphBuilder,
    ) -> Result<Option<TensorId>, ModelError> {
        let ValueKind::Constant {
            bytes: bytes @ 1.., ..
        } = self.value(value).kind
        else {
            return Ok(None);
        };
        if self.find(value).is_some() {
            return Ok(None);
        }
        // The type of its elements is not kept.
        let alignment = self.least_alignment.max(ELEMENT_ALIGNMENT);
        let size = Size { bytes, alignment };
        let tensor = self.declare(&self.value(value).name, size, value, builder)?;
        self.place(value, tensor);
        Ok(Some(tensor))
    }

    /// Declares another tensor of the size of one that a value lies in.
    pub(super) fn another(
        &mut self,
        name: &str,
        value: ValueId,
        like: TensorId,
        builder: &mut GraphBuilder,
    ) -> Result<TensorId, ModelError> {
        self.declare(name, self.tensor(like).size, value, builder)
    }

    fn declare(
        &mut self,
        name: &str,
        size: Size,
        value: ValueId,
        builder: &mut GraphBuilder,
    ) -> Result<TensorId, ModelError> {
        let layout = self.layout(size, value)?;
        let tensor = builder.tensor(self.names.unique(name), layout);
        self.types.push(self.type_of(value, size));
        self.declared.push(Tensor {
            size,
            start: 0,
            is_rewritten: false,
        });
        Ok(tensor)
    }

    /// The type of a value; bytes for one that is planned without.
    fn type_of(&self, value: ValueId, size: Size) -> TensorType {
        match &self.value(value).kind {
            ValueKind::Tensor(tensor) => tensor.clone(),
            // A weight, or a value whose size follows from others.
            _ => TensorType {
                element: ElementType::Uint8,
                dims: vec![size.bytes],
                is_bound: false,
            },
        }
    }

    /// The layout of a tensor, if there is room for it beside those declared before.
    fn layout(&mut self, size: Size, value: ValueId) -> Result<Layout, ModelError> {
        let total = self.total.checked_add(size.bytes);
        let total = total.filter(|&total| total <= MOST_BYTES);
        let [bytes, alignment] = [size.bytes, size.alignment].map(usize::try_from);
        let layout = match (bytes, alignment) {
            (Ok(bytes), Ok(alignment)) => Layout::from_size_align(bytes, alignment).ok(),
            _ => None,
        };
        let (Some(total), Some(layout)) = (total, layout) else {
            return Err(self.no_layout(size, value));
        };
        self.total = total;
        Ok(layout)
    }

    fn no_layout(&self, size: Size, value: ValueId) -> ModelError {
        let Value { name, kind } = self.value(value);
        let kind = match kind {
            ValueKind::Tensor(tensor) => format!(" of {:?} {:?}", tensor.element, tensor.dims),
            _ => String::new(),
        };
        let found = match size.bytes {
            bytes if bytes > MOST_BYTES => "more than 2^62 bytes".into(),
            bytes if bytes > isize::MAX as u64 => {
                format!("{bytes} bytes, which {} bits cannot address", usize::BITS)
            }
            bytes => format!(
                "{bytes} bytes at an alignment of {}, beside {} bytes of others",
                size.alignment, self.total
            ),
        };
        ModelError::Malformed {
            place: format!("tensor '{name}'{kind}"),
            found,
            expected: "at most 2^62 bytes of all tensors together".into(),
        }
    }

    /// Puts a value into a tensor that has been declared.
    pub(super) fn place(&mut self, value: ValueId, tensor: TensorId) {
        self.of_value[value.0 as usize] = Some(tensor);
    }

    pub(super) fn tensor(&self, id: TensorId) -> &Tensor {
        &self.declared[id.index()]
    }

    pub(super) fn tensor_mut(&mut self, id: TensorId) -> &mut Tensor {
        &mut self.declared[id.index()]
    }
}
