//! Windows of lifetimes: steps at which only some bytes of a tensor are needed, added, and read
//! back as pieces.
//!
//! Stands on `lifetimes`. Invariant: a function that fails changes nothing.

use std::collections::BTreeMap;

use ::orionrt_plan::TensorId;
use ::orionrt_plan::lifetimes::Piece;

use crate::boundary::{ask, get};
use crate::error::{call, change, orionrt_error};
use crate::handles::orionrt_lifetimes;
use crate::pointers::{copy, slice};
use crate::rows::tensor_id;
use crate::status::orionrt_status;

/// Bytes of a tensor that are needed at some steps. The tensor has one offset, at which all of its
/// pieces begin to count.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct orionrt_piece {
    /// The tensor, counted from 0.
    pub tensor: usize,
    /// The first step.
    pub lower: i64,
    /// The first step after the piece.
    pub upper: i64,
    /// The first byte, counted from the start of the tensor.
    pub first: u64,
    /// The first byte after the piece.
    pub end: u64,
}

/// Adds windows: steps at which only these bytes of tensors are needed, so that others may have the
/// rest. Windows of one tensor may come in any order, and several may have the same steps: then the
/// bytes of all of them are needed. They replace what was needed at their steps before this call.
/// No other thread may use the lifetimes meanwhile.
///
/// # Safety
/// `lifetimes` is null or a live handle, and no other thread uses it; `windows` is null or has
/// `count` pieces; `error` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_lifetimes_add_windows(
    lifetimes: *mut orionrt_lifetimes,
    windows: *const orionrt_piece,
    count: usize,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller says that the handle and the windows are there, and that `error` may be
    // written to.
    unsafe {
        change(lifetimes, error, |lifetimes| {
            let windows = slice(windows, count, "windows")?;
            let mut pieces: BTreeMap<TensorId, Vec<Piece>> = BTreeMap::new();
            for window in windows {
                let id = tensor_id(window.tensor, lifetimes.len())?;
                let piece = Piece::new(window.lower..window.upper, window.first..window.end);
                pieces.entry(id).or_default().push(piece);
            }
            *lifetimes = lifetimes.clone().with_all_windows(pieces)?;
            Ok(())
        })
    }
}

/// How many pieces a tensor has; 0 for an unknown tensor. Without gaps and windows, a tensor that
/// is ever alive has one: all of its bytes in all of its steps.
///
/// # Safety
/// `lifetimes` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_lifetimes_piece_count(
    lifetimes: *const orionrt_lifetimes,
    tensor: usize,
) -> usize {
    // SAFETY: the caller says that the handle is null or live.
    unsafe {
        ask(lifetimes, |lifetimes| {
            let id = tensor_id(tensor, lifetimes.len());
            id.map_or(0, |id| lifetimes.pieces(id).count())
        })
    }
}

/// Copies the pieces of a tensor, in ascending order of steps and then of bytes, into an array with
/// room for `room` of them, at least `orionrt_lifetimes_piece_count`.
///
/// # Safety
/// `lifetimes` is null or a live handle; `pieces` is null or has room for so many; `error` is null
/// or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_lifetimes_copy_pieces(
    lifetimes: *const orionrt_lifetimes,
    tensor: usize,
    pieces: *mut orionrt_piece,
    room: usize,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        call(error, || {
            let lifetimes = get(lifetimes)?;
            let id = tensor_id(tensor, lifetimes.len())?;
            let found = lifetimes.pieces(id).map(|piece| orionrt_piece {
                tensor,
                lower: piece.steps.start,
                upper: piece.steps.end,
                first: piece.bytes.start,
                end: piece.bytes.end,
            });
            copy(&found.collect::<Vec<_>>(), pieces, room, "pieces")
        })
    }
}
