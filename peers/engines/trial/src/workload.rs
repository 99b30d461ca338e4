//! What an engine runs.
//!
//! Invariant: an iteration's result is kept by the workload, and released outside of iterations, as
//! in a program that uses it.

use std::{fmt, hash::Hasher};

use crate::task::Task;

/// The key of an iteration in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// It decides all shapes.
    Exact(u64),
    /// It stands for shapes up to a largest one.
    AtMost(u64),
}

/// A loaded model with its inputs.
///
/// A pass is a number of iterations, after which the next pass begins anew: one for most models,
/// and one for each token where a model writes a text.
pub trait Workload {
    /// Iterations of a pass.
    fn steps(&self) -> usize {
        1
    }

    /// What the iterations of a session's key have in common.
    fn key(&self, _step: usize) -> Key {
        Key::Exact(0)
    }

    /// Called before each pass.
    fn begin(&mut self) {}

    /// Runs an iteration and keeps its result.
    fn run(&mut self, step: usize);

    /// Adds the result of the last iteration to a hash.
    fn digest(&self, digest: &mut Digest);

    /// Releases the result of the last iteration.
    fn discard(&mut self);
}

/// Loads the workload that a task names.
pub type Load = fn(&Task) -> Result<Box<dyn Workload>, Box<dyn std::error::Error>>;

/// A hash of results, bit by bit, that is the same in all processes.
#[derive(Clone, Copy, Debug)]
pub struct Digest(u64, u64);

impl Digest {
    pub(crate) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325, 0)
    }

    /// Adds numbers.
    pub fn floats(&mut self, numbers: impl IntoIterator<Item = f32>) {
        for number in numbers {
            self.write_u32(number.to_bits());
        }
    }
}

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(byte.into());
        }
    }

    fn write_u32(&mut self, word: u32) {
        // FNV-1a by words, and a second sum with another multiplier.
        self.0 = (self.0 ^ u64::from(word)).wrapping_mul(0x0100_0000_01b3);
        self.1 = (self.1.rotate_left(5) ^ u64::from(word)).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.1.rotate_left(32)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.0, self.1)
    }
}
