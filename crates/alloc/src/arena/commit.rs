//! Committing ahead of demand: how much to commit when more of a range is needed.
//!
//! A range that grows from its start is committed in growing steps, so that the calls to the
//! operating system are few however large it becomes.

#![forbid(unsafe_code)]

use core::ops::Range;

/// Extends the committed part of a range, which ends at `committed`, to `needed` or beyond.
///
/// The step is as large as what is committed already, within `steps`, and ends at `limit` at the
/// latest. A step that is refused may still leave room for what is needed now, so then that alone
/// is tried. `commit` commits everything below the end that it is given, and returns whether it
/// could.
pub(crate) fn commit_ahead(
    committed: usize,
    needed: usize,
    steps: Range<usize>,
    limit: usize,
    mut commit: impl FnMut(usize) -> bool,
) -> bool {
    let step = committed.clamp(steps.start, steps.end);
    let ahead = needed.max(committed.saturating_add(step)).min(limit);
    commit(ahead) || commit(needed)
}

#[cfg(test)]
mod tests {
    use super::commit_ahead;
    use alloc::vec::Vec;

    /// The ends that are tried when only those up to `granted` are granted.
    fn tried(committed: usize, needed: usize, granted: usize) -> Vec<usize> {
        let mut ends = Vec::new();
        let outcome = commit_ahead(committed, needed, 10..100, 500, |end| {
            ends.push(end);
            end <= granted
        });
        assert_eq!(outcome, needed <= granted);
        ends
    }

    #[test]
    fn steps_double_what_is_committed_between_their_bounds() {
        assert_eq!(tried(0, 3, 500), [10]);
        assert_eq!(tried(40, 41, 500), [80]);
        assert_eq!(tried(300, 301, 500), [400]);
        assert_eq!(tried(450, 451, 500), [500]);
        assert_eq!(tried(40, 200, 500), [200]);
    }

    #[test]
    fn a_refused_step_is_tried_again_with_what_is_needed() {
        assert_eq!(tried(40, 41, 50), [80, 41]);
        assert_eq!(tried(40, 60, 50), [80, 60]);
    }
}
