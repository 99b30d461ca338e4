//! The allocations and frees of a plan, in order.
//!
//! Stands on the library. A tensor with windows is a block for each of its pieces. Invariant: at
//! each step tensors are freed before others are allocated, so that no two that are allocated at
//! once have a byte in common.

#![forbid(unsafe_code)]

use orionrt::{Plan, TensorId, lifetimes::Piece};

/// A tensor gets its bytes or gives them up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Event {
    pub(super) step: i64,
    /// Frees are less than allocations.
    pub(super) action: Action,
    /// The number of the tensor.
    pub(super) tensor: usize,
    /// Where in the tensor the block begins, and how large it is, in bytes.
    pub(super) start: u64,
    pub(super) size: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    Free,
    Allocate,
}

/// All events of tensors that have bytes of their own, one pair for each range of steps at which
/// one is alive or, with windows, for each of its pieces.
pub(super) fn events(plan: &Plan) -> Vec<Event> {
    let lifetimes = plan.lifetimes();
    let tensors = lifetimes.iter().filter(|(_, _, row)| row.occupies());
    let pieces = tensors.flat_map(|(id, _, _)| lifetimes.pieces(id).map(move |piece| (id, piece)));
    let mut events: Vec<_> = pieces
        .flat_map(|(id, piece)| {
            let event = |step, action| event(id, step, action, &piece);
            [
                event(piece.steps.start, Action::Allocate),
                event(piece.steps.end, Action::Free),
            ]
        })
        .collect();
    events.sort_unstable();
    events
}

fn event(id: TensorId, step: i64, action: Action, piece: &Piece) -> Event {
    Event {
        step,
        action,
        tensor: id.index(),
        start: piece.bytes.start,
        size: piece.bytes.end - piece.bytes.start,
    }
}
