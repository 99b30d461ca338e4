//! How deep a stack is captured by those who keep it.
//!
//! Stands on nothing.

/// The most addresses of a stack that a [`StackRecorder`](crate::StackRecorder) captures, from the
/// innermost one on.
pub const MOST_ADDRESSES: usize = 128;
