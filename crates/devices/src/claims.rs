//! Claims on the segments of a plan, in the order of the streams.
//!
//! A segment is free, or it is in use by one tensor, or it was given up by one. It can be claimed
//! on a stream if it is free, and if it was given up by work that happens before what the stream
//! does next. Then a kernel that is recorded there finds the bytes unused, whenever the device runs
//! it.
//!
//! ```text
//! stream 0   claims a, uses it, gives it up ──signal─┐
//! stream 1   claims c: refused, a may be in use      └─wait── claims c
//! ```
//!
//! Stands on [`Seen`], which answers whether work happens before other work.
//!
//! Invariants: a segment's owner is a tensor that is in use and whose bytes contain the segment.
//! What was given up last on a segment happens after all earlier uses of it, so it alone is kept.
//! The last write of a tensor happens after all of its earlier uses, and `read` has the reads since
//! then. A tensor that was joined has the last write of each part until it is written as a whole.

use std::{ops::Range, sync::Arc};

use orionrt_plan::{Plan, TensorId};

use crate::{
    order::{Moment, Seen, StreamId},
    segments::Segments,
};

#[derive(Debug)]
pub(crate) struct Claims {
    layout: Segments,
    segments: Vec<Segment>,
    /// For each tensor of the plan that is in use.
    in_use: Vec<Option<Uses>>,
}

#[derive(Clone, Debug, Default)]
struct Segment {
    owner: Option<TensorId>,
    given_up: Option<Arc<GivenUp>>,
}

/// The uses that end with the tensor.
#[derive(Debug)]
struct GivenUp {
    tensor: TensorId,
    uses: Uses,
}

#[derive(Clone, Debug)]
struct Uses {
    /// The last write of the tensor, or of each part of it.
    written: Vec<Moment>,
    /// The latest of each stream.
    read: Vec<Moment>,
}

/// Why a claim, or a use, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Another tensor is in use, or the tensor itself.
    InUse { by: TensorId },
    /// The stream has not waited for a use of a tensor on another one.
    Unordered { after: TensorId, on: StreamId },
    /// A tensor does not lie within the one whose bytes it is to have.
    NotWithin { tensor: TensorId },
    /// Two tensors that are to have parts of a tensor's bytes share some.
    Overlap { tensor: TensorId, with: TensorId },
    /// A tensor does not lie within the one that it is to be joined to.
    NotPart { tensor: TensorId },
    /// The tensors that are to be joined have fewer bytes than the joined one.
    NotFilled { bytes: u64, filled: u64 },
}

impl Claims {
    /// Claims on a plan's tensors; none of them is in use.
    pub(crate) fn new(plan: &Plan) -> Self {
        let layout = Segments::new(plan);
        Self {
            segments: vec![Segment::default(); layout.count()],
            in_use: vec![None; plan.len()],
            layout,
        }
    }

    pub(crate) fn is_in_use(&self, tensor: TensorId) -> bool {
        self.in_use[tensor.index()].is_some()
    }

    /// Claims a tensor's bytes, which are written next on the stream that has seen this.
    pub(crate) fn claim(&mut self, tensor: TensorId, seen: &Seen) -> Result<(), Refusal> {
        let segments = &mut self.segments[self.layout.of(tensor)];
        if let Some(by) = segments.iter().find_map(|segment| segment.owner) {
            return Err(Refusal::InUse { by });
        }
        let mut last: Option<&Arc<GivenUp>> = None;
        for given_up in segments.iter().filter_map(|it| it.given_up.as_ref()) {
            if last.is_none_or(|last| !Arc::ptr_eq(last, given_up)) {
                given_up.uses.check(given_up.tensor, seen)?;
            }
            last = Some(given_up);
        }
        segments.iter_mut().for_each(|it| it.owner = Some(tensor));
        self.in_use[tensor.index()] = Some(Uses::new(seen.now()));
        Ok(())
    }

    /// The tensor is read next on the stream that has seen this.
    pub(crate) fn read(&mut self, tensor: TensorId, seen: &Seen) -> Result<(), Refusal> {
        let Some(uses) = self.in_use[tensor.index()].as_mut() else {
            debug_assert!(false, "only a tensor in use is used");
            return Ok(());
        };
        uses.check_written(tensor, seen)?;
        uses.read.retain(|use_| !seen.covers(*use_));
        uses.read.push(seen.now());
        Ok(())
    }

    /// The tensor is written next, and perhaps read, on the stream that has seen this.
    pub(crate) fn write(&mut self, tensor: TensorId, seen: &Seen) -> Result<(), Refusal> {
        let Some(uses) = self.in_use[tensor.index()].as_mut() else {
            debug_assert!(false, "only a tensor in use is used");
            return Ok(());
        };
        uses.check(tensor, seen)?;
        *uses = Uses::new(seen.now());
        Ok(())
    }

    /// Gives up a tensor's bytes: they are free behind all of its uses.
    pub(crate) fn give_up(&mut self, tensor: TensorId) {
        // Without parts there is nothing to refuse.
        let _ = self.pass_on(tensor, &[]);
    }

    /// Makes other tensors the owners of the parts of a tensor's bytes that they lie in, with its
    /// uses, and gives up the rest. Nothing changes if that is refused.
    pub(crate) fn pass_on(&mut self, tensor: TensorId, to: &[TensorId]) -> Result<(), Refusal> {
        self.check_parts(tensor, to)?;
        let Some(uses) = self.in_use[tensor.index()].take() else {
            debug_assert!(false, "only a tensor in use is passed on");
            return Ok(());
        };
        let given_up = Arc::new(GivenUp { tensor, uses });
        for segment in &mut self.segments[self.layout.of(tensor)] {
            segment.owner = None;
            segment.given_up = Some(Arc::clone(&given_up));
        }
        for &part in to {
            for segment in &mut self.segments[self.layout.of(part)] {
                segment.owner = Some(part);
            }
            self.in_use[part.index()] = Some(given_up.uses.clone());
        }
        Ok(())
    }

    /// Makes a tensor the owner of the bytes of others, which are all of its own, with their uses.
    /// Nothing changes if that is refused.
    pub(crate) fn join(&mut self, parts: &[TensorId], to: TensorId) -> Result<(), Refusal> {
        let whole = self.layout.of(to);
        for &part in parts {
            let Range { start, end } = self.layout.of(part);
            if start < whole.start || whole.end < end {
                return Err(Refusal::NotPart { tensor: part });
            }
        }
        // Each part owns its segments, so no two parts have bytes in common.
        let filled = parts.iter().map(|&part| self.layout.bytes(part)).sum();
        let bytes = self.layout.bytes(to);
        if filled < bytes {
            return Err(Refusal::NotFilled { bytes, filled });
        }
        let of_parts = parts
            .iter()
            .filter_map(|part| self.in_use[part.index()].take());
        let joined = of_parts.reduce(Uses::and);
        debug_assert!(joined.is_some(), "only tensors in use are joined");
        self.in_use[to.index()] = joined;
        for segment in &mut self.segments[whole] {
            segment.owner = Some(to);
        }
        Ok(())
    }

    /// Checks that parts lie within a tensor, and share no bytes.
    fn check_parts(&self, tensor: TensorId, to: &[TensorId]) -> Result<(), Refusal> {
        let whole = self.layout.of(tensor);
        for &part in to {
            let Range { start, end } = self.layout.of(part);
            if start < whole.start || whole.end < end {
                return Err(Refusal::NotWithin { tensor: part });
            }
        }
        let mut parts = to.to_vec();
        parts.sort_by_key(|&part| self.layout.of(part).start);
        let neighbours = parts.windows(2).map(|pair| [pair[0], pair[1]]);
        for [with, tensor] in neighbours {
            if self.layout.of(tensor).start < self.layout.of(with).end {
                return Err(Refusal::Overlap { tensor, with });
            }
        }
        Ok(())
    }
}

impl Uses {
    fn new(written: Moment) -> Self {
        Self {
            written: vec![written],
            read: Vec::new(),
        }
    }

    /// These uses, and those of another part of a tensor.
    fn and(mut self, other: Self) -> Self {
        self.written.extend(other.written);
        self.read.extend(other.read);
        Moment::keep_latest(&mut self.written);
        Moment::keep_latest(&mut self.read);
        self
    }

    /// Checks that all uses of the tensor happen before what the stream does next.
    fn check(&self, tensor: TensorId, seen: &Seen) -> Result<(), Refusal> {
        self.check_written(tensor, seen)?;
        check(&self.read, tensor, seen)
    }

    fn check_written(&self, tensor: TensorId, seen: &Seen) -> Result<(), Refusal> {
        check(&self.written, tensor, seen)
    }
}

/// Checks that uses of a tensor happen before what the stream does next.
fn check(uses: &[Moment], tensor: TensorId, seen: &Seen) -> Result<(), Refusal> {
    match uses.iter().find(|use_| !seen.covers(**use_)) {
        Some(Moment { stream: on, .. }) => Err(Refusal::Unordered {
            after: tensor,
            on: *on,
        }),
        None => Ok(()),
    }
}
