//! Events.

use std::ffi::c_uint;

use crate::{
    answers::{
        CAPTURE_UNSUPPORTED, CAPTURED_EVENT, ILLEGAL_ADDRESS, INVALID_VALUE, NOT_READY, SUCCESS,
        give,
    },
    state::{asked, given_back},
    steering::{BEFORE_AN_EVENT, BEHIND_AN_EVENT, call_once},
    work::{Event, Work},
};

#[unsafe(no_mangle)]
pub extern "C" fn cuEventCreate(event: *mut usize, _flags: c_uint) -> u32 {
    asked(|model| {
        let id = model.id();
        model.events.insert(id, Event::default());
        give(event, id)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuEventDestroy_v2(event: usize) -> u32 {
    given_back(|model| {
        // Who waits for it still does.
        let number = model.events.get(&event).map_or(0, |event| event.signalled);
        model.reach(event, number);
        model.events.remove(&event).is_some()
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuEventRecord(event: usize, stream: usize) -> u32 {
    call_once(&BEFORE_AN_EVENT);
    let answer = asked(|model| {
        let Some(at) = model.events.get_mut(&event) else {
            return INVALID_VALUE;
        };
        at.stream = stream;
        at.signalled += 1;
        let streams = &model.streams;
        at.is_captured = streams
            .get(&stream)
            .is_some_and(|it| it.recording.is_some());
        let number = at.signalled;
        model.ask(stream, Work::Signal(event, number))
    });
    call_once(&BEHIND_AN_EVENT);
    answer
}

#[unsafe(no_mangle)]
pub extern "C" fn cuEventQuery(event: usize) -> u32 {
    asked(|model| {
        if model.is_forbidden() {
            return CAPTURE_UNSUPPORTED;
        }
        if model.is_captured(event) {
            return CAPTURED_EVENT;
        }
        match model.events.get(&event) {
            Some(event) if event.reached >= event.signalled => SUCCESS,
            Some(_) => NOT_READY,
            None => INVALID_VALUE,
        }
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuEventSynchronize(event: usize) -> u32 {
    asked(|model| {
        if model.is_forbidden() {
            return CAPTURE_UNSUPPORTED;
        }
        if model.is_captured(event) {
            return CAPTURED_EVENT;
        }
        let Some(number) = model.events.get(&event).map(|event| event.signalled) else {
            return INVALID_VALUE;
        };
        model.reach(event, number);
        if model.lost { ILLEGAL_ADDRESS } else { SUCCESS }
    })
}
