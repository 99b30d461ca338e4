//! Names that nothing else in the model has.
//!
//! Stands on `limits`. Invariant: a name is made once; it is none of those in the file.

use std::collections::HashMap;

use bumpalo::Bump;

use crate::error::ModelError;
use crate::onnx::limits::{Limits, check_name};

/// What an entry of the table costs, in bytes.
const ENTRY: usize = 64;

/// The names that are taken.
#[derive(Debug)]
pub(super) struct Names<'a> {
    bump: &'a Bump,
    /// Each name with the number of names that were derived from it since.
    taken: HashMap<&'a str, u32>,
}

impl<'a> Names<'a> {
    /// No names; those to come are kept in `bump`.
    pub(super) fn new(bump: &'a Bump) -> Self {
        Self {
            bump,
            taken: HashMap::new(),
        }
    }

    /// Takes a name of the file.
    pub(super) fn take(&mut self, name: &'a str, limits: &mut Limits) -> Result<(), ModelError> {
        if !self.taken.contains_key(name) {
            limits.bytes(ENTRY)?;
            self.taken.insert(name, 0);
        }
        Ok(())
    }

    /// The name `PREFIX/NAME`, with a number behind it if that is taken.
    pub(super) fn make(
        &mut self,
        prefix: &str,
        name: &str,
        limits: &mut Limits,
    ) -> Result<&'a str, ModelError> {
        let length = prefix.len() + name.len() + 1;
        check_name(|| "a name in a function".into(), length)?;
        let mut made = format!("{prefix}/{name}");
        while let Some(derived) = self.taken.get_mut(made.as_str()) {
            *derived += 1;
            let number = *derived + 1;
            made.truncate(length);
            made = format!("{made}_{number}");
            if !self.taken.contains_key(made.as_str()) {
                break;
            }
            made.truncate(length);
        }
        limits.bytes(ENTRY + made.len())?;
        let made: &'a str = self.bump.alloc_str(&made);
        self.taken.insert(made, 0);
        Ok(made)
    }
}
