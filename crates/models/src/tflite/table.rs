//! Tables and vectors of a flatbuffer, every access checked.
//!
//! Stands on the [`Verifier`] of the crate `flatbuffers`. That crate's accessors are unsafe unless
//! generated code has verified the whole file, and the schema has far more than is needed here. Its
//! verifier, however, follows offsets and virtual tables safely: it is the reader.
//!
//! Invariant: nothing here panics, whatever the bytes are; a vector's elements lie in the file.

use std::borrow::Cow;

use flatbuffers::{Verifier, VerifierOptions};

use crate::error::ModelError;

/// The longest string that is read, in bytes.
const LONGEST_STRING: usize = 1 << 16;

/// Limits of one access, not of the file: those are in `budget`.
static ONE_ACCESS: VerifierOptions = VerifierOptions {
    max_depth: 1,
    max_tables: 1,
    max_apparent_size: usize::MAX,
    ignore_missing_null_terminator: true,
};

/// A table of the schema, at a place in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table<'f> {
    file: &'f [u8],
    at: usize,
    /// The name of the table in the schema.
    kind: &'static str,
}

/// A vector whose elements lie in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vector<'f> {
    file: &'f [u8],
    /// The first element.
    at: usize,
    len: usize,
}

impl<'f> Table<'f> {
    /// The table that the first four bytes of the file point to.
    pub(crate) fn root(file: &'f [u8], kind: &'static str) -> Result<Self, ModelError> {
        let before = Self { file, at: 0, kind };
        let at = before.follow(0)?;
        Ok(Self { file, at, kind })
    }

    /// Where the table lies in the file.
    pub(crate) fn at(self) -> usize {
        self.at
    }

    /// An error about this table.
    pub(crate) fn malformed(
        self,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> ModelError {
        ModelError::Malformed {
            place: format!("{} at byte {}", self.kind, self.at),
            found: found.into(),
            expected: expected.into(),
        }
    }

    /// The place of a field's value; `None` if the table lacks it.
    pub(crate) fn field(self, slot: u16) -> Result<Option<usize>, ModelError> {
        let mut verifier = Verifier::new(&ONE_ACCESS, self.file);
        let found = verifier
            .visit_table(self.at)
            .and_then(|mut table| table.deref(4 + 2 * slot));
        found.map_err(|error| {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            self.malformed(format!("field {slot}: {first}"), "a flatbuffer table")
        })
    }

    fn bytes_at<const N: usize>(self, at: usize) -> Result<[u8; N], ModelError> {
        let bytes = at
            .checked_add(N)
            .and_then(|end| self.file.get(at..end))
            .and_then(|bytes| bytes.try_into().ok());
        bytes.ok_or_else(|| {
            let found = format!("a value at byte {at} of {}", self.file.len());
            self.malformed(found, format!("{N} bytes within the file"))
        })
    }

    fn scalar<const N: usize>(self, slot: u16) -> Result<Option<[u8; N]>, ModelError> {
        match self.field(slot)? {
            Some(at) => Ok(Some(self.bytes_at(at)?)),
            None => Ok(None),
        }
    }

    /// A field of one byte; 0 if the table lacks it.
    pub(crate) fn u8(self, slot: u16) -> Result<u8, ModelError> {
        Ok(self.scalar(slot)?.map_or(0, u8::from_le_bytes))
    }

    /// A field of four bytes; 0 if the table lacks it.
    pub(crate) fn u32(self, slot: u16) -> Result<u32, ModelError> {
        Ok(self.scalar(slot)?.map_or(0, u32::from_le_bytes))
    }

    /// A field of eight bytes; 0 if the table lacks it.
    pub(crate) fn u64(self, slot: u16) -> Result<u64, ModelError> {
        Ok(self.scalar(slot)?.map_or(0, u64::from_le_bytes))
    }

    /// The place that the offset at a place leads to.
    fn follow(self, at: usize) -> Result<usize, ModelError> {
        let offset = u32::from_le_bytes(self.bytes_at(at)?);
        let target = at.checked_add(offset as usize);
        let inside = target.filter(|&target| offset != 0 && target < self.file.len());
        inside.ok_or_else(|| {
            let found = format!("an offset of {offset} at byte {at}");
            self.malformed(found, format!("one within {} bytes", self.file.len()))
        })
    }

    /// The place that a field of a table, vector or string leads to.
    pub(crate) fn target(self, slot: u16) -> Result<Option<usize>, ModelError> {
        match self.field(slot)? {
            Some(at) => Ok(Some(self.follow(at)?)),
            None => Ok(None),
        }
    }

    /// The table of a field.
    pub(crate) fn table(self, slot: u16, kind: &'static str) -> Result<Option<Self>, ModelError> {
        let file = self.file;
        Ok(self.target(slot)?.map(|at| Self { file, at, kind }))
    }

    /// The vector of a field, with elements of `stride` bytes; an empty one if the table lacks it.
    pub(crate) fn vector(self, slot: u16, stride: usize) -> Result<Vector<'f>, ModelError> {
        let file = self.file;
        let Some(start) = self.target(slot)? else {
            return Ok(Vector {
                file,
                at: 0,
                len: 0,
            });
        };
        let len = u32::from_le_bytes(self.bytes_at(start)?) as usize;
        let at = start + 4;
        let end = len
            .checked_mul(stride)
            .and_then(|size| at.checked_add(size));
        if end.is_none_or(|end| end > file.len()) {
            let found = format!("field {slot}: a vector of {len} elements at byte {start}");
            let expected = format!("{stride} bytes each, within {} bytes", file.len());
            return Err(self.malformed(found, expected));
        }
        Ok(Vector { file, at, len })
    }

    /// The vector of four-byte elements of a field.
    pub(crate) fn words(self, slot: u16) -> Result<Vector<'f>, ModelError> {
        self.vector(slot, 4)
    }

    /// The text of a field; an empty one if the table lacks it.
    pub(crate) fn text(self, slot: u16) -> Result<Cow<'f, str>, ModelError> {
        let bytes = self.vector(slot, 1)?.bytes();
        if bytes.len() > LONGEST_STRING {
            return Err(ModelError::TooLarge {
                what: format!("bytes of a name in {} at byte {}", self.kind, self.at),
                found: bytes.len() as u64,
                limit: LONGEST_STRING as u64,
            });
        }
        Ok(String::from_utf8_lossy(bytes))
    }
}

impl<'f> Vector<'f> {
    /// How many elements it has.
    pub(crate) fn len(self) -> usize {
        self.len
    }

    /// The elements of a vector of bytes.
    pub(crate) fn bytes(self) -> &'f [u8] {
        &self.file[self.at..self.at + self.len]
    }

    /// The elements of a vector of 32-bit numbers.
    pub(crate) fn i32s(self) -> impl ExactSizeIterator<Item = i32> + 'f {
        let bytes = &self.file[self.at..self.at + 4 * self.len];
        bytes
            .chunks_exact(4)
            .map(|word| i32::from_le_bytes([word[0], word[1], word[2], word[3]]))
    }

    /// A table of a vector of tables.
    pub(crate) fn table(self, index: usize, kind: &'static str) -> Result<Table<'f>, ModelError> {
        let vector = Table {
            file: self.file,
            at: self.at,
            kind,
        };
        if index >= self.len {
            let expected = format!("one below {}", self.len);
            return Err(vector.malformed(format!("element {index}"), expected));
        }
        let at = vector.follow(self.at + 4 * index)?;
        Ok(Table { at, ..vector })
    }
}
