//! What a heap and its purger share, beside the pages.

#![forbid(unsafe_code)]

use core::sync::atomic::AtomicBool;

use orionrt_sys::bell::Bell;

/// The words through which a heap and its purger talk; all zero is a heap without one.
#[derive(Debug)]
pub(super) struct PurgerState {
    /// Rung when there is something to do, or when the purger is to end.
    pub(super) bell: Bell,
    /// Whether there is a purger.
    pub(super) exists: AtomicBool,
    /// Whether it is to end.
    pub(super) ends: AtomicBool,
}
