//! The settings of a heap, which are fixed when it is made.

#![forbid(unsafe_code)]

#[cfg(feature = "profile")]
use super::sampling::Sampling;
use super::{decay::Decay, limits::Limits};
use crate::arena::HugePages;

/// The settings of a heap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    /// Bytes of address space of the first zone, a power of two; 0 is a size for this machine.
    pub(crate) first_zone: usize,
    pub(crate) decay: Decay,
    pub(crate) huge_pages: HugePages,
    /// What it starts with; a block of `usize::MAX` is one of this machine's size.
    pub(crate) limits: Limits,
    /// Whether every call takes the slow path, where an observer sees it.
    pub(crate) is_observed: bool,
    #[cfg(feature = "profile")]
    pub(crate) sampling: Option<Sampling>,
}
