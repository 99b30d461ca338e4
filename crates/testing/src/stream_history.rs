//! Which uses of memory by streams are allowed, by definition: from all that was done before.
//!
//! Shares no code with the library, which has vector clocks and one record for each segment. Here
//! every use of every tensor is kept, and whether it happens before what a stream does next is
//! found by following all edges back.

use std::{collections::BTreeSet, ops::Range};

/// The streams, and whoever else takes part, by number.
pub type Participant = usize;

/// Something that a participant did.
#[derive(Clone, Debug)]
struct Step {
    by: Participant,
    /// The signal that it waited for.
    after: Option<usize>,
}

/// Bytes that a tensor has, or had.
#[derive(Clone, Debug)]
struct Hold {
    tensor: usize,
    bytes: Range<u64>,
    /// The step of each use, and whether it writes.
    uses: Vec<(usize, bool)>,
    is_in_use: bool,
}

/// What the definition says about a use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is allowed.
    Allowed,
    /// These tensors have some of the bytes.
    InUse(BTreeSet<usize>),
    /// These tensors were used in the bytes by these participants, for which was not waited.
    Unordered(BTreeSet<(usize, Participant)>),
}

/// All that participants have done.
#[derive(Clone, Debug, Default)]
pub struct StreamHistory {
    steps: Vec<Step>,
    holds: Vec<Hold>,
}

impl StreamHistory {
    fn push(&mut self, by: Participant, after: Option<usize>) -> usize {
        self.steps.push(Step { by, after });
        self.steps.len() - 1
    }

    /// Signals an event, which is the step that is returned.
    pub fn signal(&mut self, by: Participant) -> usize {
        self.push(by, None)
    }

    /// Waits for an event.
    pub fn wait(&mut self, by: Participant, event: usize) {
        self.push(by, Some(event));
    }

    /// Whether a step happens before what a participant does next.
    pub fn is_before_next(&self, step: usize, by: Participant) -> bool {
        let last_of = |by: Participant, end: usize| {
            let mut steps = (0..end).rev();
            steps.find(|&step| self.steps[step].by == by)
        };
        let mut seen = vec![false; self.steps.len()];
        let mut open: Vec<usize> = last_of(by, self.steps.len()).into_iter().collect();
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut seen[at], true) {
                open.extend(last_of(self.steps[at].by, at));
                open.extend(self.steps[at].after);
            }
        }
        seen.get(step).copied().unwrap_or(false)
    }

    /// The tensors whose uses, of those asked for, do not happen before what a participant does
    /// next.
    fn verdict<'h>(
        &self,
        holds: impl Iterator<Item = &'h Hold>,
        by: Participant,
        asked: impl Fn(bool) -> bool,
    ) -> Verdict {
        let uses = holds.flat_map(|hold| hold.uses.iter().map(|use_| (hold.tensor, use_)));
        let uses =
            uses.filter(|&(_, &(step, writes))| asked(writes) && !self.is_before_next(step, by));
        let unordered: BTreeSet<_> = uses.map(|(t, use_)| (t, self.steps[use_.0].by)).collect();
        match unordered.is_empty() {
            true => Verdict::Allowed,
            false => Verdict::Unordered(unordered),
        }
    }

    /// What the definition says about a claim of bytes, which are written next.
    pub fn may_claim(&self, bytes: &Range<u64>, by: Participant) -> Verdict {
        let shares =
            |hold: &&Hold| hold.bytes.start.max(bytes.start) < hold.bytes.end.min(bytes.end);
        let sharing = || self.holds.iter().filter(shares);
        let in_use: BTreeSet<_> = sharing()
            .filter(|it| it.is_in_use)
            .map(|it| it.tensor)
            .collect();
        match in_use.is_empty() {
            true => self.verdict(sharing(), by, |_| true),
            false => Verdict::InUse(in_use),
        }
    }

    /// What the definition says about a use of a tensor that has its bytes.
    pub fn may_use(&self, tensor: usize, by: Participant, writes: bool) -> Verdict {
        let hold = self
            .holds
            .iter()
            .filter(|it| it.is_in_use && it.tensor == tensor);
        self.verdict(hold, by, |was_write| writes || was_write)
    }

    /// A tensor has these bytes now, and writes them.
    pub fn claim(&mut self, tensor: usize, bytes: Range<u64>, by: Participant) {
        let step = self.push(by, None);
        self.holds.push(Hold {
            tensor,
            bytes,
            uses: vec![(step, true)],
            is_in_use: true,
        });
    }

    /// A tensor that has its bytes is used.
    pub fn use_(&mut self, tensor: usize, by: Participant, writes: bool) {
        let step = self.push(by, None);
        let mut holds = self.holds.iter_mut();
        let hold = holds.find(|it| it.is_in_use && it.tensor == tensor);
        hold.expect("it is in use").uses.push((step, writes));
    }

    /// A tensor gives its bytes up, parts of them to others.
    pub fn pass_on(&mut self, tensor: usize, to: &[(usize, Range<u64>)]) {
        let mut holds = self.holds.iter_mut();
        let hold = holds.find(|it| it.is_in_use && it.tensor == tensor);
        let hold = hold.expect("it is in use");
        hold.is_in_use = false;
        let uses = hold.uses.clone();
        self.holds.extend(to.iter().map(|(part, bytes)| Hold {
            tensor: *part,
            bytes: bytes.clone(),
            uses: uses.clone(),
            is_in_use: true,
        }));
    }

    /// Tensors that fill these bytes give them to one tensor, with all of their uses.
    pub fn join(&mut self, parts: &[usize], to: usize, bytes: Range<u64>) {
        let mut uses = Vec::new();
        for part in parts {
            let mut holds = self.holds.iter_mut();
            let hold = holds.find(|it| it.is_in_use && it.tensor == *part);
            let hold = hold.expect("it is in use");
            hold.is_in_use = false;
            uses.extend(hold.uses.iter().copied());
        }
        self.holds.push(Hold {
            tensor: to,
            bytes,
            uses,
            is_in_use: true,
        });
    }
}
