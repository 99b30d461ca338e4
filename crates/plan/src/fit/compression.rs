//! Which tensors may be kept in compressed form while they are idle, and how.
//!
//! Stands on the ids. Plain values: [`Planner::fit`](crate::Planner::fit) checks them.

use alloc::collections::BTreeMap;

use crate::ids::TensorId;

/// How many bytes the compressed form of a tensor has.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum CompressedSize {
    /// The tensor's bytes over this number, rounded up: 2 for half of them.
    Ratio(f64),
    /// This many, whatever the size of the tensor.
    Bytes(u64),
}

/// How a tensor is compressed: to how many bytes, and how fast.
///
/// Speeds count the bytes of the tensor, not those of its compressed form, as benchmarks of
/// compressors do.
///
/// ```
/// use orionrt_plan::fit::Codec;
/// let codec = Codec::with_ratio(3.0, 1e9).expand_bytes_per_second(4e9);
/// assert_eq!(codec.compressed_bytes(1000), Some(334));
/// assert_eq!(Codec::with_ratio(1.0, 1e9).compressed_bytes(1000), None);
/// assert_eq!(Codec::with_bytes(600, 1e9).compressed_bytes(500), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Codec {
    /// The bytes of the compressed form.
    pub size: CompressedSize,
    /// The bytes of a tensor that are compressed in a second.
    pub compress_bytes_per_second: f64,
    /// The bytes of a tensor that are expanded in a second.
    pub expand_bytes_per_second: f64,
}

impl Codec {
    /// A codec whose compressed form has the tensor's bytes over `ratio`, which is above 1 for a
    /// codec of use. It compresses and expands at `bytes_per_second`.
    #[must_use]
    pub const fn with_ratio(ratio: f64, bytes_per_second: f64) -> Self {
        Self::new(CompressedSize::Ratio(ratio), bytes_per_second)
    }

    /// A codec whose compressed form has this many bytes. It compresses and expands at
    /// `bytes_per_second`.
    #[must_use]
    pub const fn with_bytes(bytes: u64, bytes_per_second: f64) -> Self {
        Self::new(CompressedSize::Bytes(bytes), bytes_per_second)
    }

    const fn new(size: CompressedSize, bytes_per_second: f64) -> Self {
        Self {
            size,
            compress_bytes_per_second: bytes_per_second,
            expand_bytes_per_second: bytes_per_second,
        }
    }

    /// Sets the bytes of a tensor that are compressed in a second.
    #[must_use]
    pub const fn compress_bytes_per_second(mut self, bytes: f64) -> Self {
        self.compress_bytes_per_second = bytes;
        self
    }

    /// Sets the bytes of a tensor that are expanded in a second.
    #[must_use]
    pub const fn expand_bytes_per_second(mut self, bytes: f64) -> Self {
        self.expand_bytes_per_second = bytes;
        self
    }

    /// The most bytes that the compressed form of a tensor of `size` bytes has; `None` where it
    /// would be no smaller than the tensor, which then is never compressed.
    #[must_use]
    pub fn compressed_bytes(&self, size: u64) -> Option<u64> {
        let bytes = match self.size {
            CompressedSize::Bytes(bytes) => bytes,
            CompressedSize::Ratio(ratio) if ratio > 1.0 => divided(size, ratio),
            CompressedSize::Ratio(_) => return None,
        };
        (bytes < size).then_some(bytes)
    }
}

/// A quotient, rounded up.
fn divided(size: u64, ratio: f64) -> u64 {
    let exact = size as f64 / ratio;
    let below = exact as u64;
    below.saturating_add(u64::from((below as f64) < exact))
}

/// Which tensors may be kept in compressed form while they are idle, and how each is compressed.
///
/// The compressed form lies in the fast memory, beside the tensors in use. A tensor whose bytes
/// hold others, such as its views, is compressed as a whole, by its own codec. What is compressed
/// has to come back bit for bit, and in no more bytes than its codec says.
///
/// ```
/// use orionrt_plan::{TensorId, fit::{Codec, Compression}};
/// let [image, noise] = [0, 1].map(TensorId::new);
/// let compression = Compression::all(Codec::with_ratio(2.0, 1e9))
///     .tensor(image, Codec::with_ratio(8.0, 5e8))
///     .never(noise);
/// assert_eq!(compression.codec(image).unwrap().compressed_bytes(800), Some(100));
/// assert!(compression.codec(noise).is_none());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Compression {
    default: Option<Codec>,
    tensors: BTreeMap<TensorId, Option<Codec>>,
}

impl Compression {
    /// No tensor is compressed, until some are [named](Self::tensor).
    #[must_use]
    pub const fn new() -> Self {
        Self {
            default: None,
            tensors: BTreeMap::new(),
        }
    }

    /// All tensors may be compressed by this codec.
    #[must_use]
    pub const fn all(codec: Codec) -> Self {
        Self {
            default: Some(codec),
            tensors: BTreeMap::new(),
        }
    }

    /// One tensor may be compressed by a codec of its own.
    #[must_use]
    pub fn tensor(mut self, id: TensorId, codec: Codec) -> Self {
        self.tensors.insert(id, Some(codec));
        self
    }

    /// One tensor is never compressed.
    #[must_use]
    pub fn never(mut self, id: TensorId) -> Self {
        self.tensors.insert(id, None);
        self
    }

    /// The codec of a tensor; `None` if it is never compressed.
    #[must_use]
    pub fn codec(&self, id: TensorId) -> Option<&Codec> {
        match self.tensors.get(&id) {
            Some(own) => own.as_ref(),
            None => self.default.as_ref(),
        }
    }

    /// All codecs, with the tensors that have their own.
    pub(super) fn codecs(&self) -> impl Iterator<Item = (Option<TensorId>, Option<&Codec>)> {
        let own = self.tensors.iter();
        let own = own.map(|(&id, codec)| (Some(id), codec.as_ref()));
        own.chain([(None, self.default.as_ref())])
    }
}
