//! Gaps of lifetimes: steps at which a tensor needs no bytes, added and read back.
//!
//! Stands on `lifetimes`. Invariant: a function that fails changes nothing.

use std::collections::BTreeMap;
use std::ops::Range;

use ::orionrt_plan::TensorId;

use crate::boundary::{ask, get};
use crate::error::{call, change, orionrt_error};
use crate::handles::orionrt_lifetimes;
use crate::pointers::{copy, slice};
use crate::rows::tensor_id;
use crate::status::orionrt_status;

/// Steps in the lifetime of a tensor at which its bytes are not needed, so that others may have
/// them. The tensor has the same offset before and after.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct orionrt_gap {
    /// The tensor, counted from 0.
    pub tensor: usize,
    /// The first step of the gap.
    pub lower: i64,
    /// The first step after the gap.
    pub upper: i64,
}

/// Adds gaps: steps at which tensors need no bytes. Gaps of one tensor may come in any order, and
/// may touch but not overlap; those of earlier calls stay. No other thread may use the lifetimes
/// meanwhile.
///
/// # Safety
/// `lifetimes` is null or a live handle, and no other thread uses it; `gaps` is null or has `count`
/// gaps; `error` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_lifetimes_add_gaps(
    lifetimes: *mut orionrt_lifetimes,
    gaps: *const orionrt_gap,
    count: usize,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller says that the handle and the gaps are there, and that `error` may be
    // written to.
    unsafe {
        change(lifetimes, error, |lifetimes| {
            let gaps = slice(gaps, count, "gaps")?;
            let mut ranges: BTreeMap<TensorId, Vec<Range<i64>>> = BTreeMap::new();
            for gap in gaps {
                let id = tensor_id(gap.tensor, lifetimes.len())?;
                ranges.entry(id).or_default().push(gap.lower..gap.upper);
            }
            *lifetimes = lifetimes.clone().with_all_gaps(ranges)?;
            Ok(())
        })
    }
}

/// How many gaps a tensor has; 0 for an unknown tensor. Gaps that touch are one, and a gap at the
/// beginning or the end of a lifetime is none: the lifetime is shorter then.
///
/// # Safety
/// `lifetimes` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_lifetimes_gap_count(
    lifetimes: *const orionrt_lifetimes,
    tensor: usize,
) -> usize {
    // SAFETY: the caller says that the handle is null or live.
    unsafe {
        ask(lifetimes, |lifetimes| {
            let id = tensor_id(tensor, lifetimes.len());
            id.map_or(0, |id| lifetimes.gaps(id).count())
        })
    }
}

/// Copies the gaps of a tensor, in ascending order, into an array with room for `room` of them, at
/// least `orionrt_lifetimes_gap_count`.
///
/// # Safety
/// `lifetimes` is null or a live handle; `gaps` is null or has room for so many; `error` is null or
/// may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_lifetimes_copy_gaps(
    lifetimes: *const orionrt_lifetimes,
    tensor: usize,
    gaps: *mut orionrt_gap,
    room: usize,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        call(error, || {
            let lifetimes = get(lifetimes)?;
            let id = tensor_id(tensor, lifetimes.len())?;
            let found = lifetimes.gaps(id).map(|steps| orionrt_gap {
                tensor,
                lower: steps.start,
                upper: steps.end,
            });
            copy(&found.collect::<Vec<_>>(), gaps, room, "gaps")
        })
    }
}
