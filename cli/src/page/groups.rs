//! Groups of tensors: the models that share an arena, or streams.
//!
//! Stands on `column`. Invariant: each tensor is in one group.

#![forbid(unsafe_code)]

use serde::Serialize;

use super::column::{Column, Columns, TooLarge};

/// Whose tensors there are, and whose each of them is.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    pub(crate) names: Vec<String>,
    /// The number of each tensor's group.
    pub(crate) of: Vec<u32>,
}

/// In the header of a document.
#[derive(Debug, Serialize)]
pub(super) struct GroupsJson {
    names: Vec<String>,
    of: Column,
}

/// Puts groups into a document: their names, and the number of each tensor's group.
pub(super) fn groups(
    names: &[String],
    of: &[u32],
    columns: &mut Columns,
) -> Result<GroupsJson, TooLarge> {
    Ok(GroupsJson {
        names: names.to_vec(),
        of: columns.add(of.iter().copied())?,
    })
}
