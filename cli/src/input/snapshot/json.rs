//! JSON as a document.
//!
//! Stands on [`document`](super::document) and `serde_json`, which refuses deep nesting. Invariant:
//! a text without escapes is not copied.

#![forbid(unsafe_code)]

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{
    document::{Document, Id, Value},
    error::SnapshotError,
};

/// Reads a file of JSON.
pub(super) fn read(bytes: &[u8]) -> Result<Document<'_>, SnapshotError> {
    let mut document = Document::new();
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let root = Seed(&mut document).deserialize(&mut reader)?;
    reader.end()?;
    Ok(document.with_root(root))
}

/// Puts the next value into a document.
struct Seed<'d, 'f>(&'d mut Document<'f>);

impl<'f> Seed<'_, 'f> {
    fn push<E: Error>(self, value: Value<'f>) -> Result<Id, E> {
        let id = self.0.push(value);
        id.ok_or_else(|| E::custom("more than 2^32 values"))
    }
}

impl<'f> DeserializeSeed<'f> for Seed<'_, 'f> {
    type Value = Id;

    fn deserialize<D: Deserializer<'f>>(self, reader: D) -> Result<Id, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'f> Visitor<'f> for Seed<'_, 'f> {
    type Value = Id;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Id, E> {
        self.push(Value::None)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Id, E> {
        self.push(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Id, E> {
        self.push(Value::Integer(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Id, E> {
        self.push(Value::Integer(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Id, E> {
        self.push(Value::Float(value))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'f str) -> Result<Id, E> {
        self.push(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Id, E> {
        self.push(Value::Text(Cow::Owned(text.into())))
    }

    fn visit_seq<A: SeqAccess<'f>>(self, mut seq: A) -> Result<Id, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Seed(self.0))? {
            items.push(item);
        }
        self.push(Value::List(items))
    }

    fn visit_map<A: MapAccess<'f>>(self, mut map: A) -> Result<Id, A::Error> {
        let mut fields = Vec::new();
        while let Some(key) = map.next_key_seed(Seed(self.0))? {
            let value = map.next_value_seed(Seed(self.0))?;
            fields.push((key, value));
        }
        self.push(Value::Dict(fields))
    }
}
