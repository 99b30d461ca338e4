//! Sets of models.
//!
//! Stands on `handles`.

use std::ffi::c_char;

use ::orionrt_plan::Lifetimes;
use ::orionrt_plan::multi_model::{ModelId, ModelSet};

use crate::boundary::{Handle, free, get, give};
use crate::error::{add, orionrt_error};
use crate::failure::Failure;
use crate::handles::orionrt_lifetimes;
use crate::pointers::string;
use crate::status::orionrt_status;

/// Models that are to have one region of memory. Free it with `orionrt_model_set_free`.
pub struct orionrt_model_set(());

impl Handle for orionrt_model_set {
    const NAME: &'static str = "set";
    type Value = ModelSet;
}

/// A set without models.
#[unsafe(no_mangle)]
pub extern "C" fn orionrt_model_set_new() -> *mut orionrt_model_set {
    give(ModelSet::new())
}

/// Adds a model, whose steps are counted by its own clock. Models are numbered from 0 in the order
/// in which they were added; `model` may be null, and gets `ORIONRT_NONE` after an error. The
/// lifetimes are copied.
///
/// # Safety
/// `set` is null or a live handle, and no other thread uses it; `name` is null or ends with a zero
/// byte; `lifetimes` is null or a live handle; `model` and `error` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_model_set_add(
    set: *mut orionrt_model_set,
    name: *const c_char,
    lifetimes: *const orionrt_lifetimes,
    model: *mut usize,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        add(set, model, "model", error, |set| {
            let lifetimes: &Lifetimes = get(lifetimes)?;
            Ok(set.add(string(name, "name")?, lifetimes.clone())?.index())
        })
    }
}

/// Frees a set; nothing for a null pointer.
///
/// # Safety
/// `set` is null or a live handle, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_model_set_free(set: *mut orionrt_model_set) {
    // SAFETY: the caller gives the handle back.
    unsafe { free(set) };
}

/// The model of this number.
pub(crate) fn model_id(index: usize, models: usize) -> Result<ModelId, Failure> {
    match u32::try_from(index) {
        Ok(id) if index < models => Ok(ModelId::new(id)),
        _ => Err(Failure::unknown("a model", index, models, "models")),
    }
}
