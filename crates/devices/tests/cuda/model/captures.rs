//! Streams that are captured, and the graphs of what they were asked for.

use std::{ffi::c_uint, thread};

use crate::{
    answers::{
        CAPTURE_GLOBAL, CAPTURE_INVALIDATED, CAPTURE_RELAXED, CAPTURE_WRONG_THREAD,
        ILLEGAL_ADDRESS, INVALID_CONTEXT, INVALID_VALUE, OUT_OF_MEMORY, SUCCESS, give,
    },
    state::{CURRENT, MODE, Model, asked, given_back, with},
    work::Recording,
};

impl Model {
    /// Makes captures invalid, and says whether there are any of these.
    pub fn invalidate(&mut self, which: impl Fn(&Recording) -> bool) -> bool {
        let streams = self.streams.values_mut();
        let recordings = streams.filter_map(|stream| stream.recording.as_mut());
        let mut are_any = false;
        for recording in recordings.filter(|recording| which(recording)) {
            recording.is_invalid = true;
            are_any = true;
        }
        are_any
    }

    pub fn invalidate_capture_of(&mut self, stream: usize) {
        let stream = self.streams.get_mut(&stream);
        if let Some(recording) = stream.and_then(|stream| stream.recording.as_mut()) {
            recording.is_invalid = true;
        }
    }

    /// Whether a call that may be unsafe during a capture is forbidden to this thread: by a capture
    /// of its own, or by a global one of another thread. These captures become invalid.
    pub fn is_forbidden(&mut self) -> bool {
        let (thread, mode) = (thread::current().id(), MODE.get());
        mode != CAPTURE_RELAXED
            && self.invalidate(|recording| match recording.by == thread {
                true => recording.mode != CAPTURE_RELAXED,
                false => mode == CAPTURE_GLOBAL && recording.mode == CAPTURE_GLOBAL,
            })
    }

    /// Whether an event became part of a graph. Who asks for it makes the capture invalid.
    pub fn is_captured(&mut self, event: usize) -> bool {
        let captured = self.events.get(&event).filter(|event| event.is_captured);
        let stream = captured.map(|event| event.stream);
        stream
            .inspect(|&stream| self.invalidate_capture_of(stream))
            .is_some()
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn cuStreamBeginCapture_v2(stream: usize, mode: c_uint) -> u32 {
    asked(|model| match model.streams.get_mut(&stream) {
        Some(stream) if stream.recording.is_none() => {
            stream.recording = Some(Recording {
                work: Vec::new(),
                by: thread::current().id(),
                mode,
                is_invalid: false,
            });
            SUCCESS
        }
        _ => INVALID_VALUE,
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuStreamEndCapture(stream: usize, graph: *mut usize) -> u32 {
    with(|model| {
        let Some(stream) = model.streams.get_mut(&stream) else {
            return INVALID_VALUE;
        };
        let thread = thread::current().id();
        let is_of_other =
            |recording: &Recording| recording.mode != CAPTURE_RELAXED && recording.by != thread;
        if stream.recording.as_ref().is_some_and(is_of_other) {
            return CAPTURE_WRONG_THREAD;
        }
        let Some(recording) = stream.recording.take() else {
            return INVALID_VALUE;
        };
        if recording.is_invalid {
            return CAPTURE_INVALIDATED;
        }
        if model.is_refused() {
            return OUT_OF_MEMORY;
        }
        let id = model.id();
        model.graphs.insert(id, recording.work);
        give(graph, id)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuThreadExchangeStreamCaptureMode(mode: *mut c_uint) -> u32 {
    // SAFETY: the driver's interface says that there is a mode.
    let next = unsafe { mode.read() };
    give(mode, MODE.replace(next))
}

#[unsafe(no_mangle)]
pub extern "C" fn cuStreamIsCapturing(stream: usize, status: *mut c_uint) -> u32 {
    with(|model| {
        // A question that nothing but a context without use refuses.
        if CURRENT.get() == 0 {
            return INVALID_CONTEXT;
        }
        if model.lost {
            return ILLEGAL_ADDRESS;
        }
        let stream = model.streams.get(&stream);
        let recording = stream.and_then(|stream| stream.recording.as_ref());
        // Nothing is captured, a capture goes on, or one that became invalid.
        give(
            status,
            recording.map_or(0, |it| 1 + u32::from(it.is_invalid)),
        )
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuGraphInstantiateWithFlags(exec: *mut usize, graph: usize, _flags: u64) -> u32 {
    asked(|model| {
        let (id, work) = (model.id(), model.graphs[&graph].clone());
        model.launchable.insert(id, work);
        give(exec, id)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuGraphLaunch(exec: usize, stream: usize) -> u32 {
    asked(|model| {
        let work = model.launchable[&exec].clone();
        work.into_iter()
            .fold(SUCCESS, |answer, work| answer | model.ask(stream, work))
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuGraphExecDestroy(exec: usize) -> u32 {
    given_back(|model| model.launchable.remove(&exec).is_some())
}

#[unsafe(no_mangle)]
pub extern "C" fn cuGraphDestroy(graph: usize) -> u32 {
    given_back(|model| model.graphs.remove(&graph).is_some())
}
