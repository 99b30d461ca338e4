//! Measures the modes in turns.
//!
//! Stands on [`runner`](super::runner). A mode's turn is a few inferences, the first of which is
//! not counted: it finds the processor's caches filled by the previous mode, which never happens in
//! a program with one allocator. Invariant: all modes have equally many inferences, and over six
//! rounds each mode has each position, and follows each other mode, equally often (a Williams
//! design), so that none gains from what another leaves behind.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use orionrt::planner::Cancel;

use super::{clock::Cost, error::InferenceError, runner::Runner, statistics::Quartiles};
use crate::{args::Mode, progress::StepsBar};

/// Inferences in each mode that are not counted: heaps settle, and a replay needs a recording.
const WARM_UPS: u64 = 3;
/// How many of them take place whatever the time limit: a recording and a replay.
const LEAST_WARM_UPS: u64 = 2;

/// Inferences of a turn that are counted.
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

/// The costs in all modes.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// The costs of each mode, equally many of each.
    costs: [Vec<Cost>; Mode::ALL.len()],
    /// Whether Ctrl-C ended the measurement.
    pub(crate) interrupted: bool,
    /// Whether the time limit ended it.
    pub(crate) out_of_time: bool,
}

/// The cost of an inference in a mode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summary {
    /// Processor time in milliseconds.
    pub(super) cpu: Quartiles,
    /// The median wall time in milliseconds.
    pub(super) wall: f64,
    /// The median number of page faults, if the system counts them.
    pub(super) faults: Option<u64>,
}

/// A mode's processor time as a multiple of that on the system's heap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ratio {
    /// The ratio of the medians.
    pub(super) of_medians: f64,
    /// The quartiles of the ratios of inferences at the same position of the same round.
    pub(super) paired: Quartiles,
}

/// Measures `iterations` inferences in each mode, fewer after Ctrl-C or when the time limit ends,
/// but at least one.
pub(crate) fn measure(
    runner: &mut Runner,
    iterations: u32,
    time_limit: Duration,
    cancel: &Cancel,
) -> Result<Measured, InferenceError> {
    let start = Instant::now();
    let is_over = || start.elapsed() >= time_limit;
    let mut steps = StepsBar::new("running", WARM_UPS + u64::from(iterations));
    for warm_up in 0..WARM_UPS {
        for mode in Mode::ALL {
            runner.run(mode)?;
        }
        steps.done(warm_up + 1);
        // A replay needs a recording; that the heaps settle is worth less than the user's time.
        if warm_up + 1 >= LEAST_WARM_UPS && is_over() {
            break;
        }
    }
    let mut measured = Measured::default();
    let mut left = u64::from(iterations);
    for order in ORDERS.into_iter().cycle() {
        let turn = left.min(TURN);
        // With little time left, one inference in each mode is all that there is.
        let turn = if is_over() { 1 } else { turn };
        for mode in order {
            if !is_over() {
                runner.run(mode)?;
            }
            for _ in 0..turn {
                measured.costs[mode as usize].push(runner.run(mode)?);
            }
        }
        left -= turn;
        steps.done(WARM_UPS + u64::from(iterations) - left);
        measured.interrupted = left > 0 && cancel.is_cancelled();
        measured.out_of_time = left > 0 && is_over();
        if left == 0 || measured.interrupted || measured.out_of_time {
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

/// The ratio of two times; no clock is finer than a nanosecond.
fn ratio(this: f64, system: f64) -> f64 {
    const NANOSECOND: f64 = 1e-6;
    this.max(NANOSECOND) / system.max(NANOSECOND)
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, time::Duration};

    use super::*;

    #[test]
    fn each_mode_has_each_position_and_follows_each_other_mode_equally_often() {
        let (mut positions, mut pairs) = (HashMap::new(), HashMap::new());
        for order in ORDERS {
            for (position, mode) in order.into_iter().enumerate() {
                *positions.entry((position, mode.name())).or_insert(0) += 1;
            }
            for pair in order.windows(2) {
                *pairs.entry((pair[0].name(), pair[1].name())).or_insert(0) += 1;
            }
        }
        assert!(positions.len() == 9 && positions.values().all(|&count| count == 2));
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
    fn ratios_are_of_the_medians_and_of_each_pair() {
        let measured = Measured {
            costs: [costs(&[10, 20, 40]), costs(&[5, 20, 20]), costs(&[1, 2, 3])],
            interrupted: false,
            out_of_time: false,
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
    fn without_measurements_there_are_no_numbers() {
        let measured = Measured::default();
        assert_eq!(measured.summary(Mode::System), None);
        assert_eq!(measured.ratio(Mode::Orion), None);
    }
}
