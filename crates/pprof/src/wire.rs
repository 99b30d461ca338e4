//! The fields of protobuf messages: numbers, and bytes of a length.
//!
//! Stands on `error`. Knows no message. Invariants: what is written without a value is what reading
//! takes for the value of a field that is absent, 0; no value read reaches past its message.
//!
//! The allocator writes profiles, too, by an encoder of its own
//! (`crates/alloc/src/profile/encoder.rs`): it runs inside `malloc`, where nothing may be
//! allocated. A test of `crates/preload` reads with this crate what the allocator has written.

use crate::error::ReadError;

// The wire types of protobuf that are in use.
const VARINT: u8 = 0;
const FIXED_64: u8 = 1;
const LENGTH_DELIMITED: u8 = 2;
const FIXED_32: u8 = 5;

/// A field's value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'b> {
    Number(u64),
    Bytes(Message<'b>),
}

/// The bytes of a message, and where they are in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'b> {
    pub bytes: &'b [u8],
    pub at: usize,
}

/// A field of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'b> {
    pub number: u64,
    pub value: Value<'b>,
    /// The byte at which it begins.
    pub at: usize,
}

impl<'b> Field<'b> {
    /// The value as a number.
    pub(crate) fn number(&self) -> Result<u64, ReadError> {
        match self.value {
            Value::Number(number) => Ok(number),
            Value::Bytes(_) => Err(self.wire_type(LENGTH_DELIMITED, "0, a number")),
        }
    }

    /// The value as bytes.
    pub(crate) fn bytes(&self) -> Result<Message<'b>, ReadError> {
        match self.value {
            Value::Bytes(message) => Ok(message),
            Value::Number(_) => Err(self.wire_type(VARINT, "2, text or a message")),
        }
    }

    fn wire_type(&self, found: u8, expected: &'static str) -> ReadError {
        ReadError::WireType {
            at: self.at,
            field: self.number,
            found,
            expected,
        }
    }

    /// Hands on each number of a repeated field, packed or one by one.
    pub(crate) fn each_number(
        &self,
        mut each: impl FnMut(u64) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        match self.value {
            Value::Number(number) => each(number),
            Value::Bytes(mut packed) => {
                while !packed.bytes.is_empty() {
                    each(packed.take_number()?)?;
                }
                Ok(())
            }
        }
    }
}

impl<'b> Message<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Self {
        Message { bytes, at: 0 }
    }

    /// The next field; fixed numbers of 64 and 32 bits are skipped, as no field that is read has
    /// them.
    pub(crate) fn next_field(&mut self) -> Result<Option<Field<'b>>, ReadError> {
        while !self.bytes.is_empty() {
            let at = self.at;
            let key = self.take_number()?;
            let number = key >> 3;
            let wire_type = (key & 7) as u8;
            let value = match wire_type {
                VARINT => Value::Number(self.take_number()?),
                LENGTH_DELIMITED => {
                    let length = self.take_number()?;
                    Value::Bytes(self.take(length)?)
                }
                FIXED_64 => {
                    self.take(8)?;
                    continue;
                }
                FIXED_32 => {
                    self.take(4)?;
                    continue;
                }
                _ => {
                    return Err(ReadError::WireType {
                        at,
                        field: number,
                        found: wire_type,
                        expected: "0, 1, 2 or 5",
                    });
                }
            };
            return Ok(Some(Field { number, value, at }));
        }
        Ok(None)
    }

    fn take(&mut self, length: u64) -> Result<Message<'b>, ReadError> {
        let at = self.at;
        let split = usize::try_from(length)
            .ok()
            .and_then(|n| self.bytes.split_at_checked(n));
        let (bytes, rest) = split.ok_or(ReadError::Truncated { at })?;
        self.bytes = rest;
        self.at += bytes.len();
        Ok(Message { bytes, at })
    }

    fn take_number(&mut self) -> Result<u64, ReadError> {
        let mut number = 0;
        for (index, &byte) in self.bytes.iter().enumerate() {
            let bits = u64::from(byte & 0x7f);
            if index == 9 && bits > 1 {
                break;
            }
            number |= bits << (7 * index);
            if byte < 0x80 {
                self.bytes = &self.bytes[index + 1..];
                self.at += index + 1;
                return Ok(number);
            }
            if index == 9 {
                break;
            }
        }
        let at = self.at;
        Err(match self.bytes.len() {
            0..10 => ReadError::Truncated { at },
            _ => ReadError::LongNumber { at },
        })
    }
}

/// A message that is written.
#[derive(Default)]
pub(crate) struct Writer(pub Vec<u8>);

impl Writer {
    fn raw(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// A number, unless it is 0.
    pub(crate) fn number(&mut self, field: u64, number: u64) {
        if number != 0 {
            self.raw(field << 3 | u64::from(VARINT));
            self.raw(number);
        }
    }

    pub(crate) fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.raw(field << 3 | u64::from(LENGTH_DELIMITED));
        self.raw(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn message(&mut self, field: u64, write: impl FnOnce(&mut Writer)) {
        let mut message = Writer::default();
        write(&mut message);
        self.bytes(field, &message.0);
    }

    pub(crate) fn packed(&mut self, field: u64, numbers: impl IntoIterator<Item = u64>) {
        let mut packed = Writer::default();
        for number in numbers {
            packed.raw(number);
        }
        if !packed.0.is_empty() {
            self.bytes(field, &packed.0);
        }
    }
}
