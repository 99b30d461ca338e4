//! Streams and copies: what they are asked for, and when they do it.

use std::ffi::c_uint;

use crate::{
    answers::{CAPTURE_UNSUPPORTED, ILLEGAL_ADDRESS, INVALID_VALUE, SUCCESS, give},
    state::{Model, asked, given_back},
    steering::{BEHIND_A_COPY, call_once},
    work::{Stream, Work},
};

impl Model {
    pub fn work(&mut self, work: Work) {
        match work {
            Work::Upload(to, data) => self.copy(data.as_ptr(), to as *mut u8, data.len(), to),
            Work::UploadPinned(to, from, bytes) => {
                self.copy(from as *const u8, to as *mut u8, bytes, to);
            }
            Work::Download(to, from, bytes) => {
                self.copy(from as *const u8, to as *mut u8, bytes, from);
            }
            Work::Kernel(function, threads, values) => self.run(function, threads, &values),
            Work::Signal(event, number) => {
                if let Some(event) = self.events.get_mut(&event) {
                    event.reached = event.reached.max(number);
                }
            }
            Work::Wait(event, number) => self.reach(event, number),
        }
    }

    /// Has the event's stream work until it reaches the event.
    pub fn reach(&mut self, event: usize, number: u64) {
        while let Some(at) = self
            .events
            .get(&event)
            .filter(|event| event.reached < number)
        {
            let stream = at.stream;
            if !self.step(stream) {
                return;
            }
        }
    }

    pub fn step(&mut self, stream: usize) -> bool {
        let work = self
            .streams
            .get_mut(&stream)
            .and_then(|stream| stream.work.pop_front());
        let Some(work) = work.filter(|_| !self.lost) else {
            return false;
        };
        self.work(work);
        true
    }

    pub fn finish(&mut self, stream: usize) -> u32 {
        if self
            .streams
            .get(&stream)
            .is_some_and(|stream| stream.recording.is_some())
        {
            return CAPTURE_UNSUPPORTED;
        }
        while self.step(stream) {}
        if self.lost { ILLEGAL_ADDRESS } else { SUCCESS }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemcpyHtoDAsync_v2(to: u64, from: usize, bytes: usize, stream: usize) -> u32 {
    copied(asked(|model| {
        // Memory that is not pinned is copied before the call returns.
        let work = match model.is_registered(from, bytes) {
            true => Work::UploadPinned(to, from, bytes),
            // SAFETY: the caller has so many bytes there.
            false => Work::Upload(to, unsafe {
                std::slice::from_raw_parts(from as *const u8, bytes).to_vec()
            }),
        };
        model.ask(stream, work)
    }))
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemcpyDtoHAsync_v2(to: usize, from: u64, bytes: usize, stream: usize) -> u32 {
    copied(asked(|model| {
        model.ask(stream, Work::Download(to, from, bytes))
    }))
}

/// Lets a test do something between a copy and what comes behind it.
fn copied(answer: u32) -> u32 {
    call_once(&BEHIND_A_COPY);
    answer
}

#[unsafe(no_mangle)]
pub extern "C" fn cuStreamCreate(stream: *mut usize, _flags: c_uint) -> u32 {
    asked(|model| {
        let id = model.id();
        model.streams.insert(id, Stream::default());
        give(stream, id)
    })
}

/// What the stream was asked for is still done.
#[unsafe(no_mangle)]
pub extern "C" fn cuStreamDestroy_v2(stream: usize) -> u32 {
    given_back(|model| model.streams.contains_key(&stream) && model.ended.insert(stream))
}

#[unsafe(no_mangle)]
pub extern "C" fn cuStreamSynchronize(stream: usize) -> u32 {
    asked(|model| {
        model.invalidate_capture_of(stream);
        if model.is_forbidden() {
            return CAPTURE_UNSUPPORTED;
        }
        model.finish(stream)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuStreamWaitEvent(stream: usize, event: usize, _flags: c_uint) -> u32 {
    asked(
        |model| match model.events.get(&event).map(|event| event.signalled) {
            Some(number) => model.ask(stream, Work::Wait(event, number)),
            None => INVALID_VALUE,
        },
    )
}
