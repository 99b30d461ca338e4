//! Iterations: where a recorded sequence of requests repeats itself, and what one repeat needs.
//!
//! A program that runs the same loop again and again asks its allocator for the same sizes in the
//! same order. [`IterationFinder`] looks at nothing but that order. It finds **repetitions**:
//! stretches of the sequence in which each **iteration** is the one before it again, but for a few
//! requests that are inserted, missing or of another size.
//!
//! ```text
//! requests   w w w a b c a b c a b x c a b c t t       w: warm-up    t: tail    x: noise
//!                  └─0─┘ └─1─┘ └──2──┘ └─3─┘           4 iterations, period 3, 1 differs
//! ```
//!
//! # How they are found
//!
//! Positions at which the same few requests were made before, *grams*, propose a lag. From there,
//! the sequence is compared with itself at that lag, in both directions, for as long as it agrees.
//!
//! 1. `symbols`: each request becomes a number, the same for the same size and alignment.
//! 2. `grams`: windows of 4, 16, … 4,096 requests by polynomial hashes (Karp and Rabin 1987). Of
//!    the longer ones only some are looked at, chosen by *winnowing* (Schleimer, Wilkerson and
//!    Aiken 2003), which chooses the same ones in each iteration. A long window tells an iteration
//!    from the layers in it that repeat themselves.
//! 3. `gapped_extension`: as in the search of sequences (*X-drop*: Zhang, Schwartz, Wagner and
//!    Miller 2000): a request that agrees scores 1, one that differs costs 8, and the extension
//!    ends where it has lost more than two periods from its best score. Requests are compared
//!    themselves: a collision of hashes can hide a repetition, but not make one up.
//! 4. `search`: from left to right at each length of window. An attempt at a lag pays with a
//!    distance in which no other one begins, so that all of them take linear time.
//! 5. `selection`: of repetitions that overlap, the one that covers most stays. A shorter period
//!    inside it is *inner*. A longer one that covers the same requests is the iteration if it
//!    explains what differs at the shorter one; otherwise it is a multiple, and dropped.
//! 6. `differences`: each iteration against a representative one.
//!
//! Why not the exact methods: all *runs* of a string are found in linear time (Kolpakov and
//! Kucherov 1999), and tandem repeats with *k* mismatches in O(*nk* log *k* + occurrences) (Landau,
//! Schmidt and Sokol 2001). But recordings of several threads have insertions, *k* grows with the
//! period, and a run is not yet an iteration. Autocorrelation finds one period in a whole sequence,
//! not where it begins, and an insertion shifts everything after it.
//!
//! # What is not found
//!
//! - An iteration of which more than about one request in nine differs from the one before. If
//!   sizes grow with every iteration, as those of a decoder's cache do, [`SizeMatch::Log2`] finds
//!   it: sizes agree if their binary logarithms, rounded down, are equal.
//! - Iterations of several shapes in irregular order: runs of one shape are found, if they are long
//!   enough.
//! - Where the first iteration begins: the end of a warm-up that looks like the end of an iteration
//!   is taken for it. [`IterationFinder::find_in`], which knows when blocks are freed, lets
//!   iterations begin where least is alive.
//!
//! A sequence of random requests has repetitions by chance only if it has few distinct ones and
//! repetitions may be short: two random sequences of two symbols differ in more than a quarter of
//! their requests however they are aligned, which is above what is tolerated, so the chance falls
//! exponentially with the length.
//!
//! Invariant: repetitions that are reported do not overlap, and memory is linear in the number of
//! requests.

// A file uses only files above it in this list.
mod symbols;
mod grams;
mod gapped_extension;
mod repeat;
mod search;
mod selection;
mod differences;
mod memory;
mod repetition;
mod finder;
#[cfg(test)]
mod tests;

pub use {
    finder::{IterationFinder, IterationsError},
    memory::{IterationMemory, Request},
    repetition::{InnerRepetition, Repetition},
    symbols::SizeMatch,
};
