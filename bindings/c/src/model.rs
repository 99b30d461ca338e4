//! Model files: ONNX and TensorFlow Lite, from a path or from memory, as lifetimes.
//!
//! Stands on `graph` and on `orionrt-models`. Needs the feature `models`.

use std::ffi::c_char;

use orionrt_models::{InputValue, Model, ModelError, Options, Unknown, load, parse};

use crate::boundary::{self, Handle, ask, copy_of, free, get, get_mut, give, slice, string};
use crate::error::{call, create, orionrt_error};
use crate::failure::Failure;
use crate::graph::aliasing;
use crate::handles::orionrt_lifetimes;
use crate::status::orionrt_status::{self, *};
use crate::text::orionrt_text;

/// What you decide about a model before it is read. Where a function takes it, null means: no
/// dimensions, no values of inputs, an alignment of 64 bytes. Free it with
/// `orionrt_model_options_free`.
pub struct orionrt_model_options(());

impl Handle for orionrt_model_options {
    type Value = Options;
}

/// A model that was read from a file. It never changes, so any number of threads may use it. Free
/// it with `orionrt_model_free`.
pub struct orionrt_model(());

impl Handle for orionrt_model {
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

/// Options with their defaults.
#[unsafe(no_mangle)]
pub extern "C" fn orionrt_model_options_new() -> *mut orionrt_model_options {
    give(Options::new())
}

/// # Safety
/// The options are null or live handles, and nobody else uses them; `error` is null or may be
/// written to.
unsafe fn set(
    options: *mut orionrt_model_options,
    error: *mut *mut orionrt_error,
    change: impl FnOnce(&mut Options) -> Result<(), Failure>,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe { call(error, || change(get_mut(options, "options")?)) }
}

/// Sets the size of a dimension by its name, or the upper bound of one that depends on data.
///
/// # Safety
/// `options` is null or a live handle, and no other thread uses it; `name` is null or ends with a
/// zero byte; `error` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_model_options_set_dimension(
    options: *mut orionrt_model_options,
    name: *const c_char,
    size: u64,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        set(options, error, |options| {
            options.dims.insert(string(name, "name")?.into(), size);
            Ok(())
        })
    }
}

/// Sets the value of an input of whole numbers that decides a shape, a branch or the number of
/// iterations: its elements in row-major order.
///
/// # Safety
/// `options` is null or a live handle, and no other thread uses it; `name` is null or ends with a
/// zero byte; `values` is null or has `count` numbers; `error` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_model_options_set_input(
    options: *mut orionrt_model_options,
    name: *const c_char,
    values: *const i64,
    count: usize,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        set(options, error, |options| {
            let name = string(name, "name")?;
            let values = slice(values, count, "values")?.to_vec();
            options.inputs.insert(name.into(), InputValue::Ints(values));
            Ok(())
        })
    }
}

/// Sets the least alignment of every tensor in bytes, a power of two.
///
/// # Safety
/// `options` is null or a live handle, and no other thread uses it; `error` is null or may be
/// written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_model_options_set_alignment(
    options: *mut orionrt_model_options,
    bytes: u64,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        set(options, error, |options| {
            options.alignment = bytes;
            Ok(())
        })
    }
}

/// Sets whether tensors of unknown size are left out and listed; by default they are an error that
/// names the dimensions that are missing.
///
/// # Safety
/// `options` is null or a live handle, and no other thread uses it; `error` is null or may be
/// written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_model_options_set_skip_unknown(
    options: *mut orionrt_model_options,
    skip: bool,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        set(options, error, |options| {
            options.unknown = if skip { Unknown::Skip } else { Unknown::Refuse };
            Ok(())
        })
    }
}

/// Plans only the tensors that TensorFlow Lite Micro places at given offsets, aligned to the 16
/// bytes that it expects: an alignment that was set before is replaced. It places variables and
/// bodies of control flow itself: these are left out and listed.
///
/// # Safety
/// `options` is null or a live handle, and no other thread uses it; `error` is null or may be
/// written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_model_options_set_tflite_micro(
    options: *mut orionrt_model_options,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        set(options, error, |options| {
            *options = options.clone().tflite_micro();
            Ok(())
        })
    }
}

/// Frees options; nothing for a null pointer.
///
/// # Safety
/// `options` is null or a live handle, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_model_options_free(options: *mut orionrt_model_options) {
    // SAFETY: the caller gives the handle back.
    unsafe { free(options) };
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
        create(model, "model", error, || {
            Ok(load(boundary::path(path)?, &copy_of(options))?)
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
        create(model, "model", error, || {
            let bytes = slice(bytes, length, "bytes")?;
            Ok(parse(bytes, &copy_of(options))?)
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
        create(lifetimes, "lifetimes", error, || {
            let model = get(model, "model")?;
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

/// The names of what is left out, one a line. Free the text.
///
/// # Safety
/// `model` is null or a live handle; `text` and `error` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_model_left_out(
    model: *const orionrt_model,
    text: *mut *mut orionrt_text,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        create(text, "text", error, || {
            let left_out = get(model, "model")?.left_out.iter();
            Ok(left_out.map(|one| format!("{}\n", one.name)).collect())
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
