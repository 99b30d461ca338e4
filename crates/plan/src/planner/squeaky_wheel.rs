//! Improving an order: buffers that end above the goal are the ones that squeak; they become more urgent, and the order is
//! decoded again (squeaky wheel optimization, Joslin and Clements 1999).
//!
//! The orders are [`Bands`]: what squeaks moves up by up to two octaves. When that has led nowhere for a while, the wheel
//! starts anew with other bands.

use alloc::vec::Vec;

use super::{Task, best::Best, greedy::Decoder, random::Random, size_buckets::Bands};

/// Rounds without a lower peak after which the wheel starts anew.
const PATIENCE: u32 = 12;
/// A squeaking buffer moves up by less than so many parts of an octave.
const LEAP: u64 = 512;

#[derive(Debug)]
pub(super) struct Wheel {
    bands: Bands,
    tightest: Vec<u64>,
    urgencies: Vec<u64>,
    lowest: u64,
    stale: u32,
    random: Random,
}

impl Wheel {
    pub(super) fn new(task: &Task<'_>, tightest: Vec<u64>) -> Self {
        let bands = Bands::default();
        Self {
            urgencies: bands.urgencies(task.buffers, &tightest),
            bands,
            tightest,
            lowest: u64::MAX,
            stale: 0,
            random: Random::new(task.seed),
        }
    }

    /// Decodes one order and learns from it; returns whether to stop.
    pub(super) fn turn(
        &mut self,
        task: &Task<'_>,
        decoder: &mut Decoder<'_>,
        best: &mut Best,
    ) -> bool {
        let order = self.bands.order(&self.urgencies, decoder.sections());
        let Some(peak) = decoder.decode(&order, &task.budget) else {
            return true;
        };
        if best.offer(task, peak, decoder.offsets()) {
            return true;
        }
        self.stale = if peak < self.lowest {
            0
        } else {
            self.stale + 1
        };
        self.lowest = self.lowest.min(peak);
        if self.stale < PATIENCE {
            self.squeak(task, decoder.offsets());
        } else {
            self.start_anew(task);
        }
        false
    }

    fn squeak(&mut self, task: &Task<'_>, offsets: &[u64]) {
        let placed = task.buffers.iter().zip(offsets);
        for (urgency, (buffer, offset)) in self.urgencies.iter_mut().zip(placed) {
            if offset + buffer.size > task.goal {
                *urgency += self.random.below(LEAP);
            }
        }
    }

    fn start_anew(&mut self, task: &Task<'_>) {
        self.bands = Bands::random(&mut self.random);
        self.urgencies = self.bands.urgencies(task.buffers, &self.tightest);
        (self.lowest, self.stale) = (u64::MAX, 0);
    }
}
