//! Model files: ONNX and TensorFlow Lite, from a path or from memory, as lifetimes.
//!
//! Stands on `model_options`, `aliasing` and `text`, and on `orionrt-models`. Needs the feature
//! `models`.

use std::ffi::c_char;

use ::orionrt_plan::graph::DonationError;
use orionrt_models::{Model, ModelError, Options, load, parse};

use crate::aliasing::aliasing;
use crate::boundary::{Answer, Handle, ask, copy_of, free, get};
use crate::error::{create, orionrt_error};
use crate::failure::Failure;
use crate::handles::orionrt_lifetimes;
use crate::model_options::{ModelOptions, orionrt_model_options};
use crate::pointers::{path, slice};
use crate::status::orionrt_status::{self, *};
use crate::text::orionrt_string;

/// A model that was read from a file. It never changes, so any number of threads may use it. Free
/// it with `orionrt_model_free`.
pub struct orionrt_model(());

impl Handle for orionrt_model {
    const NAME: &'static str = "model";
    type Value = Model;
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        let status = match &error {
            ModelError::Read { .. } => ORIONRT_IO,
            ModelError::MissingDims { .. } => ORIONRT_MISSING_DIMENSIONS,
            ModelError::UnknownDim { .. } | ModelError::Input { .. } => ORIONRT_UNKNOWN_NAME,
            ModelError::Alignment(_) => ORIONRT_BAD_ALIGNMENT,
            _ => ORIONRT_BAD_MODEL,
        };
        Self::new(status, error.to_string())
    }
}

impl From<DonationError> for Failure {
    fn from(error: DonationError) -> Self {
        match error {
            DonationError::Graph(error) => error.into(),
            unknown => Self::new(ORIONRT_UNKNOWN_NAME, unknown.to_string()),
        }
    }
}

/// The model that a reader makes with these options.
fn read(
    options: &ModelOptions,
    read: impl FnOnce(&Options) -> Result<Model, ModelError>,
) -> Result<Model, Failure> {
    let mut model = read(&options.read)?;
    model.graph = options.donation.declare_in(model.graph)?;
    Ok(model)
}

/// Reads an ONNX or TensorFlow Lite file. Weights of large files and files beside it are not read.
///
/// # Safety
/// `path` is null or ends with a zero byte; `options` is null or a live handle; `model` and `error`
/// are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_model_read(
    path: *const c_char,
    options: *const orionrt_model_options,
    model: *mut *mut orionrt_model,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        create(model, error, || {
            let path = self::path(path)?;
            read(&copy_of(options), |options| load(path, options))
        })
    }
}

/// Reads an ONNX or TensorFlow Lite model that is in memory.
///
/// # Safety
/// `bytes` is null or has `length` bytes; `options` is null or a live handle; `model` and `error`
/// are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_model_parse(
    bytes: *const u8,
    length: usize,
    options: *const orionrt_model_options,
    model: *mut *mut orionrt_model,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        create(model, error, || {
            let bytes = slice(bytes, length, "bytes")?;
            read(&copy_of(options), |options| parse(bytes, options))
        })
    }
}

/// The lifetimes of a model's tensors; `aliasing` is one of `orionrt_aliasing`. Operator *i* of the
/// file's order runs at step *i*.
///
/// # Safety
/// `model` is null or a live handle; `lifetimes` and `error` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_lifetimes_from_model(
    model: *const orionrt_model,
    aliasing: u32,
    lifetimes: *mut *mut orionrt_lifetimes,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        create(lifetimes, error, || {
            let model = get(model)?;
            Ok(model.graph.lifetimes_with(self::aliasing(aliasing)?))
        })
    }
}

/// How many operators a model has, those in bodies of control flow included.
///
/// # Safety
/// `model` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_model_operator_count(model: *const orionrt_model) -> usize {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(model, |model| model.graph.ops().len()) }
}

/// The bytes of the weights that a model's operators read; no plan has them.
///
/// # Safety
/// `model` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_model_weights_bytes(model: *const orionrt_model) -> u64 {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(model, |model| model.weights_bytes) }
}

/// How many tensors and bodies of a model are not in its lifetimes: strings, and what has no known
/// size.
///
/// # Safety
/// `model` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_model_left_out_count(model: *const orionrt_model) -> usize {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(model, |model| model.left_out.len()) }
}

/// The name of something that is left out, counted from 0; it belongs to the model and is valid
/// until that is freed. No text if there are fewer.
///
/// # Safety
/// `model` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_model_left_out_name(
    model: *const orionrt_model,
    index: usize,
) -> orionrt_string {
    // SAFETY: the caller says that the handle is null or live.
    unsafe {
        ask(model, |model| {
            let left_out = model.left_out.get(index);
            left_out.map_or(orionrt_string::NOTHING, |one| orionrt_string::of(&one.name))
        })
    }
}

/// Frees a model; nothing for a null pointer.
///
/// # Safety
/// `model` is null or a live handle, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_model_free(model: *mut orionrt_model) {
    // SAFETY: the caller gives the handle back.
    unsafe { free(model) };
}
