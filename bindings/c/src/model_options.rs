//! What the caller decides about a model file before it is read.
//!
//! Stands on `boundary`, on the library's `Donation` and on `orionrt-models`. Needs the feature
//! `models`.

use std::ffi::c_char;

use ::orionrt_plan::graph::Donation;
use orionrt_models::{InputValue, Options, Unknown};

use crate::alignment::check_alignment;
use crate::boundary::{Handle, free, give};
use crate::error::{change, orionrt_error};
use crate::pointers::{slice, string};
use crate::status::orionrt_status;

/// What you decide about a model before it is read. Where a function takes it, null means: no
/// dimensions, no values of inputs, no donated inputs, an alignment of 64 bytes. Free it with
/// `orionrt_model_options_free`.
pub struct orionrt_model_options(());

/// What the handle stands for.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModelOptions {
    /// What the reader of model files is given.
    pub(crate) read: Options,
    /// What is declared besides in the graph that was read.
    pub(crate) donation: Donation,
}

impl ModelOptions {
    fn declare(&mut self, declare: impl FnOnce(Donation) -> Donation) {
        self.donation = declare(std::mem::take(&mut self.donation));
    }
}

impl Handle for orionrt_model_options {
    const NAME: &'static str = "options";
    type Value = ModelOptions;
}

/// Options with their defaults.
#[unsafe(no_mangle)]
pub extern "C" fn orionrt_model_options_new() -> *mut orionrt_model_options {
    give(ModelOptions::default())
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
        change(options, error, |options| {
            options.read.dims.insert(string(name, "name")?.into(), size);
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
        change(options, error, |options| {
            let name = string(name, "name")?;
            let values = slice(values, count, "values")?.to_vec();
            let value = InputValue::Ints(values);
            options.read.inputs.insert(name.into(), value);
            Ok(())
        })
    }
}

/// Sets the least alignment of every tensor in bytes, a power of two up to 2^62.
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
        change(options, error, |options| {
            check_alignment(bytes)?;
            options.read.alignment = bytes;
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
        change(options, error, |options| {
            options.read.unknown = if skip { Unknown::Skip } else { Unknown::Refuse };
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
        change(options, error, |options| {
            options.read = options.read.clone().tflite_micro();
            Ok(())
        })
    }
}

/// Gives up the bytes of an input of the model by its name: with `ORIONRT_ALIASING_IN_PLACE` or
/// `ORIONRT_ALIASING_PARTS`, results may be written over it, as its value is not needed after the
/// model has run; with the others it changes nothing. Reading the model fails with
/// `ORIONRT_UNKNOWN_NAME` if it has no such input, and with `ORIONRT_BAD_GRAPH` if the input is an
/// output, too.
///
/// # Safety
/// `options` is null or a live handle, and no other thread uses it; `name` is null or ends with a
/// zero byte; `error` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_model_options_donate(
    options: *mut orionrt_model_options,
    name: *const c_char,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        change(options, error, |options| {
            let name = string(name, "name")?;
            options.declare(|donation| donation.input(name));
            Ok(())
        })
    }
}

/// Gives up the bytes of all inputs of the model, as `orionrt_model_options_donate` does of one.
///
/// # Safety
/// `options` is null or a live handle, and no other thread uses it; `error` is null or may be
/// written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_model_options_donate_all(
    options: *mut orionrt_model_options,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        change(options, error, |options| {
            options.declare(Donation::all_inputs);
            Ok(())
        })
    }
}

/// Declares that an output of the model is the new value of an input, both by their names, as the
/// present of a key-value cache is of its past: both have one offset in every plan, whatever the
/// aliasing. Reading the model fails with `ORIONRT_UNKNOWN_NAME` if it has no such output or input,
/// and with `ORIONRT_BAD_GRAPH` where an operator may read the old value after the new one is
/// written.
///
/// # Safety
/// `options` is null or a live handle, and no other thread uses it; `output` and `input` are null
/// or end with a zero byte; `error` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_model_options_alias_output(
    options: *mut orionrt_model_options,
    output: *const c_char,
    input: *const c_char,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        change(options, error, |options| {
            let (output, input) = (string(output, "output")?, string(input, "input")?);
            options.declare(|donation| donation.alias_output(output, input));
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
