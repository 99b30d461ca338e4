//! The choices that make a path: which branch runs, how many iterations. Also what all tests of
//! paths agree on: the most iterations, and the bytes of constants.

/// The most iterations of a loop.
pub(super) const MOST_ITERATIONS: usize = 2;

/// The bytes of a constant.
pub(super) const CONSTANT_BYTES: u64 = 4;

/// The choices of one path, from which the next path follows.
#[derive(Default)]
pub(super) struct Choices {
    /// What was chosen, and out of how many.
    pub(super) made: Vec<(usize, usize)>,
    at: usize,
}

impl Choices {
    /// One of some possibilities.
    pub(super) fn choose(&mut self, out_of: usize) -> usize {
        if self.at == self.made.len() {
            self.made.push((0, out_of));
        }
        self.at += 1;
        self.made[self.at - 1].0
    }

    /// Starts the next path, if there is one.
    pub(super) fn advance(&mut self) -> bool {
        self.at = 0;
        while let Some((choice, out_of)) = self.made.pop() {
            if choice + 1 < out_of {
                self.made.push((choice + 1, out_of));
                return true;
            }
        }
        false
    }
}
