//! Types of elements: how many bits an element has, and how many bytes a tensor of them.
//!
//! Stands on nothing. Invariant: a tensor's bytes are whole; elements of less than a byte are
//! packed, and only the last byte of the tensor is filled up.

use std::fmt;

/// The type of a tensor's elements.
///
/// ```
/// use orionrt_models::ElementType;
/// assert_eq!(ElementType::Float32.bytes_of(10), Some(40));
/// assert_eq!(ElementType::Int4.bytes_of(3), Some(2));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names say it all: kind and bits")]
pub enum ElementType {
    Bool,
    Int2,
    Int4,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint2,
    Uint4,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Float4,
    /// Any of the four layouts of eight bits, or a scale of eight bits (E8M0).
    Float8,
    Float16,
    Bfloat16,
    Float32,
    Float64,
    Complex64,
    Complex128,
}

impl ElementType {
    /// The bits of one element.
    #[must_use]
    pub const fn bits(self) -> u64 {
        match self {
            Self::Int2 | Self::Uint2 => 2,
            Self::Int4 | Self::Uint4 | Self::Float4 => 4,
            Self::Bool | Self::Int8 | Self::Uint8 | Self::Float8 => 8,
            Self::Int16 | Self::Uint16 | Self::Float16 | Self::Bfloat16 => 16,
            Self::Int32 | Self::Uint32 | Self::Float32 => 32,
            Self::Int64 | Self::Uint64 | Self::Float64 | Self::Complex64 => 64,
            Self::Complex128 => 128,
        }
    }

    /// The bytes of a tensor with this many elements; `None` if they exceed a `u64`.
    #[must_use]
    pub fn bytes_of(self, elements: u64) -> Option<u64> {
        let bits = u128::from(elements) * u128::from(self.bits());
        u64::try_from(bits.div_ceil(8)).ok()
    }

    /// The alignment of one element in bytes.
    #[must_use]
    pub const fn alignment(self) -> u64 {
        let bytes = self.bits() / 8;
        // A complex number is aligned as its parts are.
        match self {
            Self::Complex64 | Self::Complex128 => bytes / 2,
            _ if bytes == 0 => 1,
            _ => bytes,
        }
    }
}

impl fmt::Display for ElementType {
    /// The name in small letters: `float32`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}").to_lowercase())
    }
}
