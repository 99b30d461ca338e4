//! An operator that is being read: its operands, before values are made for its results.
//!
//! Stands on `builtin` and `schema`.

use super::builtin::Facts;
use super::schema::Operator;
use crate::error::ModelError;
use crate::program::ValueId;

/// An operator that is being read.
#[derive(Debug)]
pub(crate) struct Call<'f> {
    pub(crate) operator: Operator<'f>,
    /// The builtin's name, or that of the custom operator.
    pub(crate) builtin: String,
    /// The node's name.
    pub(crate) name: String,
    pub(crate) operands: Vec<Option<ValueId>>,
    pub(crate) facts: Facts,
}

impl Call<'_> {
    /// An error about this operator.
    pub(crate) fn error(&self, reason: impl Into<String>) -> ModelError {
        ModelError::Operator {
            node: self.name.clone(),
            operator: self.builtin.clone(),
            reason: reason.into(),
        }
    }
}
