//! The modes in turns.
//!
//! Stands on [`bench`](super::bench). A mode's turn is a few inferences, of which the first is not counted: it finds the processor's caches
//! full of what the mode before used, as none does in a program with one allocator. Invariant: each mode has as many inferences as
//! another, and over six rounds each has each place, after each of the others, equally often: none gains by what another leaves behind.

#![forbid(unsafe_code)]

use orionrt::planner::Cancel;

use super::{bench::Bench, clock::Cost, error::InferenceError, statistics::Quartiles};
use crate::{args::Mode, progress::Steps};

/// Inferences in each mode before anything counts: heaps settle, and a replay needs a recording.
const WARM_UPS: u64 = 3;

/// Inferences of a turn that count.
const TURN: u64 = 3;

const ORDERS: [[Mode; 3]; 6] = {
    use Mode::{Orion, Replay, System};
    [
        [System, Orion, Replay],
        [System, Replay, Orion],
        [Orion, System, Replay],
        [Replay, System, Orion],
        [Replay, Orion, System],
        [Orion, Replay, System],
    ]
};

/// What was seen of all modes.
#[derive(Debug, Default)]
pub(super) struct Measured {
    /// The costs of each mode; as many of one as of another.
    costs: [Vec<Cost>; Mode::ALL.len()],
    /// A Ctrl-C has ended the measuring.
    pub(super) interrupted: bool,
}

/// What a mode takes for an inference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summary {
    /// Milliseconds of the processor's.
    pub(super) cpu: Quartiles,
    /// The median, in milliseconds.
    pub(super) wall: f64,
    /// The median, where the system tells.
    pub(super) faults: Option<u64>,
}

/// A mode's time of the processor, as a multiple of the system's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ratio {
    /// Of the medians.
    pub(super) of_medians: f64,
    /// Of the two that are each the same one of their turns, in the same round.
    pub(super) paired: Quartiles,
}

/// Measures `iterations` of them, or those until a Ctrl-C, but one at least.
pub(super) fn measure(
    bench: &mut Bench,
    iterations: u32,
    cancel: &Cancel,
) -> Result<Measured, InferenceError> {
    let mut steps = Steps::new("running", WARM_UPS + u64::from(iterations));
    for warm_up in 0..WARM_UPS {
        for mode in Mode::ALL {
            bench.run(mode)?;
        }
        steps.done(warm_up + 1);
    }
    let mut measured = Measured::default();
    let mut left = u64::from(iterations);
    for order in ORDERS.into_iter().cycle() {
        let turn = left.min(TURN);
        for mode in order {
            bench.run(mode)?;
            for _ in 0..turn {
                measured.costs[mode as usize].push(bench.run(mode)?);
            }
        }
        left -= turn;
        steps.done(WARM_UPS + u64::from(iterations) - left);
        measured.interrupted = left > 0 && cancel.is_cancelled();
        if left == 0 || measured.interrupted {
            break;
        }
    }
    Ok(measured)
}

impl Measured {
    pub(super) fn iterations(&self) -> usize {
        self.costs[0].len()
    }

    /// `None` if nothing was measured.
    pub(super) fn summary(&self, mode: Mode) -> Option<Summary> {
        let costs = &self.costs[mode as usize];
        let faults: Option<Vec<f64>> = costs.iter().map(|c| Some(c.faults? as f64)).collect();
        Some(Summary {
            cpu: Quartiles::of(self.cpu(mode))?,
            wall: Quartiles::of(costs.iter().map(|c| c.wall.as_secs_f64() * 1e3))?.median,
            faults: Quartiles::of(faults.unwrap_or_default()).map(|f| f.median.round() as u64),
        })
    }

    /// `None` if nothing was measured.
    pub(super) fn ratio(&self, mode: Mode) -> Option<Ratio> {
        let [this, system] = [mode, Mode::System].map(|mode| Quartiles::of(self.cpu(mode)));
        let pairs = self.cpu(mode).zip(self.cpu(Mode::System));
        Some(Ratio {
            of_medians: ratio(this?.median, system?.median),
            paired: Quartiles::of(pairs.map(|(this, system)| ratio(this, system)))?,
        })
    }

    fn cpu(&self, mode: Mode) -> impl Iterator<Item = f64> {
        let costs = self.costs[mode as usize].iter();
        costs.map(|cost| cost.cpu.as_secs_f64() * 1e3)
    }
}

/// No clock tells less than a nanosecond.
fn ratio(this: f64, system: f64) -> f64 {
    const NANOSECOND: f64 = 1e-6;
    this.max(NANOSECOND) / system.max(NANOSECOND)
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, time::Duration};

    use super::*;

    #[test]
    fn each_mode_is_in_each_place_and_after_each_other_equally_often() {
        let (mut places, mut pairs) = (HashMap::new(), HashMap::new());
        for order in ORDERS {
            for (place, mode) in order.into_iter().enumerate() {
                *places.entry((place, mode.name())).or_insert(0) += 1;
            }
            for pair in order.windows(2) {
                *pairs.entry((pair[0].name(), pair[1].name())).or_insert(0) += 1;
            }
        }
        assert!(places.len() == 9 && places.values().all(|&count| count == 2));
        assert!(pairs.len() == 6 && pairs.values().all(|&count| count == 2));
    }

    fn costs(milliseconds: &[u64]) -> Vec<Cost> {
        let cost = |&ms: &u64| Cost {
            cpu: Duration::from_millis(ms),
            wall: Duration::from_millis(2 * ms),
            faults: Some(ms + 1),
        };
        milliseconds.iter().map(cost).collect()
    }

    #[test]
    fn ratios_are_of_medians_and_of_pairs() {
        let measured = Measured {
            costs: [costs(&[10, 20, 40]), costs(&[5, 20, 20]), costs(&[1, 2, 3])],
            interrupted: false,
        };
        let orion = measured.ratio(Mode::Orion).unwrap();
        assert_eq!(orion.of_medians, 1.0);
        let Quartiles { q1, median, q3 } = orion.paired;
        assert_eq!([q1, median, q3], [0.5, 0.5, 0.75]);
        let replay = measured.summary(Mode::Replay).unwrap();
        assert_eq!((replay.cpu.median, replay.wall), (2.0, 4.0));
        assert_eq!(replay.faults, Some(3));
        assert_eq!(measured.iterations(), 3);
    }

    #[test]
    fn nothing_measured_is_no_number() {
        let measured = Measured::default();
        assert_eq!(measured.summary(Mode::System), None);
        assert_eq!(measured.ratio(Mode::Orion), None);
    }
}
