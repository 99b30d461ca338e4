//! The allocations and frees of a plan, in order.
//!
//! Stands on the library. Invariant: at each step tensors are freed before others are allocated, so
//! that no two that are allocated at once have a byte in common.

#![forbid(unsafe_code)]

use orionrt::{Plan, TensorId};

/// A tensor gets its bytes or gives them up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Event {
    pub(super) step: i64,
    /// Frees are less than allocations.
    pub(super) action: Action,
    /// The number of the tensor.
    pub(super) tensor: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    Free,
    Allocate,
}

/// All events of tensors that have bytes of their own, one pair for each range of steps at which
/// one is alive.
pub(super) fn events(plan: &Plan) -> Vec<Event> {
    let lifetimes = plan.lifetimes();
    let tensors = lifetimes.iter().filter(|(_, _, row)| row.occupies());
    let ranges =
        tensors.flat_map(|(id, _, _)| lifetimes.live_ranges(id).map(move |range| (id, range)));
    let mut events: Vec<_> = ranges
        .flat_map(|(id, range)| {
            let event = |step, action| event(id, step, action);
            [
                event(range.start, Action::Allocate),
                event(range.end, Action::Free),
            ]
        })
        .collect();
    events.sort_unstable();
    events
}

fn event(id: TensorId, step: i64, action: Action) -> Event {
    Event {
        step,
        action,
        tensor: id.index(),
    }
}
