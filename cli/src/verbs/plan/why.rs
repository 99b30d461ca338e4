//! Why a capacity is out of reach, for people and for programs.
//!
//! Stands on the library's infeasible sets. Invariant: it is said whether anything is proven.

#![forbid(unsafe_code)]

use orionrt::{
    Lifetimes, Plan, TensorId,
    planner::{InfeasibleReason, InfeasibleSet},
};
use serde::Serialize;

use crate::format::{self, Lines};

/// How many tensors of a set are listed for people.
const LISTED: usize = 12;

/// What is known of a capacity that was not reached.
pub(super) struct Why {
    pub(super) capacity: u64,
    /// Tensors that do not fit together; `None` if nothing is proven.
    pub(super) set: Option<InfeasibleSet>,
}

#[derive(Serialize)]
pub(super) struct Json<'p> {
    /// Whether no plan is within the capacity.
    proven: bool,
    /// The smallest capacity that is known to work.
    smallest_known: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<SetJson<'p>>,
}

#[derive(Serialize)]
struct SetJson<'p> {
    reason: &'static str,
    irreducible: bool,
    bytes: u64,
    /// The steps at which most of them are alive together, and the bytes of these.
    steps: [i64; 2],
    load: u64,
    tensors: Vec<TensorJson<'p>>,
}

#[derive(Serialize)]
struct TensorJson<'p> {
    id: &'p str,
    size: u64,
    lower: i64,
    upper: i64,
}

/// The object for programs; `best` is the best plan found.
pub(super) fn json<'p>(why: &Why, best: &'p Plan) -> Json<'p> {
    let lifetimes = best.lifetimes();
    Json {
        proven: is_proven(why, best),
        smallest_known: best.peak(),
        set: why.set.as_ref().map(|set| SetJson {
            reason: match set.reason {
                InfeasibleReason::Load => "load",
                InfeasibleReason::Bound => "bound",
                _ => "search",
            },
            irreducible: set.is_irreducible,
            bytes: set.bytes,
            steps: [set.steps.start, set.steps.end],
            load: set.load,
            tensors: (set.tensors.iter())
                .filter_map(|&id| tensor(lifetimes, id))
                .collect(),
        }),
    }
}

fn tensor(lifetimes: &Lifetimes, id: TensorId) -> Option<TensorJson<'_>> {
    let row = lifetimes.get(id)?;
    Some(TensorJson {
        id: lifetimes.name(id)?,
        size: row.size,
        lower: row.lower,
        upper: row.upper,
    })
}

/// Whether no plan is within the capacity: a set or the bound of the best plan proves it.
fn is_proven(why: &Why, best: &Plan) -> bool {
    why.set.is_some() || best.lower_bound() > why.capacity
}

/// The lines for people; `best` is the best plan found.
pub(super) fn lines(mut lines: Lines, why: &Why, best: &Plan) -> Lines {
    let capacity = format::bytes(why.capacity);
    let verdict = match is_proven(why, best) {
        true => "no plan fits: proven",
        false => "no plan that fits was found, nor a proof that there is none",
    };
    lines = lines
        .line("capacity", format!("{capacity}; {verdict}"))
        .line(
            "works",
            format!(
                "{}, the smallest capacity known to work",
                format::bytes(best.peak())
            ),
        );
    let Some(set) = &why.set else {
        return lines;
    };
    lines = lines.line("why", reason(set)).line("", needed(set));
    let tensors = set.tensors.iter();
    let tensors = tensors.filter_map(|&id| tensor(best.lifetimes(), id));
    for tensor in tensors.take(LISTED) {
        let TensorJson {
            id,
            size,
            lower,
            upper,
        } = tensor;
        let size = format::bytes(size);
        lines = lines.line("", format!("  {id}: {size}, steps {lower}..{upper}"));
    }
    let more = set.tensors.len().saturating_sub(LISTED);
    if more > 0 {
        let more = format::thousands(more as u64);
        lines = lines.line("", format!("  and {more} more (--json lists all)"));
    }
    lines
}

/// `2 tensors of 3,072 bytes together are alive in steps 1..2`
fn reason(set: &InfeasibleSet) -> String {
    let tensors = format::count(set.tensors.len() as u64, "tensor");
    let [bytes, load] = [set.bytes, set.load].map(format::bytes);
    let steps = format!("{}..{}", set.steps.start, set.steps.end);
    let alive = match set.load == set.bytes {
        true => format!("{tensors} of {bytes} together are alive in steps {steps}"),
        false => format!("{tensors} of which {load} are alive in steps {steps}"),
    };
    match set.reason {
        InfeasibleReason::Load if set.load < set.bytes => {
            format!("{tensors} of {bytes} together may all be alive at once")
        }
        InfeasibleReason::Load => alive,
        InfeasibleReason::Bound => {
            format!("{alive}; alignments, fixed offsets or gaps make them need more")
        }
        _ => format!("{alive}; all their offsets were tried"),
    }
}

fn needed(set: &InfeasibleSet) -> &'static str {
    match (set.is_irreducible, set.tensors.len()) {
        (true, 1) => "this tensor alone is too large:",
        (true, _) => "without any one of them the others fit:",
        (false, _) => "fewer of them may be too many already:",
    }
}
