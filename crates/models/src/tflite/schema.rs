//! The tables of TensorFlow Lite's schema that a plan needs, and the numbers of their fields.
//!
//! Stands on `table`. The numbers are those of the public `schema.fbs`; a union takes two, its type
//! and its value. Invariant: indices into other vectors are checked where they are used.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use super::table::{Table, Vector};
use crate::element::ElementType;
use crate::error::ModelError;

/// The name of the metadata that holds a memory plan.
pub(crate) const OFFLINE_PLAN: &str = "OfflineMemoryAllocation";

/// The number of custom operators.
pub(crate) const CUSTOM: u32 = 32;

/// The most bytes of a file's name that are read: systems allow no longer paths.
const MAX_FILE_NAME: usize = 4 << 10;

/// Fields of the root table, `Model`.
pub(crate) mod model {
    pub(crate) const VERSION: u16 = 0;
    pub(crate) const OPERATOR_CODES: u16 = 1;
    pub(crate) const SUBGRAPHS: u16 = 2;
    pub(crate) const BUFFERS: u16 = 4;
    pub(crate) const METADATA: u16 = 6;
    pub(crate) const EXTERNAL_BUFFER_GROUPS: u16 = 8;
    pub(crate) const EXTERNAL_BUFFERS: u16 = 9;
    /// The number of fields that are known.
    pub(crate) const FIELDS: u16 = 10;
}

/// A model: its subgraphs, and the tables that they share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Model<'f> {
    pub(crate) root: Table<'f>,
    pub(crate) codes: Vector<'f>,
    pub(crate) subgraphs: Vector<'f>,
    pub(crate) buffers: Vector<'f>,
    pub(crate) metadata: Vector<'f>,
}

impl<'f> Model<'f> {
    /// The root of a file.
    pub(crate) fn of(file: &'f [u8]) -> Result<Self, ModelError> {
        let root = Table::root(file, "Model")?;
        Ok(Self {
            root,
            codes: root.words(model::OPERATOR_CODES)?,
            subgraphs: root.words(model::SUBGRAPHS)?,
            buffers: root.words(model::BUFFERS)?,
            metadata: root.words(model::METADATA)?,
        })
    }

    /// A subgraph by its number.
    pub(crate) fn subgraph(&self, index: usize) -> Result<Subgraph<'f>, ModelError> {
        let table = self.subgraphs.table(index, "SubGraph")?;
        Ok(Subgraph {
            table,
            tensors: table.words(0)?,
            inputs: table.words(1)?,
            outputs: table.words(2)?,
            operators: table.words(3)?,
        })
    }

    /// The number of an operator's builtin, and its name if it is a custom one.
    pub(crate) fn code(&self, index: u32) -> Result<(u32, Cow<'f, str>), ModelError> {
        let table = self.codes.table(index as usize, "OperatorCode")?;
        // The first field has one byte; models since 2020 have the second, too.
        let builtin = table.u32(3)?.max(u32::from(table.u8(0)?));
        let name = if builtin == CUSTOM {
            table.text(1)?
        } else {
            Cow::Borrowed("")
        };
        Ok((builtin, name))
    }

    /// The data in a buffer that lies within the flatbuffer.
    pub(crate) fn buffer(&self, index: u32) -> Result<&'f [u8], ModelError> {
        if index == 0 {
            return Ok(&[]);
        }
        let table = self.buffers.table(index as usize, "Buffer")?;
        Ok(table.vector(0, 1)?.bytes())
    }

    /// The bytes of the data in a buffer, wherever they lie.
    pub(crate) fn buffer_bytes(&self, index: u32) -> Result<u64, ModelError> {
        if index == 0 {
            return Ok(0);
        }
        let table = self.buffers.table(index as usize, "Buffer")?;
        let inside = table.vector(0, 1)?.len() as u64;
        // Data of more than 2 GB lies behind the flatbuffer; an offset of 1 stands for none.
        let behind = if table.u64(1)? > 1 { table.u64(2)? } else { 0 };
        Ok(inside.max(behind))
    }

    /// The names of the files that external buffers are in.
    pub(crate) fn weight_files(&self) -> Result<Vec<String>, ModelError> {
        let groups = self.root.words(model::EXTERNAL_BUFFER_GROUPS)?;
        let mut files = BTreeSet::new();
        for position in 0..groups.len() {
            let group = groups.table(position, "ExternalBufferGroup")?;
            // Many groups may share one long name, and no file has such a name.
            if group.vector(0, 1)?.len() <= MAX_FILE_NAME {
                files.insert(group.text(0)?);
            }
        }
        Ok(files.into_iter().map(Cow::into_owned).collect())
    }

    /// The sizes of the external buffers, which are in other files, by their ids.
    pub(crate) fn external_buffers(&self) -> Result<HashMap<u32, u64>, ModelError> {
        let buffers = self.root.words(model::EXTERNAL_BUFFERS)?;
        let sizes = (0..buffers.len()).map(|position| {
            let table = buffers.table(position, "ExternalBuffer")?;
            Ok((table.u32(0)?, table.u64(3)?))
        });
        sizes.collect()
    }
}

/// A subgraph: operators in the order in which they run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subgraph<'f> {
    pub(crate) table: Table<'f>,
    pub(crate) tensors: Vector<'f>,
    pub(crate) inputs: Vector<'f>,
    pub(crate) outputs: Vector<'f>,
    pub(crate) operators: Vector<'f>,
}

impl<'f> Subgraph<'f> {
    /// The name of the subgraph.
    pub(crate) fn name(&self) -> Result<Cow<'f, str>, ModelError> {
        self.table.text(4)
    }

    /// A tensor by its number.
    pub(crate) fn tensor(&self, index: u32) -> Result<Tensor<'f>, ModelError> {
        let table = self.tensors.table(index as usize, "Tensor")?;
        Ok(Tensor { table })
    }

    /// An operator by its number.
    pub(crate) fn operator(&self, index: usize) -> Result<Operator<'f>, ModelError> {
        let table = self.operators.table(index, "Operator")?;
        Ok(Operator {
            table,
            code: table.u32(0)?,
            inputs: table.words(1)?,
            outputs: table.words(2)?,
        })
    }
}

/// A tensor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tensor<'f> {
    pub(crate) table: Table<'f>,
}

impl<'f> Tensor<'f> {
    pub(crate) fn name(self) -> Result<Cow<'f, str>, ModelError> {
        self.table.text(3)
    }

    /// The sizes with which the model runs unless an input is resized.
    pub(crate) fn shape(self) -> Result<Vector<'f>, ModelError> {
        self.table.words(0)
    }

    /// The sizes, with -1 for those that may differ.
    pub(crate) fn signature(self) -> Result<Vector<'f>, ModelError> {
        self.table.words(7)
    }

    /// Whether an empty shape is that of a scalar for sure. Older files do not say.
    pub(crate) fn has_rank(self) -> Result<bool, ModelError> {
        Ok(self.table.u8(8)? != 0)
    }

    pub(crate) fn buffer(self) -> Result<u32, ModelError> {
        self.table.u32(2)
    }

    pub(crate) fn external_buffer(self) -> Result<u32, ModelError> {
        self.table.u32(10)
    }

    pub(crate) fn is_variable(self) -> Result<bool, ModelError> {
        Ok(self.table.u8(5)? != 0)
    }

    /// The type of the elements, or the kind of what is no memory of a plan.
    pub(crate) fn element(self) -> Result<Result<ElementType, &'static str>, ModelError> {
        Ok(Ok(match self.table.u8(1)? {
            0 => ElementType::Float32,
            1 => ElementType::Float16,
            2 => ElementType::Int32,
            3 => ElementType::Uint8,
            4 => ElementType::Int64,
            5 => return Ok(Err("strings")),
            6 => ElementType::Bool,
            7 => ElementType::Int16,
            8 => ElementType::Complex64,
            9 => ElementType::Int8,
            10 => ElementType::Float64,
            11 => ElementType::Complex128,
            12 => ElementType::Uint64,
            13 => return Ok(Err("resources")),
            14 => return Ok(Err("variants")),
            15 => ElementType::Uint32,
            16 => ElementType::Uint16,
            17 => ElementType::Int4,
            18 => ElementType::Bfloat16,
            19 => ElementType::Int2,
            20 => ElementType::Uint4,
            21 | 22 => ElementType::Float8,
            other => {
                let found = format!("type {other}");
                return Err(self.table.malformed(found, "a type from 0 to 22"));
            }
        }))
    }
}

/// An operator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operator<'f> {
    pub(crate) table: Table<'f>,
    pub(crate) code: u32,
    pub(crate) inputs: Vector<'f>,
    pub(crate) outputs: Vector<'f>,
}

impl<'f> Operator<'f> {
    /// The options of a builtin of the first union, or of the second one (StableHLO).
    pub(crate) fn options(self, kind: &'static str, second: bool) -> Result<Table<'f>, ModelError> {
        let slot = if second { 12 } else { 4 };
        let options = self.table.table(slot, kind)?;
        options.ok_or_else(|| self.table.malformed("no options", kind))
    }

    /// Whether its options lie behind the flatbuffer, at an offset from the start of the file.
    pub(crate) fn has_distant_options(self) -> Result<bool, ModelError> {
        Ok(self.table.u64(9)? > 1)
    }
}
