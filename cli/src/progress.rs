//! A spinner or a bar on stderr during long work.
//!
//! Stands on `indicatif` and [`escape`](crate::escape), as a message may name a file. Invariant:
//! nothing appears unless stderr is a terminal and the work has lasted for a while, and nothing
//! remains when it is over.

#![forbid(unsafe_code)]

use std::{
    io::{self, IsTerminal},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

#[cfg(all(feature = "engine", target_os = "linux"))]
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use crate::escape::printable;

/// Work that is shorter shows no progress.
const DELAY: Duration = Duration::from_millis(300);

/// Does `work` behind a spinner that shows `message` and the time that has passed.
pub(crate) fn with_spinner<T>(message: impl Into<String>, work: impl FnOnce() -> T) -> T {
    if !io::stderr().is_terminal() {
        return work();
    }
    let message = printable(&message.into()).into_owned();
    let (done, is_done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            if is_done.recv_timeout(DELAY) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let bar = ProgressBar::new_spinner().with_message(message);
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            // Nothing is ever sent: the sender is dropped when the work ends or panics.
            let _ = is_done.recv();
            bar.finish_and_clear();
        });
        let result = work();
        drop(done);
        result
    })
}

/// A bar for work that is done in steps. It has no thread of its own; [`done`](Self::done) moves
/// it.
#[cfg(all(feature = "engine", target_os = "linux"))]
#[derive(Debug)]
pub(crate) struct StepsBar {
    message: &'static str,
    count: u64,
    start: Instant,
    bar: Option<ProgressBar>,
}

#[cfg(all(feature = "engine", target_os = "linux"))]
impl StepsBar {
    /// A bar for `count` steps, none of them done.
    pub(crate) fn new(message: &'static str, count: u64) -> Self {
        Self {
            message,
            count,
            start: Instant::now(),
            bar: None,
        }
    }

    /// Shows that the first `steps` steps are done.
    pub(crate) fn done(&mut self, steps: u64) {
        if self.bar.is_none() && self.start.elapsed() > DELAY && io::stderr().is_terminal() {
            self.bar = Some(self.new_bar());
        }
        if let Some(bar) = &self.bar {
            bar.set_position(steps);
        }
    }

    fn new_bar(&self) -> ProgressBar {
        let bar = ProgressBar::new(self.count).with_message(self.message);
        match ProgressStyle::with_template("{msg} {wide_bar} {pos} of {len} ({eta} left)") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }
}

#[cfg(all(feature = "engine", target_os = "linux"))]
impl Drop for StepsBar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
