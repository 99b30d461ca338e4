//! The number of bitmap words that an operation touches, counted in unit tests and nowhere else.
//!
//! Every access of [`tree`](super::tree) to its words reports here how many words it reads or
//! writes; the tests in `allocator/cost.rs` bound them.

#[cfg(test)]
std::thread_local! {
    /// The words that this thread has touched.
    pub(crate) static WORDS: core::cell::Cell<usize> = const { core::cell::Cell::new(0) };
}

/// Counts words that are read or written now. Outside of unit tests this does nothing.
#[inline(always)]
pub(crate) fn touched(_words: usize) {
    #[cfg(test)]
    WORDS.set(WORDS.get() + _words);
}

/// Runs a check that no release build makes, without counting its words.
#[inline(always)]
pub(crate) fn uncounted(check: impl FnOnce() -> bool) -> bool {
    #[cfg(test)]
    let before = WORDS.get();
    let outcome = check();
    #[cfg(test)]
    WORDS.set(before);
    outcome
}
