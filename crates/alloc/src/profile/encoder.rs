//! Protocol buffers, as far as a profile needs them: fields of integers, bytes and messages.
//!
//! Stands on nothing. `crates/pprof` writes the same format, but in memory that it allocates; this
//! is written inside `malloc`. A test of `crates/preload` reads what is written here with
//! `crates/pprof`.
//!
//! Invariant: nothing here allocates. After the first write that fails, nothing more is written.

#![forbid(unsafe_code)]

/// The bytes of the longest message inside the profile: a sample with a deep stack.
const MOST_MESSAGE: usize = 2048;

/// A message that is being put together; what is beyond its room is cut off.
#[derive(Debug)]
pub(super) struct Message {
    bytes: [u8; MOST_MESSAGE],
    len: usize,
}

impl Message {
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds an integer; fields of 0 are left out, as that is their default.
    pub(super) fn integer(&mut self, field: u32, value: u64) {
        if value != 0 {
            self.varint(u64::from(field) << 3);
            self.varint(value);
        }
    }

    /// Adds an integer of a repeated field.
    pub(super) fn item(&mut self, field: u32, value: u64) {
        self.varint(u64::from(field) << 3);
        self.varint(value);
    }

    fn varint(&mut self, value: u64) {
        let (bytes, len) = varint(value);
        if let Some(place) = self.bytes.get_mut(self.len..self.len + len) {
            place.copy_from_slice(&bytes[..len]);
            self.len += len;
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// What all of it is written through. All zero is an empty one.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: [u8; 4096],
    len: usize,
}

/// Writes the fields of a message.
pub(super) struct Encoder<'e> {
    write: &'e mut dyn FnMut(&[u8]) -> bool,
    buffer: &'e mut Buffer,
    went_well: bool,
    strings: u64,
}

impl<'e> Encoder<'e> {
    /// An encoder that writes with a function, which returns whether that went well.
    pub(super) fn new(write: &'e mut dyn FnMut(&[u8]) -> bool, buffer: &'e mut Buffer) -> Self {
        Self {
            write,
            buffer,
            went_well: true,
            strings: 0,
        }
    }

    pub(super) fn integer(&mut self, field: u32, value: u64) {
        self.varint(u64::from(field) << 3);
        self.varint(value);
    }

    pub(super) fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.put(bytes);
    }

    pub(super) fn message(&mut self, field: u32, message: &Message) {
        self.bytes(field, message.as_bytes());
    }

    /// Adds a string to a repeated field; returns its index there.
    pub(super) fn string(&mut self, field: u32, text: &[u8]) -> u64 {
        self.string_of(field, &[text])
    }

    /// Adds a string, made of parts, to a repeated field; returns its index there.
    pub(super) fn string_of(&mut self, field: u32, parts: &[&[u8]]) -> u64 {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(parts.iter().map(|part| part.len() as u64).sum());
        for part in parts {
            self.put(part);
        }
        self.strings += 1;
        self.strings - 1
    }

    /// Writes what is left; returns whether everything went well.
    pub(super) fn finish(mut self) -> bool {
        self.flush();
        self.went_well
    }

    fn varint(&mut self, value: u64) {
        let (bytes, len) = varint(value);
        self.put(&bytes[..len]);
    }

    fn put(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = &mut self.buffer.bytes[self.buffer.len..];
            let (now, later) = bytes.split_at(bytes.len().min(room.len()));
            room[..now.len()].copy_from_slice(now);
            self.buffer.len += now.len();
            bytes = later;
            if self.buffer.len == self.buffer.bytes.len() {
                self.flush();
            }
        }
    }

    fn flush(&mut self) {
        let bytes = &self.buffer.bytes[..self.buffer.len];
        self.went_well = self.went_well && (self.write)(bytes);
        self.buffer.len = 0;
    }
}

/// An integer in groups of seven bits, and how many there are.
fn varint(mut value: u64) -> ([u8; 10], usize) {
    let (mut bytes, mut len) = ([0; 10], 0);
    loop {
        bytes[len] = value as u8 & 0x7f;
        value >>= 7;
        len += 1;
        if value == 0 {
            return (bytes, len);
        }
        bytes[len - 1] |= 0x80;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_those_of_the_format() {
        for (value, expected) in [
            (0, &[0][..]),
            (127, &[127]),
            (300, &[0xac, 2]),
            (u64::MAX, &[255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
        ] {
            let (bytes, len) = varint(value);
            assert_eq!(&bytes[..len], expected);
        }
    }
}
