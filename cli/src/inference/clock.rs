//! What an inference takes: time of the processor, time on the wall, and page faults.
//!
//! Stands on `nix` and [`faults`](crate::faults). Invariant: what is counted is the thread that computes, if it computes alone; or
//! else the process, whose other threads do nothing meanwhile.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use crate::faults::PageFaults;

/// Whose time and faults are counted.
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

/// What was taken between two moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Time of the processors, of user and system together.
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
    /// Page faults, where the system tells.
    pub(crate) faults: Option<u64>,
}

impl Clock {
    /// For work of so many threads, of which the calling one is the first.
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

    /// What has been taken since `start`.
    pub(crate) fn since(self, start: Moment) -> Cost {
        let now = self.now();
        let faults = now.faults.zip(start.faults).map(|(a, b)| a - b);
        Cost {
            cpu: now.cpu.saturating_sub(start.cpu),
            wall: now.wall - start.wall,
            faults: faults.map(|faults| faults.minor + faults.major),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_takes_no_time_of_the_processor() {
        let clock = Clock::of(1);
        let start = clock.now();
        std::thread::sleep(Duration::from_millis(40));
        let slept = clock.since(start);
        assert!(slept.wall >= Duration::from_millis(40));
        assert!(slept.cpu < Duration::from_millis(20), "{slept:?}");
    }

    #[test]
    fn work_of_another_thread_is_the_process_alone() {
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
