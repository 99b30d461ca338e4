//! Typed fields of a document, with their places for messages.
//!
//! Stands on [`document`](super::document). Invariant: whoever reads lists and dictionaries through
//! [`Reader::items`] and [`Reader::own`] sees each of them once, so a walk ends in time even if
//! values refer to each other in circles.

#![forbid(unsafe_code)]

use std::{cell::RefCell, fmt};

use super::{
    document::{Document, Id, Value},
    error::SnapshotError,
};

/// The most fields of a dictionary: PyTorch writes about a dozen.
const FIELDS: usize = 256;

/// Where a value is. Made on the way down, and written only into a message.
#[derive(Clone, Copy)]
pub(super) enum Place<'p> {
    Root,
    Field(&'p Place<'p>, &'static str),
    Item(&'p Place<'p>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("the root"),
            Self::Field(Self::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// Reads a document, and knows which of its values have been seen.
pub(super) struct Reader<'d, 'f> {
    document: &'d Document<'f>,
    /// By the numbers of the values.
    seen: RefCell<Vec<bool>>,
}

impl<'d, 'f> Reader<'d, 'f> {
    pub(super) fn new(document: &'d Document<'f>) -> Self {
        Self {
            document,
            seen: RefCell::new(vec![false; document.len()]),
        }
    }

    pub(super) fn root(&self) -> Id {
        self.document.root()
    }

    pub(super) fn value(&self, id: Id) -> &'d Value<'f> {
        self.document.get(id)
    }

    /// The items of a list.
    pub(super) fn list(&self, id: Id, place: &Place<'_>) -> Result<&'d [Id], SnapshotError> {
        match self.value(id) {
            Value::List(items) => Ok(items),
            other => Err(wrong(place, other, "a list")),
        }
    }

    /// The items of a list that stands at one place alone.
    pub(super) fn items(&self, id: Id, place: &Place<'_>) -> Result<&'d [Id], SnapshotError> {
        let items = self.list(id, place)?;
        if !items.is_empty() {
            self.own(id, place)?;
        }
        Ok(items)
    }

    /// Fails if this value has been seen at another place.
    pub(super) fn own(&self, id: Id, place: &Place<'_>) -> Result<(), SnapshotError> {
        let mut seen = self.seen.borrow_mut();
        if std::mem::replace(&mut seen[id.index()], true) {
            let place = place.to_string();
            return Err(SnapshotError::Repeated { place });
        }
        Ok(())
    }

    /// A field of a dictionary, if it has one of this name; the last of several.
    pub(super) fn field(
        &self,
        id: Id,
        name: &str,
        place: &Place<'_>,
    ) -> Result<Option<Id>, SnapshotError> {
        let fields = match self.value(id) {
            Value::Dict(fields) if fields.len() <= FIELDS => fields,
            other => return Err(wrong(place, other, "a dictionary of at most 256 fields")),
        };
        let is_name = |key: Id| matches!(self.value(key), Value::Text(text) if text == name);
        let found = fields.iter().rev().find(|(key, _)| is_name(*key));
        Ok(found.map(|(_, value)| *value))
    }

    /// An address, which may be above that of signed numbers.
    pub(super) fn address(
        &self,
        id: Id,
        name: &'static str,
        place: &Place<'_>,
    ) -> Result<Option<u64>, SnapshotError> {
        let address = |value: &Value<'f>| match value {
            Value::Integer(number) => {
                let signed = || i64::try_from(*number).ok().map(i64::cast_unsigned);
                u64::try_from(*number).ok().or_else(signed)
            }
            _ => None,
        };
        self.read(id, name, place, "an address of 64 bits", address)
    }

    /// A number of bytes, or another one from 0 to 2^63 - 1.
    pub(super) fn number(
        &self,
        id: Id,
        name: &'static str,
        place: &Place<'_>,
    ) -> Result<Option<u64>, SnapshotError> {
        let number = |value: &Value<'f>| match value {
            Value::Integer(number) => i64::try_from(*number).ok()?.try_into().ok(),
            _ => None,
        };
        self.read(id, name, place, "a whole number from 0 to 2^63 - 1", number)
    }

    /// The stream of a block: a number or the bits of a pointer. 0, the default stream, if the file
    /// says nothing else that is known.
    pub(super) fn stream(&self, id: Id, place: &Place<'_>) -> Result<u64, SnapshotError> {
        let value = self.field(id, "stream", place)?.map(|id| self.value(id));
        Ok(match value {
            Some(Value::Integer(number)) => u64::try_from(*number).unwrap_or(0),
            _ => 0,
        })
    }

    /// A text.
    pub(super) fn text(
        &self,
        id: Id,
        name: &'static str,
        place: &Place<'_>,
    ) -> Result<Option<&'d str>, SnapshotError> {
        let text = |value: &'d Value<'f>| match value {
            Value::Text(text) => Some(&**text),
            _ => None,
        };
        self.read(id, name, place, "a text", text)
    }

    /// What `convert` makes of the value of a field; `None` if there is none, or it is Python's.
    fn read<T>(
        &self,
        id: Id,
        name: &'static str,
        place: &Place<'_>,
        expected: &'static str,
        convert: impl FnOnce(&'d Value<'f>) -> Option<T>,
    ) -> Result<Option<T>, SnapshotError> {
        let value = self.field(id, name, place)?.map(|id| self.value(id));
        let Some(value) = value.filter(|value| **value != Value::None) else {
            return Ok(None);
        };
        let converted = convert(value);
        let is_wrong = || wrong(&Place::Field(place, name), value, expected);
        converted.map(Some).ok_or_else(is_wrong)
    }
}

/// An error about a value that is not what it has to be.
pub(super) fn wrong(place: &Place<'_>, value: &Value, expected: &'static str) -> SnapshotError {
    SnapshotError::Field {
        place: place.to_string(),
        found: value.describe(),
        expected,
    }
}

/// The value of a field that must be there.
pub(super) fn required<T>(
    value: Option<T>,
    place: &Place<'_>,
    name: &'static str,
) -> Result<T, SnapshotError> {
    value.ok_or_else(|| SnapshotError::Field {
        place: Place::Field(place, name).to_string(),
        found: "missing".into(),
        expected: "a value",
    })
}
