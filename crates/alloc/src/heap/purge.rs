//! Purging: giving idle memory back to the system without holding a lock during the system call.
//!
//! [`purge`] takes a run of idle units out of circulation under the lock, discards it without the
//! lock, and puts it back under the lock. Discarding takes microseconds; meanwhile others allocate
//! and release. Nobody can get what is being discarded, because it is in nobody's list.
//!
//! Invariant: a run is either in its [`Purgeable`] or in the hands of the purge that took it out,
//! never both.

#![forbid(unsafe_code)]

use orionrt_sys::locked::Locked;

/// Something whose idle runs can be taken out and put back.
pub(crate) trait Purgeable {
    /// Units that are out of circulation.
    type Run;
    /// Takes a run of at most `most` idle units out, if there is one; returns it and its length.
    fn take_out(&mut self, most: usize) -> Option<(Self::Run, usize)>;
    /// Puts a run back: clean, or as it was.
    fn put_back(&mut self, run: Self::Run, clean: bool);
}

/// Has `discard` clean up to `most` idle units, with the lock released while it works; returns how
/// many it cleaned. Stops at the first run that `discard` refuses.
pub(crate) fn purge<P: Purgeable>(
    purgeable: &Locked<P>,
    most: usize,
    mut discard: impl FnMut(&P::Run) -> bool,
) -> usize {
    let mut done = 0;
    while done < most {
        let taken = purgeable.with(|purgeable| purgeable.take_out(most - done));
        let Some((run, length)) = taken else {
            break;
        };
        let clean = discard(&run);
        purgeable.with(|purgeable| purgeable.put_back(run, clean));
        if !clean {
            break;
        }
        done += length;
    }
    done
}
