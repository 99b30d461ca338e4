//! A spinner or a bar that shows on stderr that long work goes on.
//!
//! Stands on `indicatif`. Invariant: nothing appears unless stderr is a terminal and the work has lasted for a
//! while, and nothing stays when it is over.

#![forbid(unsafe_code)]

use std::{
    io::{self, IsTerminal},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

#[cfg(target_os = "linux")]
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

/// Shorter work needs no sign of life.
const PATIENCE: Duration = Duration::from_millis(300);

/// Does `work`; while it lasts, shows `message` and the time that has passed.
pub(crate) fn during<T>(message: impl Into<String>, work: impl FnOnce() -> T) -> T {
    if !io::stderr().is_terminal() {
        return work();
    }
    let message = message.into();
    let (done, is_done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            if is_done.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let bar = ProgressBar::new_spinner().with_message(message);
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            // The sender says nothing: it is dropped, by a panic of the work too.
            let _ = is_done.recv();
            bar.finish_and_clear();
        });
        let result = work();
        drop(done);
        result
    })
}

/// A bar of work that is done in steps. It has no thread of its own, and changes only when it is told to.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub(crate) struct Steps {
    message: &'static str,
    count: u64,
    start: Instant,
    bar: Option<ProgressBar>,
}

#[cfg(target_os = "linux")]
impl Steps {
    /// Work of `count` steps, of which none is done.
    pub(crate) fn new(message: &'static str, count: u64) -> Self {
        Self {
            message,
            count,
            start: Instant::now(),
            bar: None,
        }
    }

    /// So many steps are done.
    pub(crate) fn done(&mut self, steps: u64) {
        if self.bar.is_none() && self.start.elapsed() > PATIENCE && io::stderr().is_terminal() {
            self.bar = Some(self.new_bar());
        }
        if let Some(bar) = &self.bar {
            bar.set_position(steps);
        }
    }

    fn new_bar(&self) -> ProgressBar {
        let bar = ProgressBar::new(self.count).with_message(self.message);
        match ProgressStyle::with_template("{msg} {wide_bar} {pos} of {len} (still {eta})") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }
}

#[cfg(target_os = "linux")]
impl Drop for Steps {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
