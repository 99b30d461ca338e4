//! The smallest capacity that is known to work.
//!
//! Stands on `asked`. Capacities are halved between one that is too small and one that works, so a
//! capacity between the two that are found may work, too. After Ctrl-C, the peak is tried and
//! nothing else. Invariant: for what is returned there is a schedule.

#![forbid(unsafe_code)]

use orionrt::fit::{FitError, Fitted};

use super::asked::Asked;
use crate::failure::Failure;

/// How often a capacity is tried.
const MOST_TRIES: u32 = 10;
/// How often what is proven to be needed is raised.
const MOST_PROOFS: u32 = 64;
/// The search ends when a step is less than this part of the peak.
const PARTS: u64 = 256;

/// What is said if no capacity is known to work.
pub(super) const NONE_KNOWN: &str = "no capacity that was tried, up to the peak, works";

/// A capacity that works, and its schedule.
pub(super) struct SmallestKnown {
    pub(super) capacity: u64,
    pub(super) fitted: Fitted,
}

/// What was found.
pub(super) struct Smallest {
    /// The smallest capacity that works, of those that were tried.
    pub(super) known: Option<SmallestKnown>,
    /// It is proven that no capacity below this works, with the orders and the sharing of bytes
    /// that were tried.
    pub(super) proven: u64,
}

/// The smallest capacity from `low` on, which is at most the peak; that none below `proven` works
/// is known.
pub(super) fn smallest(asked: &Asked<'_>, low: u64, proven: u64) -> Result<Smallest, Failure> {
    let peak = asked.before.peak();
    let mut found = Smallest {
        known: None,
        proven,
    };
    let mut low = low;
    // What is needed at one operator may be more than at the one before.
    for _ in 0..MOST_PROOFS {
        match asked.fitted(low) {
            Ok(fitted) => {
                let capacity = low;
                let fitted = asked.prefetched(fitted, capacity)?;
                found.known = Some(SmallestKnown { capacity, fitted });
                return Ok(found);
            }
            Err(FitError::Impossible { needed, .. }) if needed > low => {
                (found.proven, low) = (needed, needed);
                if asked.cancel.is_cancelled() {
                    break;
                }
            }
            Err(error) => match asked.failure(&error) {
                Some(failure) => return Err(failure),
                None => break,
            },
        }
    }
    let step = (peak / PARTS).max(asked.input.alignment).max(1);
    let mut high = peak.max(low);
    let mut next = high;
    for _ in 0..MOST_TRIES {
        match asked.fitted(next) {
            Ok(fitted) => {
                let capacity = next;
                let fitted = asked.prefetched(fitted, capacity)?;
                found.known = Some(SmallestKnown { capacity, fitted });
                high = next;
            }
            Err(error) => {
                if let Some(failure) = asked.failure(&error) {
                    return Err(failure);
                }
                // Where even the peak does not work, nothing below it is tried.
                if next == high {
                    break;
                }
                low = next;
            }
        }
        if high.saturating_sub(low) <= step || asked.cancel.is_cancelled() {
            break;
        }
        next = low + (high - low) / 2;
    }
    Ok(found)
}
