//! Bytes as a profile: decompressed if they are compressed, then read message by message.
//!
//! Stands on `unresolved` and `resolve`. Invariant: no more is decompressed than `limits` allows.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::error::ReadError;
use crate::limits;
use crate::profile::Profile;
use crate::unresolved::Unresolved;
use crate::wire::Message;

const GZIP: &[u8] = &[0x1f, 0x8b];

/// Whether a file that begins with these bytes, some hundred at least, is likely to be a profile.
/// For one that begins otherwise than usual the answer is no, though [`Profile::read`] takes it.
pub fn is_profile(head: &[u8]) -> bool {
    let mut begin = [0; 3];
    let is_read = match head.starts_with(GZIP) {
        true => MultiGzDecoder::new(head).read_exact(&mut begin).is_ok(),
        false => (&mut &*head).read_exact(&mut begin).is_ok(),
    };
    // The first sample type, a message of a few bytes, with its kind.
    is_read && begin[0] == 0x0a && (2..16).contains(&begin[1]) && begin[2] == 0x08
}

impl Profile {
    /// Reads a profile, compressed by gzip or not.
    ///
    /// # Errors
    ///
    /// If it is not one, is not consistent, or is larger than profiles are: above 64 MiB without
    /// compression, or with more than 500,000 samples, locations or functions.
    pub fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        let mut decompressed = Vec::new();
        let bytes = if bytes.starts_with(GZIP) {
            let reader = MultiGzDecoder::new(bytes).take(limits::BYTES as u64 + 1);
            let read = { reader }.read_to_end(&mut decompressed);
            read.map_err(|error| ReadError::Gzip(error.to_string()))?;
            &decompressed[..]
        } else {
            bytes
        };
        if bytes.len() > limits::BYTES {
            return Err(ReadError::TooLarge {
                limit: limits::BYTES,
            });
        }
        let mut unresolved = Unresolved::default();
        let mut message = Message::new(bytes);
        while let Some(field) = message.next_field()? {
            unresolved.field(field)?;
        }
        unresolved.resolve()
    }
}
