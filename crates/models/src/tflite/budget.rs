//! A budget of work: a file of few bytes must not cost much time or memory.
//!
//! Stands on nothing. Vectors of a flatbuffer may overlap and bodies may be called many times, so
//! that a small file can describe an enormous model. Invariant: what is charged in all is at most
//! [`FREE`] units and four for each byte of the file. A unit is about four bytes of memory.

use crate::error::ModelError;

/// The units that any file may use: elements of vectors and bytes of names.
const FREE: u64 = 1 << 23;

/// The units that a value, a node or an entry of a list costs.
pub(crate) const ENTRY: usize = 96;

/// The units that an operand or result costs, which is looked up several times.
pub(crate) const OPERAND: usize = 16;

/// What a file may still cost.
#[derive(Debug)]
pub(crate) struct Budget {
    left: u64,
    limit: u64,
}

impl Budget {
    /// The budget of a file of so many bytes.
    pub(crate) fn of(bytes: usize) -> Self {
        let limit = (bytes as u64).saturating_mul(4).saturating_add(FREE);
        Self { left: limit, limit }
    }

    /// Charges units of work.
    pub(crate) fn charge(&mut self, units: usize) -> Result<(), ModelError> {
        match self.left.checked_sub(units as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(ModelError::TooLarge {
                what: "elements, names and operators, with those of bodies as often as called"
                    .into(),
                found: self.limit.saturating_add(units as u64 - self.left),
                limit: self.limit,
            }),
        }
    }
}
