//! Ids of things in a file, and their indices in the tables of a profile.
//!
//! Stands on `error`. Invariant: an index is that of the one thing in the table with its id; 0 is
//! no id.

use std::collections::HashMap;

use crate::error::ReadError;

/// The index of each id of a table.
pub(crate) struct Indices {
    what: &'static str,
    /// Ids are 1, 2, 3 ... in most files.
    in_order: u64,
    others: HashMap<u64, u32>,
}

impl Indices {
    /// Of the things with these ids, in order; `what` they are is for errors.
    pub(crate) fn new(
        what: &'static str,
        ids: impl Iterator<Item = u64>,
    ) -> Result<Self, ReadError> {
        let mut indices = Indices {
            what,
            in_order: 0,
            others: HashMap::new(),
        };
        for (index, id) in ids.enumerate() {
            let is_next = id == index as u64 + 1 && indices.in_order == index as u64;
            let is_new = if is_next {
                indices.in_order += 1;
                true
            } else {
                let is_known = (1..=indices.in_order).contains(&id);
                id != 0 && !is_known && indices.others.insert(id, index as u32).is_none()
            };
            if !is_new {
                return Err(ReadError::Twice { what, id });
            }
        }
        Ok(indices)
    }

    /// The index of the thing with this id.
    pub(crate) fn find(&self, id: u64) -> Result<u32, ReadError> {
        if (1..=self.in_order).contains(&id) {
            return Ok((id - 1) as u32);
        }
        self.others.get(&id).copied().ok_or(ReadError::Unknown {
            what: self.what,
            id,
        })
    }
}
