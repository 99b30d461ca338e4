//! Where the parts of a map go: columns, names and lists.
//!
//! Stands on `column` and `strings`. Invariant: a list ends where its last item stands.

#![forbid(unsafe_code)]

use orionrt::TensorId;
use serde::Serialize;

use super::{
    column::{Column, Columns, TooLarge},
    strings::Strings,
};

/// The items of each list, one after the other, and where each list ends.
#[derive(Debug, Serialize)]
pub(super) struct ListsJson {
    ends: Column,
    items: Column,
}

/// Where it goes.
pub(super) struct Sink<'d> {
    pub(super) columns: &'d mut Columns,
    pub(super) strings: &'d mut Strings,
}

impl Sink<'_> {
    pub(super) fn names<S: AsRef<str>>(
        &mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Column, TooLarge> {
        let numbers = names
            .into_iter()
            .map(|name| self.strings.number(name.as_ref()));
        let numbers: Vec<u32> = numbers.collect();
        self.columns.add(numbers)
    }

    pub(super) fn lists<'t>(
        &mut self,
        lists: impl Iterator<Item = &'t [TensorId]> + Clone,
    ) -> Result<ListsJson, TooLarge> {
        let items = lists.clone().flatten().map(|tensor| tensor.index() as u64);
        Ok(ListsJson {
            ends: self.columns.add(ends(lists.map(<[_]>::len)))?,
            items: self.columns.add(items)?,
        })
    }
}

/// The end of each of some lists of these lengths, one after the other.
pub(super) fn ends(lengths: impl Iterator<Item = usize>) -> impl Iterator<Item = u64> {
    lengths.scan(0, |end, length| {
        *end += length as u64;
        Some(*end)
    })
}
