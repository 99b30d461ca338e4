//! A spinner that shows on stderr that long work goes on.
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
