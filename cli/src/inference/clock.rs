//! The cost of an inference: processor time, wall time and page faults.
//!
//! Stands on `nix` and [`page_faults`](crate::page_faults). Invariant: the cost is that of the
//! calling thread if it computes alone, otherwise that of the process, whose other threads are then
//! only those that compute.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use crate::page_faults::PageFaults;

/// The owner of the time and the faults that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    ThisThread,
    Process,
}

/// A moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    cpu: Duration,
    wall: Instant,
    faults: Option<PageFaults>,
}

/// The cost between two moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Processor time, of user and system together.
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
    /// Page faults, if the system counts them.
    pub(crate) faults: Option<u64>,
}

impl Clock {
    /// The clock for work of `threads` threads, the calling one included.
    pub(crate) fn of(threads: usize) -> Self {
        if threads == 1 {
            Self::ThisThread
        } else {
            Self::Process
        }
    }

    pub(crate) fn now(self) -> Moment {
        let (id, faults) = match self {
            Self::ThisThread => (
                ClockId::CLOCK_THREAD_CPUTIME_ID,
                PageFaults::of_this_thread(),
            ),
            Self::Process => (
                ClockId::CLOCK_PROCESS_CPUTIME_ID,
                PageFaults::of_this_process(),
            ),
        };
        Moment {
            faults,
            wall: Instant::now(),
            // Linux has both clocks since 2.6.12.
            cpu: clock_gettime(id).map(Duration::from).unwrap_or_default(),
        }
    }

    /// The cost since `start`.
    pub(crate) fn since(self, start: Moment) -> Cost {
        let now = self.now();
        let faults = now.faults.zip(start.faults).map(|(a, b)| a - b);
        Cost {
            cpu: now.cpu.saturating_sub(start.cpu),
            wall: now.wall - start.wall,
            faults: faults.map(PageFaults::total),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeping_takes_wall_time_but_no_processor_time() {
        let clock = Clock::of(1);
        let start = clock.now();
        std::thread::sleep(Duration::from_millis(40));
        let slept = clock.since(start);
        assert!(slept.wall >= Duration::from_millis(40));
        assert!(slept.cpu < slept.wall / 2, "{slept:?}");
    }

    #[test]
    fn work_of_another_thread_counts_for_the_process_only() {
        let (alone, together) = (Clock::of(1), Clock::of(2));
        let starts = (alone.now(), together.now());
        std::thread::spawn(|| {
            let touched = vec![1u8; 64 << 20];
            assert!(std::hint::black_box(&touched).iter().all(|&b| b == 1));
        })
        .join()
        .unwrap();
        let (alone, together) = (alone.since(starts.0), together.since(starts.1));
        assert!(together.cpu > alone.cpu, "{alone:?} {together:?}");
        assert!(together.faults > alone.faults, "{alone:?} {together:?}");
    }
}
