//! Recordings of allocators: their events, lifetimes and statistics as columns.
//!
//! Stands on `column`, `errors`, `reading` and `lifetimes`, and on the command line's library,
//! which reads them. Invariant: a column that a recording lacks for one event is not there at all.

use std::path::PathBuf;

use orionrt_cli::read_recording as read;
use orionrt_cli::{HeapEvent, HeapEventKind, HeapRecording, HeapUsage, RecordingForm};
use pyo3::{
    prelude::*,
    types::{PyDict, PyList, PyString},
};

use crate::{
    column::Column,
    errors::lifetimes_error,
    lifetimes::PyLifetimes,
    reading::{reading_error, warn},
};

/// A recording that was read; see `orionrt.Recording`.
#[pyclass(frozen, module = "orionrt._native")]
pub(crate) struct Recorded {
    recording: HeapRecording,
}

#[pymethods]
impl Recorded {
    /// What recorded the events.
    #[getter]
    fn form(&self) -> &'static str {
        match self.recording.form() {
            RecordingForm::Orionrt => "orionrt",
            RecordingForm::Pytorch => "pytorch",
            RecordingForm::Process => "process",
            RecordingForm::Heaptrack => "heaptrack",
            _ => "csv",
        }
    }

    /// The lifetimes to plan, aligned as `orionrt plan` aligns them.
    fn lifetimes(&self, py: Python<'_>) -> PyResult<PyLifetimes> {
        let (lifetimes, alignment) = (self.recording.lifetimes(), self.recording.alignment());
        let aligned = py.detach(|| lifetimes.clone().with_alignment(alignment));
        let aligned = aligned.map_err(|error| lifetimes_error(py, &error))?;
        Ok(PyLifetimes::new(aligned))
    }

    /// The lifetimes with the alignments that the recording itself has.
    fn unaligned(&self, py: Python<'_>) -> PyLifetimes {
        PyLifetimes::new(py.detach(|| self.recording.lifetimes().clone()))
    }

    /// The events as columns, by their names.
    fn columns<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let events = self.recording.events();
        let columns = PyDict::new(py);
        let steps = events.iter().map(|event| event.step);
        columns.set_item("step", Column::steps(steps.collect()))?;
        let optional = |name: &str, of: &dyn Fn(&HeapEvent) -> Option<u64>| match events
            .iter()
            .map(of)
            .collect::<Option<Vec<u64>>>()
        {
            Some(numbers) => columns.set_item(name, Column::bytes(numbers)),
            None => Ok(()),
        };
        optional("time_ns", &|event| self.recording.time_ns(event.step))?;
        optional("size", &|event| Some(event.size))?;
        optional("alignment", &|event| event.alignment)?;
        optional("address", &|event| event.address)?;
        optional("thread", &|event| event.thread.map(u64::from))?;
        optional("stream", &|event| event.stream)?;
        columns.set_item("kind", kinds(py, events)?)?;
        Ok(columns)
    }

    /// What the allocator held, as columns by their names.
    fn usage<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let usage = py.detach(|| self.recording.usage());
        let columns = PyDict::new(py);
        let steps = usage.iter().map(|told| told.step);
        columns.set_item("step", Column::steps(steps.collect()))?;
        let optional = |name: &str, of: &dyn Fn(&HeapUsage) -> Option<u64>| match usage
            .iter()
            .map(of)
            .collect::<Option<Vec<u64>>>()
        {
            Some(numbers) => columns.set_item(name, Column::bytes(numbers)),
            None => Ok(()),
        };
        optional("time_ns", &|told| self.recording.time_ns(told.step))?;
        optional("live_bytes", &|told| Some(told.live_bytes))?;
        optional("live_blocks", &|told| Some(told.live_blocks))?;
        optional("reserved_bytes", &|told| told.reserved_bytes)?;
        Ok(columns)
    }
}

/// The kinds of events as words, of which there is one object each.
fn kinds<'py>(py: Python<'py>, events: &[HeapEvent]) -> PyResult<Bound<'py, PyList>> {
    let word = |word: &str| PyString::new(py, word);
    let words = ["allocate", "free", "resize", "resized"].map(word);
    let kinds = events.iter().map(|event| match event.kind {
        HeapEventKind::Free => &words[1],
        HeapEventKind::Resize => &words[2],
        HeapEventKind::Resized => &words[3],
        _ => &words[0],
    });
    PyList::new(py, kinds)
}

/// Reads a recording; see `orionrt.read_recording`.
#[pyfunction]
pub(crate) fn read_recording(
    py: Python<'_>,
    path: PathBuf,
    device: Option<&str>,
) -> PyResult<Recorded> {
    let recording = py.detach(|| read(&path, device));
    let recording = recording.map_err(|error| reading_error(py, &path, &error))?;
    // The function of Python that calls this one is at 1.
    warn(py, &path, recording.warnings(), 2)?;
    Ok(Recorded { recording })
}
