//! Which tensors of several models may share bytes, before anything is planned.
//!
//! Stands on `schedule`. Invariant: what is told of two tensors is what the list of pairs has.

use std::ops::ControlFlow;

use ::orionrt_plan::TensorId;
use ::orionrt_plan::multi_model::{
    ModelSet, ModelTensor, Schedule, SharingOpportunity, SharingRelation, SharingSummary,
};

use crate::boundary::{Handle, ask, free, get};
use crate::error::{call, create, orionrt_error};
use crate::failure::Failure;
use crate::model_set::{model_id, orionrt_model_set};
use crate::pointers::{copy, put, put_if_wanted};
use crate::schedule::{of_pairs, of_starts, orionrt_model_pair, orionrt_starts};
use crate::status::orionrt_status;

/// Which tensors of different models may share bytes. It never changes, so any number of threads
/// may use it. Free it with `orionrt_sharing_free`.
pub struct orionrt_sharing(());

/// What the handle stands for.
pub struct Sharing {
    relation: SharingRelation,
    summary: SharingSummary,
}

impl Handle for orionrt_sharing {
    const NAME: &'static str = "sharing";
    type Value = Sharing;
}

/// A tensor of one of several models, by their numbers.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct orionrt_model_tensor {
    /// The model.
    pub model: usize,
    /// The tensor in it.
    pub tensor: usize,
}

impl From<ModelTensor> for orionrt_model_tensor {
    fn from(tensor: ModelTensor) -> Self {
        Self {
            model: tensor.model.index(),
            tensor: tensor.tensor.index(),
        }
    }
}

impl orionrt_model_tensor {
    fn id(self) -> Result<ModelTensor, Failure> {
        // A number that no model or tensor can have is refused as one that none has.
        let models = u32::MAX as usize;
        let tensor = u32::try_from(self.tensor).unwrap_or(u32::MAX);
        Ok(ModelTensor {
            model: model_id(self.model, models)?,
            tensor: TensorId::new(tensor),
        })
    }
}

/// Two tensors of different models that are never alive together. A new field is a new
/// `ORIONRT_ABI_VERSION`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct orionrt_sharing_pair {
    /// The smaller tensor; either one if both have the same size.
    pub smaller: orionrt_model_tensor,
    /// The other tensor.
    pub larger: orionrt_model_tensor,
    /// The most bytes that they can share: the size of the smaller one.
    pub bytes: u64,
}

impl From<SharingOpportunity> for orionrt_sharing_pair {
    fn from(pair: SharingOpportunity) -> Self {
        Self {
            smaller: pair.smaller.into(),
            larger: pair.larger.into(),
            bytes: pair.bytes,
        }
    }
}

/// Tells which tensors of different models may share bytes, where only the two models of each pair
/// may run at the same time. Nothing is planned. A tensor counts as alive in its gaps, too, which a
/// plan may use.
///
/// # Safety
/// `set` is null or a live handle; `pairs` is null or has `count` pairs; `sharing` and `error` are
/// null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_sharing_find(
    set: *const orionrt_model_set,
    pairs: *const orionrt_model_pair,
    count: usize,
    sharing: *mut *mut orionrt_sharing,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        create(sharing, error, || {
            let set = get(set)?;
            find(set, &of_pairs(set, pairs, count)?)
        })
    }
}

/// Tells which tensors of different models may share bytes, where each model starts at given steps
/// of a common clock: tensor by tensor. `starts` has one entry for each model, in order.
///
/// # Safety
/// `set` is null or a live handle; `starts` is null or has `count` entries, each with as many steps
/// as it states; `sharing` and `error` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_sharing_find_timed(
    set: *const orionrt_model_set,
    starts: *const orionrt_starts,
    count: usize,
    sharing: *mut *mut orionrt_sharing,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        create(sharing, error, || {
            find(get(set)?, &of_starts(starts, count)?)
        })
    }
}

fn find(set: &ModelSet, schedule: &Schedule) -> Result<Sharing, Failure> {
    Ok(Sharing {
        relation: set.sharing(schedule)?,
        summary: set.sharing_summary(schedule, 0)?,
    })
}

/// How many pairs of tensors of different models may share bytes. At least so many, if
/// `orionrt_sharing_is_complete` is false.
///
/// # Safety
/// `sharing` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_sharing_pair_count(sharing: *const orionrt_sharing) -> u64 {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(sharing, |found| found.summary.pairs) }
}

/// Whether all pairs were counted. Where models start many times, tensors that take turns, each
/// alive between the runs of the other, are not counted if there are too many to compare.
///
/// # Safety
/// `sharing` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_sharing_is_complete(sharing: *const orionrt_sharing) -> bool {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(sharing, |found| found.summary.is_complete) }
}

/// How many bytes two tensors may share at most; 0 if they may not, and after an error.
///
/// # Safety
/// `sharing` is null or a live handle; `bytes` and `error` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_sharing_bytes(
    sharing: *const orionrt_sharing,
    first: orionrt_model_tensor,
    second: orionrt_model_tensor,
    bytes: *mut u64,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        call(error, || {
            put(bytes, 0, "bytes")?;
            let found = get(sharing)?
                .relation
                .opportunity(first.id()?, second.id()?)?;
            put(bytes, found.map_or(0, |pair| pair.bytes), "bytes")
        })
    }
}

/// Copies the pairs with most bytes to share, those first that have most, into an array with room
/// for `room` of them. `count`, which may be null, gets the number of those that were copied, 0
/// after an error. There may be as many pairs as the square of the tensors.
///
/// # Safety
/// `sharing` is null or a live handle; `pairs` is null or has room for so many; `count` and `error`
/// are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_sharing_copy_largest(
    sharing: *const orionrt_sharing,
    pairs: *mut orionrt_sharing_pair,
    room: usize,
    count: *mut usize,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        call(error, || {
            tell_all(pairs, room, count, "pairs", |tell| {
                let _ = get(sharing)?.relation.visit(|pair| tell(pair.into()));
                Ok(())
            })
        })
    }
}

/// Frees what was told of sharing; nothing for a null pointer.
///
/// # Safety
/// `sharing` is null or a live handle, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_sharing_free(sharing: *mut orionrt_sharing) {
    // SAFETY: the caller gives the handle back.
    unsafe { free(sharing) };
}

/// Hands over one value; breaks when there is no room for another one.
pub(crate) type Tell<'t, T> = &'t mut dyn FnMut(T) -> ControlFlow<()>;

/// Copies the values that `visit` tells, as many as there is room for, and their number.
///
/// # Safety
/// `data` is null or has room for `room` values; `count` is null or may be written to.
pub(crate) unsafe fn tell_all<T: Copy>(
    data: *mut T,
    room: usize,
    count: *mut usize,
    what: &str,
    visit: impl FnOnce(Tell<'_, T>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    // SAFETY: the caller says of the pointers what `put_if_wanted` and `copy` ask for.
    unsafe {
        put_if_wanted(count, 0, "count")?;
        let mut told = Vec::new();
        visit(&mut |value| {
            if told.len() == room {
                return ControlFlow::Break(());
            }
            told.push(value);
            ControlFlow::Continue(())
        })?;
        copy(&told, data, room, what)?;
        put_if_wanted(count, told.len(), "count")
    }
}
