//! The pools that PyTorch's allocator keeps segments in.
//!
//! Stands on nothing. A request is served from segments of its stream and, among these, from those
//! for small requests or from those for large ones. Private pools, as those of CUDA graphs, are not
//! told apart: events do not name them.

#![forbid(unsafe_code)]

/// The largest request that is served from segments for small ones.
const SMALL_REQUEST: u64 = 1 << 20;
/// The bytes of a segment for small requests; those for large ones have more.
const SMALL_SEGMENT: u64 = 2 << 20;

/// The segments that serve the same requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pool {
    pub(crate) stream: u64,
    pub(crate) is_large: bool,
}

impl Pool {
    /// The pool that serves a request.
    pub(crate) fn of_request(stream: u64, size: u64) -> Self {
        let is_large = size > SMALL_REQUEST;
        Self { stream, is_large }
    }

    /// The pool of a segment that an event tells of.
    pub(crate) fn of_segment(stream: u64, size: u64) -> Self {
        let is_large = size > SMALL_SEGMENT;
        Self { stream, is_large }
    }

    /// `large blocks of stream 7`
    pub(crate) fn name(self) -> String {
        let size = if self.is_large { "large" } else { "small" };
        format!("{size} blocks of {}", stream_name(self.stream))
    }
}

/// `stream 7`; a pointer in hexadecimal digits.
pub(crate) fn stream_name(stream: u64) -> String {
    match stream {
        0..0x1_0000 => format!("stream {stream}"),
        _ => format!("stream {stream:#x}"),
    }
}
