//! Groups of tensors: the models that share an arena, or streams.
//!
//! Stands on `column` and the streams of an input. Invariant: each tensor is in one group.

#![forbid(unsafe_code)]

use serde::Serialize;

use super::column::{Column, Columns, TooLarge};
use crate::input::Streams;

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

/// Puts groups into a document.
pub(super) fn groups(groups: &Groups, columns: &mut Columns) -> Result<GroupsJson, TooLarge> {
    Ok(GroupsJson {
        names: groups.names.clone(),
        of: columns.add(groups.of.iter().copied())?,
    })
}

/// Puts streams into a document.
pub(super) fn streams(streams: &Streams, columns: &mut Columns) -> Result<GroupsJson, TooLarge> {
    Ok(GroupsJson {
        names: streams.names.clone(),
        of: columns.add(streams.of.iter().copied())?,
    })
}
