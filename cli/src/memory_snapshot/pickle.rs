//! A writer of pickles, protocol 2.
//!
//! Stands on `std`. Values are written in the order of the file, so that memory does not grow with
//! it. Of the opcodes that Python has, those are used that PyTorch's viewer knows. Invariant: a
//! value that is memoised is written before the first reference to it.

#![forbid(unsafe_code)]

use std::{
    collections::HashMap,
    io::{self, Write},
};

/// The most items that are appended to a list at once. Python's own pickle writes as many, and the
/// viewer holds them on its stack.
pub(super) const BATCH: usize = 1000;

/// A value that can be referred to again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memo(u32);

/// Writes the values of a pickle.
pub(super) struct Pickler<'o> {
    output: &'o mut dyn Write,
    memos: u32,
    /// Texts that are written once.
    texts: HashMap<&'static str, Memo>,
}

impl<'o> Pickler<'o> {
    pub(super) fn begin(output: &'o mut dyn Write) -> io::Result<Self> {
        output.write_all(b"\x80\x02")?;
        Ok(Self {
            output,
            memos: 0,
            texts: HashMap::new(),
        })
    }

    pub(super) fn end(self) -> io::Result<()> {
        self.output.write_all(b".")
    }

    /// A list without items.
    pub(super) fn list(&mut self) -> io::Result<()> {
        self.output.write_all(b"]")
    }

    /// Begins the items of the list before them; [`items_end`](Self::items_end) appends them.
    pub(super) fn items_begin(&mut self) -> io::Result<()> {
        self.output.write_all(b"(")
    }

    pub(super) fn items_end(&mut self) -> io::Result<()> {
        self.output.write_all(b"e")
    }

    /// Begins a dictionary, of which each field is a [`name`](Self::name) and a value.
    pub(super) fn dict_begin(&mut self) -> io::Result<()> {
        self.output.write_all(b"}(")
    }

    pub(super) fn dict_end(&mut self) -> io::Result<()> {
        self.output.write_all(b"u")
    }

    /// A text that stands at many places.
    pub(super) fn name(&mut self, name: &'static str) -> io::Result<()> {
        match self.texts.get(name) {
            Some(&memo) => self.again(memo),
            None => {
                self.text(name)?;
                let memo = self.memoise()?;
                self.texts.insert(name, memo);
                Ok(())
            }
        }
    }

    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        let length = u32::try_from(text.len()).map_err(io::Error::other)?;
        self.output.write_all(b"X")?;
        self.output.write_all(&length.to_le_bytes())?;
        self.output.write_all(text.as_bytes())
    }

    pub(super) fn bool(&mut self, value: bool) -> io::Result<()> {
        self.output.write_all(if value { b"\x88" } else { b"\x89" })
    }

    pub(super) fn integer(&mut self, value: u64) -> io::Result<()> {
        let bytes = value.to_le_bytes();
        match value {
            0..=0xff => self.output.write_all(&[b'K', bytes[0]]),
            0x100..=0xffff => self.output.write_all(&[b'M', bytes[0], bytes[1]]),
            _ => {
                // One bit more than the number has, which is its sign.
                let length = (65 - value.leading_zeros()).div_ceil(8) as u8;
                let (signed, length) = (u128::from(value).to_le_bytes(), usize::from(length));
                self.output.write_all(&[0x8a, length as u8])?;
                self.output.write_all(&signed[..length])
            }
        }
    }

    /// A tuple of two zeros.
    pub(super) fn zeros(&mut self) -> io::Result<()> {
        self.output.write_all(b"K\0K\0\x86")
    }

    /// Makes the last value one that can be referred to [again](Self::again).
    pub(super) fn memoise(&mut self) -> io::Result<Memo> {
        let memo = Memo(self.memos);
        let next = self.memos.checked_add(1);
        self.memos = next.ok_or_else(|| io::Error::other("more than 2^32 values"))?;
        match u8::try_from(memo.0) {
            Ok(byte) => self.output.write_all(&[b'q', byte])?,
            Err(_) => {
                self.output.write_all(b"r")?;
                self.output.write_all(&memo.0.to_le_bytes())?;
            }
        }
        Ok(memo)
    }

    /// A value that was written before.
    pub(super) fn again(&mut self, memo: Memo) -> io::Result<()> {
        match u8::try_from(memo.0) {
            Ok(byte) => self.output.write_all(&[b'h', byte]),
            Err(_) => {
                self.output.write_all(b"j")?;
                self.output.write_all(&memo.0.to_le_bytes())
            }
        }
    }
}
