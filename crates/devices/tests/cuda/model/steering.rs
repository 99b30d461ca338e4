//! How tests steer the model, and what they ask of it.

use std::sync::Mutex;

use crate::{answers::SUCCESS, state::with};

/// What is called once, when the next copy was accepted.
pub static BEHIND_A_COPY: Mutex<Option<extern "C" fn()>> = Mutex::new(None);

/// What is called once, before the next event is recorded, and behind it.
pub static BEFORE_AN_EVENT: Mutex<Option<extern "C" fn()>> = Mutex::new(None);
pub static BEHIND_AN_EVENT: Mutex<Option<extern "C" fn()>> = Mutex::new(None);

/// Calls what a test has asked to be called.
pub fn call_once(next: &Mutex<Option<extern "C" fn()>>) {
    let mut next = next.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let call = next.take();
    drop(next);
    if let Some(call) = call {
        call();
    }
}

/// Refuses one call: the next is 1, and 0 is none.
#[unsafe(no_mangle)]
pub extern "C" fn model_refuse(call: u32) -> u32 {
    with(|model| std::mem::replace(&mut model.refuse, call))
}

/// Loses the device, or repairs it.
#[unsafe(no_mangle)]
pub extern "C" fn model_lose(lost: u32) -> u32 {
    with(|model| {
        model.lost = lost != 0;
        SUCCESS
    })
}

/// Calls a function once, when the next copy was accepted.
#[unsafe(no_mangle)]
pub extern "C" fn model_behind_a_copy(call: extern "C" fn()) {
    let mut next = BEHIND_A_COPY
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    *next = Some(call);
}

/// Calls a function once, before the next event is recorded.
#[unsafe(no_mangle)]
pub extern "C" fn model_before_an_event(call: extern "C" fn()) {
    let mut next = BEFORE_AN_EVENT
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    *next = Some(call);
}

/// Calls a function once, when the next event was recorded.
#[unsafe(no_mangle)]
pub extern "C" fn model_behind_an_event(call: extern "C" fn()) {
    let mut next = BEHIND_AN_EVENT
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    *next = Some(call);
}

/// How often memory of the device was allocated, or created to be mapped.
#[unsafe(no_mangle)]
pub extern "C" fn model_allocated() -> u32 {
    with(|model| model.allocated)
}

/// How many things were made and not given back.
#[unsafe(no_mangle)]
pub extern "C" fn model_alive() -> u32 {
    with(|model| {
        let memory = [
            model.memory.len(),
            model.inaccessible.len(),
            model.handles.len(),
        ];
        let places = [model.reserved.len(), model.registered.len(), model.contexts];
        let order = [model.streams.len() - model.ended.len(), model.events.len()];
        let kernels = [
            model.modules.len(),
            model.graphs.len(),
            model.launchable.len(),
        ];
        let all = memory.iter().chain(&places).chain(&order).chain(&kernels);
        all.sum::<usize>() as u32
    })
}
