//! What a chunk has in its words: events, and what says where they come from.
//!
//! ```text
//!   the stack of the thread's next event    number (32 bits), from bit 4 on │ 8
//!   a stack    number of frames (16 bits), from bit 36 on │ number (32) │ 13
//!              the return addresses, innermost first
//!   a module   bytes of the path (16 bits), from bit 36 on │ 14
//!              the first address, the address after the last one, and the byte of the file
//!              the path, in whole words
//! ```
//!
//! Invariant: an item is decoded as what was encoded, or is refused.

#[cfg(not(loom))]
use crate::event::Event;

/// What the lowest four bits of an item's first word are, where it is no event.
pub(crate) const OF_NEXT: u64 = 8;
pub(crate) const STACK: u64 = 13;
pub(crate) const MODULE: u64 = 14;

pub(crate) const NUMBER_SHIFT: u32 = 4;
pub(crate) const LEN_SHIFT: u32 = 36;
/// The most frames of a stack, and bytes of a path.
pub(crate) const MOST_LEN: usize = u16::MAX as usize;

/// The words of a module before its path.
pub(crate) const MODULE_WORDS: usize = 4;

/// An item of a chunk.
#[cfg(not(loom))]
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item<'a> {
    Event(Event),
    /// The stack of the next event.
    OfNext(u32),
    /// A stack and its frames, as bytes.
    Stack(u32, &'a [u8]),
    /// A module, and the bytes of its path.
    Module([u64; 3], &'a [u8]),
}

/// Why an item is not decoded.
#[cfg(not(loom))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// There is no such kind.
    Kind,
    /// It has more words than there are.
    Cut,
}

#[cfg(not(loom))]
impl<'a> Item<'a> {
    /// The item that bytes begin with, after an event with these ticks, and how many words it has;
    /// the bytes are whole words, at least one.
    pub(crate) fn decode(bytes: &'a [u8], before: u64) -> Result<(Self, usize), Broken> {
        let words = first_words(bytes);
        let first = words[0];
        let number = (first >> NUMBER_SHIFT) as u32;
        let len = (first >> LEN_SHIFT) as usize & MOST_LEN;
        let (item, words) = match first & 15 {
            OF_NEXT => (Self::OfNext(number), 1),
            STACK => {
                let frames = bytes.get(8..8 + len * 8).ok_or(Broken::Cut)?;
                (Self::Stack(number, frames), 1 + len)
            }
            MODULE => {
                let start = MODULE_WORDS * 8;
                let path = bytes.get(start..start + len).ok_or(Broken::Cut)?;
                let range = core::array::from_fn(|at| word(bytes, 1 + at));
                (Self::Module(range, path), MODULE_WORDS + len.div_ceil(8))
            }
            _ => {
                let (event, len) = Event::decode(words, before).ok_or(Broken::Kind)?;
                (Self::Event(event), len)
            }
        };
        if bytes.len() < words * 8 {
            return Err(Broken::Cut);
        }
        Ok((item, words))
    }
}

/// The words that an event may have, zeros where there are fewer.
#[cfg(not(loom))]
pub(crate) fn first_words(bytes: &[u8]) -> [u64; Event::MOST_WORDS] {
    core::array::from_fn(|at| match bytes.len() {
        len if len >= (at + 1) * 8 => word(bytes, at),
        _ => 0,
    })
}

/// A word; the caller has checked that it is there.
#[cfg(not(loom))]
pub(crate) fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at * 8..][..8]);
    u64::from_ne_bytes(word)
}
