//! What an allocator or a compiler did, as a plan of the same lifetimes.
//!
//! Stands on the facts about a file. Invariant: a plan that is returned has passed [`Plan::new`]:
//! no two live blocks share a byte in it.

#![forbid(unsafe_code)]

use orionrt::{Lifetimes, Plan};

use crate::input::History;

/// The blocks where an allocator had them.
pub(super) fn as_allocated(history: &History, lifetimes: &Lifetimes) -> Option<Plan> {
    let layout = history.layout.as_ref()?;
    Plan::new(lifetimes.clone(), layout.offsets.clone()).ok()
}

/// The values where XLA has them, if its offsets are a valid plan.
pub(super) fn as_xla_has(offsets: &[u64], is_valid: bool, lifetimes: &Lifetimes) -> Option<Plan> {
    let offsets = is_valid.then(|| offsets.to_vec())?;
    let plan = Plan::new(lifetimes.clone(), offsets).ok()?;
    Some(plan.with_strategy("XLA"))
}
