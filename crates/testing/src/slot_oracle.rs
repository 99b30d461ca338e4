//! Which tensors may take the bytes of another one, by definition. Computes with the bytes of the
//! plan alone, and shares no code with the library's claims and transfers.

use orionrt_plan::{Plan, TensorId};

/// Whether a tensor's bytes may go to all of these at once: they lie within it, apart from each
/// other, and are alive at some step.
pub fn can_split(plan: &Plan, from: TensorId, to: &[TensorId]) -> bool {
    let bytes = |id| plan.bytes(id).expect("it is in the plan");
    let whole = bytes(from);
    let fits = |&id: &TensorId| {
        let (part, row) = (bytes(id), plan.lifetimes().rows()[id.index()]);
        let is_never_alive = row.lower == row.upper && row.size > 0;
        let is_within = whole.start <= part.start && part.end <= whole.end;
        !is_never_alive && (part.is_empty() || is_within)
    };
    let apart = |(at, &id): (usize, &TensorId)| {
        let one = bytes(id);
        let mut others = to[..at].iter().map(|&other| bytes(other));
        others.all(|other| one.start.max(other.start) >= one.end.min(other.end))
    };
    to.iter().all(fits) && to.iter().enumerate().all(apart)
}

/// Whether these tensors, each with its bytes, can become this one: every byte of it is in exactly
/// one of them, and they have no other bytes.
pub fn can_join(plan: &Plan, parts: &[TensorId], to: TensorId) -> bool {
    let bytes = |id| plan.bytes(id).expect("it is in the plan");
    let whole = bytes(to);
    let holders = |byte| {
        parts
            .iter()
            .filter(|&&part| bytes(part).contains(&byte))
            .count()
    };
    let mut of_parts = parts.iter().flat_map(|&part| bytes(part));
    !whole.is_empty()
        && whole.clone().all(|byte| holders(byte) == 1)
        && of_parts.all(|byte| whole.contains(&byte))
}
