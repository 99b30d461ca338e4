//! Reading lifetimes from idealloc's `.plc` files.
//!
//! Stands on the errors of files. idealloc (Lamprakos et al. 2025) turns traces of programs into
//! this form. A file is a sequence of records of eight words of 64 bits, most significant byte
//! first; lifetimes are half-open.
//!
//! ```text
//! id │ birth │ death │ size │ heap │ offset │ alignment, 0 if none │ bytes that were asked for
//! ```

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use std::io::Read;

use super::error::{FileError, FileMistake, FilePosition};
use crate::lifetimes::{Lifetime, Lifetimes};

const WORD: usize = 8;
const RECORD: usize = 8 * WORD;

impl Lifetimes {
    /// Reads a `.plc` file of idealloc. Where its heap had the buffers is ignored.
    ///
    /// ```
    /// let words = [7u64, 0, 2, 1024, 0, 0, 64, 1000];
    /// let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    /// let lifetimes = orionrt_plan::Lifetimes::read_plc(&bytes[..])?;
    /// assert_eq!(lifetimes.load(), 1024);
    /// assert!(lifetimes.find("7").is_some());
    /// # Ok::<(), orionrt_plan::files::FileError>(())
    /// ```
    ///
    /// # Errors
    /// The first mistake, with its record; see [`FileError`].
    pub fn read_plc(mut input: impl Read) -> Result<Self, FileError> {
        let mut bytes = Vec::new();
        input.read_to_end(&mut bytes)?;
        if bytes.len() % RECORD != 0 {
            let reason = format!(
                "the file has {} bytes, expected a multiple of {RECORD}",
                bytes.len()
            );
            let mistake = FileMistake::Malformed { reason };
            return Err(FileError::new(FilePosition::WholeFile, mistake));
        }
        let records = bytes.chunks_exact(RECORD).enumerate();
        let named: Result<Vec<_>, _> = records.map(|(i, record)| lifetime(i, record)).collect();
        Self::from_named(named?).map_err(|error| {
            let position = FilePosition::Tensor(error.row);
            FileError::new(position, FileMistake::Lifetime(error))
        })
    }
}

fn lifetime(index: usize, record: &[u8]) -> Result<(String, Lifetime), FileError> {
    let word = |at: usize| {
        let bytes = &record[at * WORD..(at + 1) * WORD];
        bytes
            .iter()
            .fold(0u64, |word, byte| word << 8 | u64::from(*byte))
    };
    let step = |column: &'static str, at: usize| {
        i64::try_from(word(at)).map_err(|_| {
            let mistake = FileMistake::BadNumber {
                column,
                value: word(at).to_string(),
                expected: "a whole number from 0 to 2^63 - 1",
            };
            FileError::new(FilePosition::Tensor(index), mistake)
        })
    };
    let lifetime = Lifetime::new(step("birth", 1)?, step("death", 2)?, word(3));
    Ok((word(0).to_string(), lifetime.with_alignment(word(6).max(1))))
}
