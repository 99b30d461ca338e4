//! The last walk of a thread: the frames that it came by, and the rules that it found for them.
//!
//! Most functions that were running during the last walk have not returned at the next one. Where
//! that comes to a frame of the last walk, it takes the rules from here, one after another, and
//! looks none of them up, until a return address is another one.
//!
//! ```text
//!   last walk   a ── b ── c ── d ── end
//!   next walk   x ── y ── c ── d ── end
//!               fresh     followed
//! ```
//!
//! A frame is the same if the address that its rule is looked up by and its stack pointer are. All
//! words of the stack that a rule needs are read again, so the stack is that which a walk without
//! this would find.
//!
//! Invariant: a rule is that of its frame's address in the `generation` of the cache. The known
//! frames are those of one walk, in its order, and each is the caller of the one before it by that
//! one's rule, if it has one: what that rule reads lies at multiples of 8.

use super::cache::Generation;
use super::frame::Frame;
use super::memory::Memory;
use super::rule::{Base, Rule};

/// The most frames that are kept: one more than return addresses.
const MOST_FRAMES: usize = crate::limits::MOST_ADDRESSES + 1;

#[derive(Clone, Copy)]
struct KnownFrame {
    /// The address in its function that the rule is looked up by.
    code: usize,
    sp: usize,
    /// The bits of its rule; 0 where that was not in the cache, or did not lead on.
    rule: u32,
    /// How far below the stack pointer of its caller it has saved the frame pointer; 0 if it has
    /// not.
    saved: u32,
}

impl KnownFrame {
    #[inline(always)]
    fn rule(&self) -> Option<Rule> {
        (self.rule != 0).then(|| Rule::from_bits(self.rule))
    }
}

/// The frames of the last walk. All zero is that of a thread that was never walked.
pub(crate) struct LastWalk {
    generation: Generation,
    /// Those of the walk under way that are not known, innermost first.
    fresh: [KnownFrame; MOST_FRAMES],
    fresh_count: usize,
    /// Those of the last walk are the last ones of this, innermost first.
    known: [KnownFrame; MOST_FRAMES],
    known_count: usize,
}

/// How far the last walk could be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Followed {
    /// To where it ended, or to where there was no place for more addresses.
    ToTheEnd,
    /// To a frame whose caller is another one, or that has no rule.
    ToAFrame,
}

impl LastWalk {
    pub(crate) const fn new() -> Self {
        const NONE: KnownFrame = KnownFrame {
            code: 0,
            sp: 0,
            rule: 0,
            saved: 0,
        };
        LastWalk {
            generation: Generation::FIRST,
            fresh: [NONE; MOST_FRAMES],
            fresh_count: 0,
            known: [NONE; MOST_FRAMES],
            known_count: 0,
        }
    }

    /// Begins a walk with the rules of this generation.
    pub(crate) fn begin(&mut self, generation: Generation) {
        if self.generation != generation {
            self.generation = generation;
            self.known_count = 0;
        }
        self.fresh_count = 0;
    }

    fn known(&self) -> &[KnownFrame] {
        &self.known[MOST_FRAMES - self.known_count..]
    }

    /// The index of this frame among the known ones from `from` on. That becomes the index of the
    /// first one that can be a frame further out.
    #[inline(always)]
    pub(crate) fn find(&self, frame: &Frame, from: &mut usize) -> Option<usize> {
        let sp = frame.registers.sp;
        while let Some(known) = self.known().get(*from) {
            if known.sp >= sp {
                let is_same = known.sp == sp && known.code == frame.code();
                return is_same.then_some(*from);
            }
            *from += 1;
        }
        None
    }

    /// Adds a frame that is not known, and its rule.
    #[inline(always)]
    pub(crate) fn add(&mut self, code: usize, sp: usize, rule: Option<Rule>) {
        self.add_frame(KnownFrame {
            code,
            sp,
            rule: rule.map_or(0, Rule::bits),
            saved: rule.map_or(0, |rule| rule.saved() as u32),
        });
    }

    #[inline(always)]
    fn add_frame(&mut self, frame: KnownFrame) {
        if let Some(place) = self.fresh.get_mut(self.fresh_count) {
            *place = frame;
            self.fresh_count += 1;
        }
    }

    /// Walks from the known frame with this index, which `frame` is, along those behind it, and
    /// makes it the last one that is the same. Returns how many addresses it has written.
    #[inline(always)]
    pub(crate) fn follow(
        &self,
        index: usize,
        frame: &mut Frame,
        addresses: &mut [usize],
    ) -> (usize, Followed) {
        let known = &self.known()[index..];
        let fp = &mut frame.registers.fp;
        let count = follow_known(known, &mut frame.memory, fp, addresses);
        let last = &known[count];
        if count > 0 {
            frame.registers.pc = last.code + 1;
            frame.registers.sp = last.sp;
            frame.is_exact = false;
        }
        let is_end = count == addresses.len() || last.rule().is_some_and(Rule::is_end);
        let followed = if is_end {
            Followed::ToTheEnd
        } else {
            Followed::ToAFrame
        };
        (count, followed)
    }

    /// Adds `count` known frames, from that with this index on, to those of the walk under way.
    pub(crate) fn take_over(&mut self, index: usize, count: usize) {
        let start = MOST_FRAMES - self.known_count + index;
        for known in start..start + count {
            self.add_frame(self.known[known]);
        }
    }

    /// Ends a walk that came to the known frame with this index, and followed the last one from
    /// there on. Returns whether it is the same as a whole.
    #[inline(always)]
    pub(crate) fn end_at(&mut self, index: usize) -> bool {
        let is_same = index == 0 && self.fresh_count == 0;
        if !is_same {
            self.keep_fresh(index);
        }
        is_same
    }

    /// Keeps the frames of the walk under way, and the known ones from this index on.
    fn keep_fresh(&mut self, index: usize) {
        let fresh = &self.fresh[..self.fresh_count];
        let count = fresh.len() + (self.known_count - index);
        // A walk that is too long is not kept.
        self.known_count = 0;
        if let Some(start) = MOST_FRAMES.checked_sub(count) {
            self.known[start..][..fresh.len()].copy_from_slice(fresh);
            self.known_count = count;
        }
    }

    /// Ends a walk whose last frames are not those of the last walk.
    pub(crate) fn end(&mut self) {
        self.keep_fresh(self.known_count);
    }
}

/// Goes from the first of these frames, which is one of the stack, to the last one that is. Returns
/// how many return addresses it has written on its way; `fp` becomes that frame's.
///
/// A function of its own, that has all it needs in registers.
#[inline(never)]
fn follow_known(
    known: &[KnownFrame],
    memory: &mut Memory,
    fp: &mut usize,
    addresses: &mut [usize],
) -> usize {
    let callers = known.get(1..).unwrap_or_default();
    let mut count = 0;
    for ((here, caller), place) in known.iter().zip(callers).zip(addresses) {
        let Some(rule) = here.rule() else {
            break;
        };
        if rule.base() == Base::Fp && fp.wrapping_add(rule.offset()) != caller.sp {
            break;
        }
        let Some(address) = memory.read_aligned(caller.sp.wrapping_sub(8)) else {
            break;
        };
        if address.wrapping_sub(1) != caller.code {
            break;
        }
        if here.saved != 0 {
            let saved_at = caller.sp.wrapping_sub(here.saved as usize);
            let Some(saved) = memory.read_aligned(saved_at) else {
                break;
            };
            *fp = saved;
        }
        *place = address;
        count += 1;
    }
    count
}
