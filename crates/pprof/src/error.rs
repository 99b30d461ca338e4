//! Why bytes are no profile.

use std::fmt;

/// Why bytes are no profile, or none that is read.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// It is not compressed as it says.
    Gzip(String),
    /// It is larger than a profile may be when it is decompressed.
    TooLarge {
        /// The most bytes.
        limit: usize,
    },
    /// A value is longer than what is left of its message, or of the file.
    Truncated {
        /// The byte of the decompressed file.
        at: usize,
    },
    /// A number has more than 64 bits.
    LongNumber {
        /// The byte of the decompressed file.
        at: usize,
    },
    /// A field has another wire type, as protobuf calls it, than its values have.
    WireType {
        /// The byte of the decompressed file.
        at: usize,
        /// The number of the field.
        field: u64,
        /// The wire type that the field has.
        found: u8,
        /// Those that it may have.
        expected: &'static str,
    },
    /// There is more of something than is read.
    TooMany {
        /// What it is, in the plural.
        what: &'static str,
        /// How many may be there.
        limit: usize,
    },
    /// Nothing has the number by which something is named.
    Unknown {
        /// What it should be.
        what: &'static str,
        /// The number.
        id: u64,
    },
    /// Two things have the same number.
    Twice {
        /// What they are.
        what: &'static str,
        /// The number.
        id: u64,
    },
    /// A sample has another number of values than the profile has types.
    Values {
        /// The number of the sample, from 0.
        sample: usize,
        /// How many values it has.
        found: usize,
        /// How many types there are.
        expected: usize,
    },
    /// Nothing says what is counted.
    NoTypes,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gzip(error) => write!(f, "cannot be decompressed: {error}"),
            Self::TooLarge { limit } => write!(f, "is more than {limit} bytes, decompressed"),
            Self::Truncated { at } => write!(
                f,
                "is damaged or not complete: the value at byte {at} goes past the end"
            ),
            Self::LongNumber { at } => {
                write!(f, "is damaged: the number at byte {at} has over 64 bits")
            }
            Self::WireType {
                at,
                field,
                found,
                expected,
            } => write!(
                f,
                "is damaged: field {field} at byte {at} has wire type {found}, expected {expected}"
            ),
            Self::TooMany { what, limit } => write!(f, "has more than {limit} {what}"),
            Self::Unknown { what, id } => write!(f, "names {what} {id}, which is not there"),
            Self::Twice { what, id } => write!(f, "has {what} {id} twice"),
            Self::Values {
                sample,
                found,
                expected,
            } => write!(
                f,
                "sample {sample} has {found} values, expected one for each of {expected} types"
            ),
            Self::NoTypes => f.write_str("is no profile in pprof's format: it has no sample types"),
        }
    }
}

impl std::error::Error for ReadError {}
