//! Values of a snapshot, written as JSON and as pickles.
//!
//! Two writers of pickles: one uses the opcodes that PyTorch's own writer uses (protocol 2), the
//! other those of Python's (protocol 4). Both put texts and shared values into the memo.

use std::{collections::HashMap, rc::Rc};

use serde_json::json;

#[derive(Clone, Debug)]
pub enum Value {
    Int(i64),
    Bool(bool),
    Text(String),
    List(Vec<Value>),
    Tuple(Vec<Value>),
    Dict(Vec<(&'static str, Value)>),
    /// A value that several others refer to.
    Shared(Rc<Value>),
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Int(number as i64)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl Value {
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Int(number) => json!(number),
            Self::Bool(value) => json!(value),
            Self::Text(text) => json!(text),
            Self::List(items) | Self::Tuple(items) => items.iter().map(Self::json).collect(),
            Self::Dict(fields) => {
                let fields = fields.iter();
                let fields = fields.map(|(name, value)| (name.to_string(), value.json()));
                serde_json::Value::Object(fields.collect())
            }
            Self::Shared(value) => value.json(),
        }
    }

    pub fn pickle(&self, style: Style) -> Vec<u8> {
        let mut writer = Writer {
            style,
            bytes: vec![0x80, if style == Style::Torch { 2 } else { 4 }],
            texts: HashMap::new(),
            shared: HashMap::new(),
            memo: 0,
        };
        if style == Style::Python {
            // A frame; its length is checked by nobody.
            writer.bytes.push(0x95);
            writer.bytes.extend(0_u64.to_le_bytes());
        }
        writer.value(self);
        writer.bytes.push(b'.');
        writer.bytes
    }
}

/// Whose opcodes a pickle has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Torch,
    Python,
}

struct Writer {
    style: Style,
    bytes: Vec<u8>,
    texts: HashMap<String, u32>,
    shared: HashMap<*const Value, u32>,
    memo: u32,
}

impl Writer {
    fn value(&mut self, value: &Value) {
        match value {
            Value::Int(number) => self.int(*number),
            Value::Bool(value) => self.bytes.push(if *value { 0x88 } else { 0x89 }),
            Value::Text(text) => self.text(text),
            Value::List(items) => self.list(items),
            Value::Tuple(items) => self.tuple(items),
            Value::Dict(fields) => self.dict(fields),
            Value::Shared(value) => match self.shared.get(&Rc::as_ptr(value)) {
                Some(&key) => self.get(key),
                None => {
                    self.value(value);
                    let key = self.put();
                    self.shared.insert(Rc::as_ptr(value), key);
                }
            },
        }
    }

    fn int(&mut self, number: i64) {
        if let Ok(small) = u8::try_from(number) {
            self.bytes.extend([b'K', small]);
        } else if let Ok(short) = u16::try_from(number) {
            self.bytes.push(b'M');
            self.bytes.extend(short.to_le_bytes());
        } else if let Ok(middle) = i32::try_from(number) {
            self.bytes.push(b'J');
            self.bytes.extend(middle.to_le_bytes());
        } else {
            let bytes = number.to_le_bytes();
            // Python leaves out high bytes that say nothing, PyTorch does not.
            let mut length = 8;
            while self.style == Style::Python && bytes[length - 1] == 0 && bytes[length - 2] < 128 {
                length -= 1;
            }
            self.bytes.extend([0x8a, length as u8]);
            self.bytes.extend(&bytes[..length]);
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(&key) = self.texts.get(text) {
            return self.get(key);
        }
        match u8::try_from(text.len()) {
            Ok(length) if self.style == Style::Python => self.bytes.extend([0x8c, length]),
            _ => {
                self.bytes.push(b'X');
                self.bytes.extend((text.len() as u32).to_le_bytes());
            }
        }
        self.bytes.extend(text.as_bytes());
        let key = self.put();
        self.texts.insert(text.into(), key);
    }

    fn list(&mut self, items: &[Value]) {
        self.bytes.push(b']');
        if let ([item], Style::Python) = (items, self.style) {
            self.value(item);
            return self.bytes.push(b'a');
        }
        self.bytes.push(b'(');
        items.iter().for_each(|item| self.value(item));
        self.bytes.push(b'e');
    }

    fn tuple(&mut self, items: &[Value]) {
        let is_short = self.style == Style::Python && (1..=3).contains(&items.len());
        if !is_short {
            self.bytes.push(b'(');
        }
        items.iter().for_each(|item| self.value(item));
        let short = 0x84 + items.len() as u8;
        self.bytes.push(if is_short { short } else { b't' });
    }

    fn dict(&mut self, fields: &[(&'static str, Value)]) {
        self.bytes.extend(b"}(");
        for (name, value) in fields {
            self.text(name);
            self.value(value);
        }
        self.bytes.push(b'u');
    }

    fn put(&mut self) -> u32 {
        let key = self.memo;
        self.memo += 1;
        match (self.style, u8::try_from(key)) {
            (Style::Python, _) => self.bytes.push(0x94),
            (Style::Torch, Ok(short)) => self.bytes.extend([b'q', short]),
            (Style::Torch, Err(_)) => {
                self.bytes.push(b'r');
                self.bytes.extend(key.to_le_bytes());
            }
        }
        key
    }

    fn get(&mut self, key: u32) {
        match u8::try_from(key) {
            Ok(short) => self.bytes.extend([b'h', short]),
            Err(_) => {
                self.bytes.push(b'j');
                self.bytes.extend(key.to_le_bytes());
            }
        }
    }
}
