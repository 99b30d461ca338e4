//! Fields of a protobuf message, read one by one from the bytes of a file, without copies.
//!
//! Stands on [`ModelError`]. A full decoder such as `prost` is not used: it copies every weight,
//! and what it builds from a few bytes of input cannot be bounded. Here a message is a slice, and
//! whoever reads it decides what to build. Invariant: every slice that is given out lies within its
//! message; an error names the message and the byte of the file.

use crate::error::ModelError;

/// How deep groups, which no model has, may lie within one another.
const MAX_GROUPS: usize = 64;

/// The most fields of one message. A graph has fewer nodes and values than this by far.
const MAX_FIELDS: u64 = 1 << 22;

/// The largest number of a field, which protobuf sets.
const MAX_FIELD: u64 = (1 << 29) - 1;

/// A message: a slice of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    bytes: &'a [u8],
    /// Where in the file the slice begins.
    start: usize,
}

/// A field of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    pub(crate) number: u32,
    wire: Wire,
    /// The value as it is encoded: without the tag, and without the length of a slice.
    raw: &'a [u8],
    /// Where in the file `raw` begins.
    at: usize,
}

/// How a value is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Varint,
    Bits64,
    Slice,
    Bits32,
}

impl Wire {
    const fn name(self) -> &'static str {
        match self {
            Self::Varint => "a varint",
            Self::Bits64 => "64 bits",
            Self::Slice => "a slice with its length",
            Self::Bits32 => "32 bits",
        }
    }
}

impl<'a> Message<'a> {
    /// The message that a whole file is.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, start: 0 }
    }

    /// The fields in the order of the file; `label` names the message in errors.
    pub(crate) const fn fields(self, label: &'static str) -> Fields<'a> {
        Fields {
            message: self,
            at: 0,
            label,
        }
    }

    /// How often each field with a number below 32 occurs; an error beyond [`MAX_FIELDS`].
    pub(crate) fn counts(self, label: &'static str) -> Result<[usize; 32], ModelError> {
        let mut counts = [0; 32];
        for (i, field) in self.fields(label).enumerate() {
            if let Some(count) = counts.get_mut(field?.number as usize) {
                *count += 1;
            }
            check_fields(label, i as u64 + 1)?;
        }
        Ok(counts)
    }
}

/// Iterates over the fields of a message.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    message: Message<'a>,
    at: usize,
    label: &'static str,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, ModelError>;

    fn next(&mut self) -> Option<Self::Item> {
        let field = self.next_field().transpose();
        if let Some(Err(_)) = field {
            // Nothing can be read behind an error.
            self.at = self.message.bytes.len();
        }
        field
    }
}

impl<'a> Fields<'a> {
    fn next_field(&mut self) -> Result<Option<Field<'a>>, ModelError> {
        while self.at < self.message.bytes.len() {
            let begin = self.at;
            let (number, wire) = self.tag()?;
            match wire {
                3 => self.skip_group(number, begin)?,
                4 => return Err(self.error(begin, "the end of a group", "a field")),
                _ => return self.value(number, wire, begin).map(Some),
            }
        }
        Ok(None)
    }

    /// Passes over a group whose tag has been read.
    fn skip_group(&mut self, number: u32, begin: usize) -> Result<(), ModelError> {
        let mut open = vec![number];
        while let Some(&inner) = open.last() {
            let at = self.at;
            if at >= self.message.bytes.len() {
                return Err(self.error(begin, "a group that does not end", "its end"));
            }
            match self.tag()? {
                (number, 3) if open.len() < MAX_GROUPS => open.push(number),
                (_, 3) => {
                    return Err(self.error(at, "groups in groups, 64 deep", "fewer"));
                }
                (number, 4) if number == inner => drop(open.pop()),
                (_, 4) => {
                    return Err(self.error(at, "the end of another group", "that of this one"));
                }
                (number, wire) => drop(self.value(number, wire, at)?),
            }
        }
        Ok(())
    }

    /// The number of a field and the three bits that say how it is encoded.
    fn tag(&mut self) -> Result<(u32, u8), ModelError> {
        let begin = self.at;
        let tag = self.varint()?;
        let number = tag >> 3;
        match u32::try_from(number) {
            Ok(narrow) if (1..=MAX_FIELD).contains(&number) => Ok((narrow, (tag & 7) as u8)),
            _ => Err(self.error(
                begin,
                &format!("a field with number {number}"),
                "a number from 1 to 536870911",
            )),
        }
    }

    fn value(&mut self, number: u32, wire: u8, begin: usize) -> Result<Field<'a>, ModelError> {
        let (wire, length) = match wire {
            0 => {
                let at = self.at;
                self.varint()?;
                let length = self.at - at;
                self.at = at;
                (Wire::Varint, length as u64)
            }
            1 => (Wire::Bits64, 8),
            2 => (Wire::Slice, self.varint()?),
            5 => (Wire::Bits32, 4),
            _ => {
                let found = format!("field {number} with wire type {wire}");
                return Err(self.error(begin, &found, "wire type 0 to 5"));
            }
        };
        let left = self.message.bytes.len() - self.at;
        let Some(length) = usize::try_from(length).ok().filter(|&n| n <= left) else {
            let found = format!("field {number} of {length} bytes, of which {left} are there");
            return Err(self.error(begin, &found, "a field that ends within its message"));
        };
        let field = Field {
            number,
            wire,
            raw: &self.message.bytes[self.at..self.at + length],
            at: self.message.start + self.at,
        };
        self.at += length;
        Ok(field)
    }

    fn varint(&mut self) -> Result<u64, ModelError> {
        match varint(&self.message.bytes[self.at..]) {
            Some((value, length)) => {
                self.at += length;
                Ok(value)
            }
            None => Err(self.error(
                self.at,
                "a varint that does not end",
                "at most ten bytes within the message",
            )),
        }
    }

    fn error(&self, at: usize, found: &str, expected: &str) -> ModelError {
        malformed(self.label, self.message.start + at, found, expected)
    }
}

impl<'a> Field<'a> {
    /// The value as it is encoded, without tag and length.
    pub(crate) const fn raw(self) -> &'a [u8] {
        self.raw
    }

    /// A slice; `label` names the field in errors, here and below.
    pub(crate) fn bytes(self, label: &'static str) -> Result<&'a [u8], ModelError> {
        self.expect(Wire::Slice, label)?;
        Ok(self.raw)
    }

    /// A nested message.
    pub(crate) fn message(self, label: &'static str) -> Result<Message<'a>, ModelError> {
        Ok(Message {
            bytes: self.bytes(label)?,
            start: self.at,
        })
    }

    /// Text.
    pub(crate) fn text(self, label: &'static str) -> Result<&'a str, ModelError> {
        std::str::from_utf8(self.bytes(label)?).map_err(|error| {
            let at = self.at + error.valid_up_to();
            malformed(label, at, "bytes that are not UTF-8", "text")
        })
    }

    /// A whole number.
    pub(crate) fn int(self, label: &'static str) -> Result<i64, ModelError> {
        self.expect(Wire::Varint, label)?;
        // It was read once already.
        Ok(varint(self.raw).map_or(0, |(value, _)| value as i64))
    }

    /// A whole number of 32 bits; bits beyond them are dropped, as protobuf asks for.
    pub(crate) fn int32(self, label: &'static str) -> Result<i32, ModelError> {
        Ok(self.int(label)? as i32)
    }

    /// A number of 32 bits in floating point.
    pub(crate) fn float(self, label: &'static str) -> Result<f32, ModelError> {
        self.expect(Wire::Bits32, label)?;
        Ok(f32_of(self.raw))
    }

    /// Calls `each` with the numbers of a repeated field, packed or not.
    pub(crate) fn ints(
        self,
        label: &'static str,
        mut each: impl FnMut(i64),
    ) -> Result<(), ModelError> {
        if self.wire != Wire::Slice {
            each(self.int(label)?);
            return Ok(());
        }
        let mut at = 0;
        while at < self.raw.len() {
            let Some((value, length)) = varint(&self.raw[at..]) else {
                let expected = "at most ten bytes within the field";
                return Err(malformed(
                    label,
                    self.at + at,
                    "a varint that does not end",
                    expected,
                ));
            };
            each(value as i64);
            at += length;
        }
        Ok(())
    }

    /// Calls `each` with the numbers of a repeated field, packed or not.
    pub(crate) fn floats(
        self,
        label: &'static str,
        mut each: impl FnMut(f32),
    ) -> Result<(), ModelError> {
        if self.wire != Wire::Slice {
            each(self.float(label)?);
            return Ok(());
        }
        if !self.raw.len().is_multiple_of(4) {
            let found = format!("{} packed bytes", self.raw.len());
            return Err(malformed(label, self.at, &found, "four for each number"));
        }
        self.raw
            .chunks_exact(4)
            .for_each(|bytes| each(f32_of(bytes)));
        Ok(())
    }

    /// Where this field is, for errors about it.
    pub(crate) fn place(self, label: &'static str) -> String {
        format!("{label} at byte {}", self.at)
    }

    /// An error about this field.
    pub(crate) fn error(self, label: &'static str, found: &str, expected: &str) -> ModelError {
        malformed(label, self.at, found, expected)
    }

    fn expect(self, wire: Wire, label: &'static str) -> Result<(), ModelError> {
        if self.wire == wire {
            return Ok(());
        }
        Err(self.error(label, self.wire.name(), wire.name()))
    }
}

/// Checks how many fields a message has.
pub(crate) fn check_fields(label: &'static str, found: u64) -> Result<(), ModelError> {
    if found <= MAX_FIELDS {
        return Ok(());
    }
    Err(ModelError::TooLarge {
        what: format!("fields of {label}"),
        found,
        limit: MAX_FIELDS,
    })
}

/// The number at the start of a slice and how many bytes it has.
pub(crate) fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (i, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            return Some((value, i + 1));
        }
    }
    None
}

fn f32_of(bytes: &[u8]) -> f32 {
    f32::from_le_bytes(bytes.try_into().unwrap_or_default())
}

fn malformed(label: &str, at: usize, found: &str, expected: &str) -> ModelError {
    ModelError::Malformed {
        place: format!("{label} at byte {at}"),
        found: found.into(),
        expected: expected.into(),
    }
}
