//! The binary's own heap: OrionAlloc, with a decay that suits slow inferences.
//!
//! Stands on the library. It is made before anything runs, so it is a constant.

use std::time::Duration;

use orionrt::{OrionAlloc, heap::Decay};

/// Inference in a debug build takes seconds on a busy machine, and each inference needs the pages
/// that the previous one freed.
const DECAY: Decay = Decay::After(Duration::from_secs(30));

/// The heap.
#[must_use]
pub const fn own_heap() -> OrionAlloc {
    OrionAlloc::new().with_decay(DECAY)
}
