//! What a staging ring may hand out, by definition: the state of every byte of its buffer.
//!
//! Shares no arithmetic with the library, which knows two positions: here each byte says whose it
//! is.

use std::ops::Range;

/// Whose a byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Nobody,
    NextSubmission,
    Submission(u64),
}

/// The bytes of a staging buffer.
#[derive(Clone, Debug)]
pub struct StagingBytes {
    bytes: Vec<Owner>,
    alignment: usize,
    /// Where the next range begins if it fits there.
    next: usize,
}

impl StagingBytes {
    /// A buffer of whole units of the alignment, all free.
    pub fn new(bytes: usize, alignment: usize) -> Self {
        Self {
            bytes: vec![Owner::Nobody; bytes / alignment * alignment],
            alignment,
            next: 0,
        }
    }

    /// Where so many bytes can be taken now: behind what was taken last, or at the start if they do
    /// not fit before the end.
    pub fn room(&self, bytes: usize) -> Option<usize> {
        let all = &self.bytes;
        let is_free = |range: Range<usize>| all[range].iter().all(|it| *it == Owner::Nobody);
        let bytes = bytes.next_multiple_of(self.alignment);
        if bytes > all.len() {
            return None;
        }
        if is_free(0..all.len()) {
            return Some(0);
        }
        if all.len() - self.next >= bytes {
            return is_free(self.next..self.next + bytes).then_some(self.next);
        }
        (is_free(self.next..all.len()) && is_free(0..bytes)).then_some(0)
    }

    /// Takes the bytes of a range, and those that were skipped before it. Fails if one is taken.
    pub fn take(&mut self, range: Range<usize>) {
        let end = range.end.next_multiple_of(self.alignment);
        let is_all_free = self.bytes.iter().all(|it| *it == Owner::Nobody);
        if range.start < self.next && !is_all_free {
            self.own(self.next..self.bytes.len());
        }
        self.own(range.start..end);
        self.next = end;
    }

    fn own(&mut self, range: Range<usize>) {
        for byte in &mut self.bytes[range] {
            assert_eq!(*byte, Owner::Nobody, "a byte is handed out twice");
            *byte = Owner::NextSubmission;
        }
    }

    /// What was taken belongs to a submission.
    pub fn submit(&mut self, submission: u64) {
        for byte in &mut self.bytes {
            if *byte == Owner::NextSubmission {
                *byte = Owner::Submission(submission);
            }
        }
    }

    /// A submission and all before it have ended.
    pub fn complete(&mut self, submission: u64) {
        for byte in &mut self.bytes {
            if matches!(*byte, Owner::Submission(number) if number <= submission) {
                *byte = Owner::Nobody;
            }
        }
    }
}
