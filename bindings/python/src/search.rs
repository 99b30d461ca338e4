//! A search without the interpreter's lock, which signals, callbacks and other threads can end.
//!
//! Stands on nothing. The search runs on a thread of its own; the thread that called waits, and
//! takes the lock from time to time to run signal handlers and the callback.
//!
//! ```text
//! caller   ─┬─ waits ── signals, callback ── waits ── ... ──┬─ answer
//! search    └────────── no lock ───────────────────────────┘
//! ```
//!
//! Invariant: whatever ends the search, the search's thread has ended when the caller goes on.

use std::{
    io, panic,
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, Thread},
    time::Duration,
};

use orionrt::planner::Cancel;
use pyo3::{
    exceptions::{PyKeyboardInterrupt, PyValueError},
    prelude::*,
};

/// How long the caller waits between two looks at signals, and between two calls of the callback.
const INTERVAL: Duration = Duration::from_millis(50);

/// A flag that ends searches, from any thread: `cancel.cancel()`. The answer of a search that is
/// ended is the best plan that it has found.
#[pyclass(frozen, name = "Cancel", module = "orionrt")]
pub(crate) struct PyCancel {
    pub(crate) flag: Cancel,
}

#[pymethods]
impl PyCancel {
    #[new]
    fn new() -> Self {
        let flag = Cancel::new();
        Self { flag }
    }

    /// Sets the flag, for good.
    fn cancel(&self) {
        self.flag.cancel();
    }

    /// Whether the flag is set.
    #[getter]
    fn cancelled(&self) -> bool {
        self.flag.is_cancelled()
    }

    fn __repr__(&self) -> String {
        let state = if self.flag.is_cancelled() {
            "set"
        } else {
            "not set"
        };
        format!("<Cancel: {state}>")
    }
}

/// What the first Ctrl-C does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnInterrupt {
    /// It ends the search, whose answer is the best plan until then.
    Best,
    /// It ends the search, and is raised.
    Raise,
}

impl OnInterrupt {
    pub(crate) fn named(name: &str) -> PyResult<Self> {
        match name {
            "best" => Ok(Self::Best),
            "raise" => Ok(Self::Raise),
            other => Err(PyValueError::new_err(format!(
                "on_interrupt is '{other}', expected 'best' or 'raise'"
            ))),
        }
    }
}

/// Calls back during a search, and says whether it is to go on.
pub(crate) type Report<'r> = &'r dyn Fn() -> PyResult<bool>;

/// What came of a search, and whether a signal, a flag or the callback ended it.
pub(crate) struct Answer<T> {
    pub(crate) value: T,
    pub(crate) is_interrupted: bool,
}

/// Runs a search that `cancel` ends. `report` calls back from time to time, and says whether the
/// search is to go on.
///
/// The first Ctrl-C ends the search, too, whether it comes during the callback or not. Another one,
/// the first one with [`OnInterrupt::Raise`], and any other exception of a signal handler or of the
/// callback is raised instead of an answer.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    cancel: &Cancel,
    report: Option<Report<'_>>,
    on_interrupt: OnInterrupt,
    search: impl FnOnce() -> T + Send,
) -> PyResult<Answer<T>> {
    let done = Done {
        is_done: AtomicBool::new(false),
        caller: thread::current(),
    };
    let mut watch = Watch {
        cancel,
        report,
        on_interrupt,
        is_interrupted: false,
        raised: None,
    };
    let value: io::Result<thread::Result<T>> = thread::scope(|scope| {
        let search = || {
            let _tell = Tell(&done);
            search()
        };
        let builder = thread::Builder::new().name("orionrt-search".into());
        // Should `look` panic, the scope waits for a search that ends.
        let _cancel = CancelOnDrop(cancel);
        let worker = builder.spawn_scoped(scope, search)?;
        while !py.detach(|| done.wait()) {
            watch.look(py);
        }
        Ok(py.detach(|| worker.join()))
    });
    let value = value?.unwrap_or_else(|panic| panic::resume_unwind(panic));
    match watch.raised {
        Some(raised) => Err(raised),
        None => Ok(Answer {
            value,
            is_interrupted: watch.is_interrupted,
        }),
    }
}

/// Whether a search has ended.
struct Done {
    is_done: AtomicBool,
    caller: Thread,
}

impl Done {
    /// Waits for a while; returns whether the search has ended.
    fn wait(&self) -> bool {
        if !self.is_done.load(Ordering::Acquire) {
            thread::park_timeout(INTERVAL);
        }
        self.is_done.load(Ordering::Acquire)
    }
}

/// Tells that a search has ended, also by a panic.
struct Tell<'d>(&'d Done);

impl Drop for Tell<'_> {
    fn drop(&mut self) {
        self.0.is_done.store(true, Ordering::Release);
        self.0.caller.unpark();
    }
}

/// Ends a search that nobody waits for any longer.
struct CancelOnDrop<'c>(&'c Cancel);

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// What the caller does while it waits.
struct Watch<'w> {
    cancel: &'w Cancel,
    report: Option<Report<'w>>,
    on_interrupt: OnInterrupt,
    is_interrupted: bool,
    raised: Option<PyErr>,
}

impl Watch<'_> {
    /// Runs signal handlers and the callback, unless an exception is on its way already.
    fn look(&mut self, py: Python<'_>) {
        if self.raised.is_some() {
            return;
        }
        match py.check_signals() {
            Err(raised) => self.end_by(py, raised),
            Ok(()) => self.call(py),
        }
    }

    fn call(&mut self, py: Python<'_>) {
        let Some(report) = self.report.filter(|_| !self.is_interrupted) else {
            return;
        };
        match report() {
            Ok(true) => (),
            Ok(false) => self.end(),
            Err(raised) => self.end_by(py, raised),
        }
    }

    /// Ends the search by an exception, which is kept to be raised unless it is the first Ctrl-C.
    fn end_by(&mut self, py: Python<'_>, raised: PyErr) {
        let is_first = !self.is_interrupted && self.on_interrupt == OnInterrupt::Best;
        if !(is_first && raised.is_instance_of::<PyKeyboardInterrupt>(py)) {
            self.raised = Some(raised);
        }
        self.end();
    }

    fn end(&mut self) {
        self.is_interrupted = true;
        self.cancel.cancel();
    }
}
