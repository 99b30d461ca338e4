//! The bytes in front of a copy of a file: new tables that lead to the old ones.
//!
//! Stands on nothing. Offsets of a flatbuffer point forward only, so the new tables must lie
//! before the old ones. Invariants: the old file follows at a multiple of 16 bytes, so that its
//! parts stay aligned; whatever is written is aligned to its own size.

/// The alignment of a buffer's data, the largest of the schema.
const ALIGNMENT: usize = 16;

/// A table that has been written: where it lies, and where its fields are.
#[derive(Debug)]
pub(crate) struct Fields {
    at: usize,
    /// For each slot: the place of the field from the start of the table, 0 for none.
    places: Vec<usize>,
}

/// Bytes that the old file is going to follow.
#[derive(Debug, Default)]
pub(crate) struct Front {
    bytes: Vec<u8>,
    /// Places of offsets that lead into the old file, and where they lead to.
    to_old: Vec<(usize, usize)>,
}

impl Front {
    /// A place for the offset to the root, and the file's identifier.
    pub(crate) fn new(identifier: &[u8]) -> Self {
        let mut front = Self::default();
        front.word(0);
        front.bytes.extend_from_slice(identifier);
        front
    }

    fn word(&mut self, word: u32) {
        self.bytes.extend_from_slice(&word.to_le_bytes());
    }

    /// Fills up until something of so many bytes, `before` bytes from here, is aligned.
    fn align(&mut self, before: usize, alignment: usize) {
        let end = (self.bytes.len() + before).next_multiple_of(alignment) - before;
        self.bytes.resize(end, 0);
    }

    /// A table of four-byte fields in these slots, all zero.
    pub(crate) fn table(&mut self, slots: &[u16]) -> Fields {
        let count = slots.iter().map(|&slot| usize::from(slot) + 1).max();
        let mut places = vec![0; count.unwrap_or(0)];
        for (position, &slot) in slots.iter().enumerate() {
            places[usize::from(slot)] = 4 + 4 * position;
        }
        self.align(0, 4);
        let vtable = self.bytes.len();
        let sizes = [4 + 2 * places.len(), 4 + 4 * slots.len()];
        for half in sizes.iter().chain(&places) {
            let half = u16::try_from(*half).unwrap_or(u16::MAX);
            self.bytes.extend_from_slice(&half.to_le_bytes());
        }
        self.align(0, 4);
        let at = self.bytes.len();
        // Signed, and subtracted: the virtual table lies before the table.
        self.word((at - vtable) as u32);
        for _ in slots {
            self.word(0);
        }
        Fields { at, places }
    }

    /// A vector of four-byte elements, all zero: where its elements begin.
    pub(crate) fn vector(&mut self, len: usize) -> usize {
        self.align(0, 4);
        self.word(u32::try_from(len).unwrap_or(u32::MAX));
        let at = self.bytes.len();
        self.bytes.resize(at + 4 * len, 0);
        at
    }

    /// A vector of bytes, aligned as the data of a buffer is: where it lies.
    pub(crate) fn data(&mut self, bytes: &[u8]) -> usize {
        self.align(4, ALIGNMENT);
        let at = self.bytes.len();
        self.word(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.bytes.extend_from_slice(bytes);
        at
    }

    /// A string: where it lies.
    pub(crate) fn string(&mut self, text: &str) -> usize {
        let at = self.data(text.as_bytes());
        self.bytes.push(0);
        at
    }

    /// Writes a number at a place.
    pub(crate) fn set(&mut self, place: usize, number: u32) {
        self.bytes[place..place + 4].copy_from_slice(&number.to_le_bytes());
    }

    /// Makes the offset at a place lead to something that was written after it.
    pub(crate) fn lead(&mut self, place: usize, target: usize) {
        self.set(place, (target - place) as u32);
    }

    /// Makes the offset at a place lead to something in the old file.
    pub(crate) fn lead_to_old(&mut self, place: usize, target: usize) {
        self.to_old.push((place, target));
    }

    /// The new file. `None` if it is larger than a flatbuffer may be, 2 GiB.
    pub(crate) fn finish(mut self, old: &[u8]) -> Option<Vec<u8>> {
        self.align(0, ALIGNMENT);
        let start = self.bytes.len();
        let end = start.checked_add(old.len())?;
        i32::try_from(end).ok()?;
        for (place, target) in std::mem::take(&mut self.to_old) {
            self.lead(place, start + target);
        }
        self.bytes.extend_from_slice(old);
        Some(self.bytes)
    }
}

impl Fields {
    /// Where the table lies.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Where a field lies.
    pub(crate) fn place(&self, slot: u16) -> usize {
        self.at + self.places[usize::from(slot)]
    }
}
