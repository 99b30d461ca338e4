//! Giving memory back without a lock: take it out of circulation, let the lock go, discard it, put it back.
//!
//! Discarding is a system call of microseconds. Meanwhile others allocate and release; what is being discarded cannot be had,
//! because it is in nobody's list.
//!
//! Invariant: a part is in the place or in the hands of the one who took it out, never both.

use orionrt_sys::locked::Locked;

/// A place whose idle parts can be taken out and put back.
pub(crate) trait Purgeable {
    /// Something that is out of circulation.
    type Part;
    /// Takes an idle part out, of at most `most` units, if there is one; and its size in units.
    fn take_out(&mut self, most: usize) -> Option<(Self::Part, usize)>;
    /// Puts it back: clean, or as it was.
    fn put_back(&mut self, part: Self::Part, clean: bool);
}

/// Has `discard` clean up to `most` idle units of `place`, without the lock while it works; returns how many it did.
/// Stops where it is refused.
pub(crate) fn purge<P: Purgeable>(
    place: &Locked<P>,
    most: usize,
    mut discard: impl FnMut(&P::Part) -> bool,
) -> usize {
    let mut done = 0;
    while done < most {
        let Some((part, size)) = place.with(|place| place.take_out(most - done)) else {
            break;
        };
        let clean = discard(&part);
        place.with(|place| place.put_back(part, clean));
        if !clean {
            break;
        }
        done += size;
    }
    done
}
