//! The values of a file: lists, dictionaries, texts and numbers, in one vector.
//!
//! Stands on nothing. A value refers to others by their numbers, so that what a pickle refers to
//! many times is there once. Invariant: every number within a document is that of a value of it;
//! values may refer to each other in circles, so nobody follows them without an end.

#![forbid(unsafe_code)]

use std::borrow::Cow;

/// The number of a value in its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Id(u32);

impl Id {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A value of a file whose bytes live for `'f`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'f> {
    None,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(Cow<'f, str>),
    /// Bytes, which no field of a snapshot is.
    Bytes,
    /// A list or a tuple.
    List(Vec<Id>),
    /// Keys and values in the order of the file.
    Dict(Vec<(Id, Id)>),
}

impl Value<'_> {
    /// What the value is, in words.
    pub(super) fn describe(&self) -> String {
        /// The most letters of a text that are shown.
        const LETTERS: usize = 40;
        match self {
            Self::None => "None".into(),
            Self::Bool(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Text(text) => match text.char_indices().nth(LETTERS) {
                None => format!("'{text}'"),
                Some((end, _)) => format!("'{}...'", &text[..end]),
            },
            Self::Bytes => "bytes".into(),
            Self::List(items) => format!("a list of {} values", items.len()),
            Self::Dict(fields) => format!("a dictionary of {} fields", fields.len()),
        }
    }
}

/// The values of a file.
#[derive(Debug)]
pub(super) struct Document<'f> {
    values: Vec<Value<'f>>,
    root: Id,
}

impl<'f> Document<'f> {
    /// No values yet; the root is none.
    pub(super) fn new() -> Self {
        Self {
            values: vec![Value::None],
            root: Id(0),
        }
    }

    /// Adds a value; `None` if there are as many as numbers.
    pub(super) fn push(&mut self, value: Value<'f>) -> Option<Id> {
        let id = Id(u32::try_from(self.values.len()).ok()?);
        self.values.push(value);
        Some(id)
    }

    pub(super) fn get(&self, id: Id) -> &Value<'f> {
        &self.values[id.index()]
    }

    pub(super) fn get_mut(&mut self, id: Id) -> &mut Value<'f> {
        &mut self.values[id.index()]
    }

    pub(super) fn root(&self) -> Id {
        self.root
    }

    pub(super) fn with_root(self, root: Id) -> Self {
        Self { root, ..self }
    }

    /// The number of values.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }
}
