//! What the user of a session could do for more hits.

#![forbid(unsafe_code)]

use core::fmt;

use super::percent::Percent;

/// What would bring a key more hits, in words: its `Display` form says what was found, and what to
/// do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// More helpers do much of the work than [lanes](crate::replay::Session::lanes) allows.
    #[non_exhaustive]
    Lanes {
        /// The number of these threads.
        threads: u64,
        /// The lanes to ask for.
        lanes: u64,
        /// The bytes that these threads asked for, in the last iteration.
        bytes: u64,
        /// The bytes that all threads asked for.
        of: u64,
    },
    /// Iterations of this key allocate other sizes than were recorded.
    #[non_exhaustive]
    Unsteady {
        /// How often the key was recorded.
        recordings: u64,
    },
    /// Iterations of a key that stands for shapes up to a largest one differ from the largest in
    /// more than their sizes: see [`run_at_most`](crate::replay::Session::run_at_most).
    #[non_exhaustive]
    UnlikeLargest {
        /// How often the key was recorded.
        recordings: u64,
    },
    /// Iterations of a key that stands for shapes up to a largest one were larger than any before.
    #[non_exhaustive]
    Larger {
        /// The number of these iterations.
        iterations: u64,
    },
    /// The first iteration kept blocks that later ones do not ask for, such as packed weights.
    #[non_exhaustive]
    WarmUp {
        /// The bytes that it kept and later ones did not ask for again.
        bytes: u64,
    },
    /// The session's keys take turns and need more memory than its budget allows.
    #[non_exhaustive]
    Budget {
        /// How often memory for the key's region was given up.
        given_up: u64,
    },
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Lanes {
                threads,
                lanes,
                bytes,
                of,
            } => {
                let s = if threads == 1 { "" } else { "s" };
                let share = Percent::new(bytes, of).whole();
                write!(
                    f,
                    "{share} % of the bytes were allocated by {threads} other thread{s}: \
                     use `.lanes({lanes})`"
                )
            }
            Self::Unsteady { recordings } => write!(
                f,
                "this key's sizes differ from run to run: {recordings} recordings; \
                 a key must decide all sizes"
            ),
            Self::UnlikeLargest { recordings } => write!(
                f,
                "this key's iterations differ from the largest one in more than their sizes: \
                 {recordings} recordings; use a key for each kind"
            ),
            Self::Larger { iterations } => write!(
                f,
                "{iterations} iterations were larger than the largest one that was planned: \
                 run the largest shape first"
            ),
            Self::WarmUp { bytes } => write!(
                f,
                "the first iteration kept {bytes} bytes that later ones do not ask for: \
                 warm up before the first `run`"
            ),
            Self::Budget { given_up } => write!(
                f,
                "memory for the region of this key was given up {given_up} times: \
                 use fewer keys, or a larger `.budget(bytes)`"
            ),
        }
    }
}
