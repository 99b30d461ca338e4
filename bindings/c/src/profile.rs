//! Lifetimes step by step: the load, the lower bound, and which tensors conflict.
//!
//! Stands on `lifetimes`.

use ::orionrt_plan::Lifetimes;

use crate::boundary::{Handle, ask, free, get};
use crate::error::{create, orionrt_error};
use crate::handles::orionrt_lifetimes;
use crate::rows::tensor_id;
use crate::status::orionrt_status;

/// Consecutive steps at which the same tensors are alive. A new field is a new
/// `ORIONRT_ABI_VERSION`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct orionrt_section {
    /// The first step.
    pub lower: i64,
    /// The step after the last one.
    pub upper: i64,
    /// The bytes of the tensors that are alive.
    pub live_bytes: u64,
    /// The least end in bytes of the topmost of them in any plan. It is above the bytes that are
    /// alive where alignment costs bytes or an offset is fixed.
    pub bound: u64,
}

/// The load of lifetimes over time, and a lower bound beside it. It never changes, so any number of
/// threads may use it. Free it with `orionrt_profile_free`.
pub struct orionrt_profile(());

impl Handle for orionrt_profile {
    const NAME: &'static str = "profile";
    type Value = Vec<orionrt_section>;
}

/// Makes the profile of lifetimes: sections in order of time, one right after the other, from the
/// first step at which a tensor is alive to the last.
///
/// # Safety
/// `lifetimes` is null or a live handle; `profile` and `error` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_profile_make(
    lifetimes: *const orionrt_lifetimes,
    profile: *mut *mut orionrt_profile,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        create(profile, error, || {
            let lifetimes: &Lifetimes = get(lifetimes)?;
            let both = lifetimes.load_profile().into_iter();
            let both = both.zip(lifetimes.bound_profile());
            let sections = both.map(|((steps, live_bytes), (_, bound))| orionrt_section {
                lower: steps.start,
                upper: steps.end,
                live_bytes,
                bound,
            });
            Ok(sections.collect())
        })
    }
}

/// How many sections a profile has.
///
/// # Safety
/// `profile` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_profile_count(profile: *const orionrt_profile) -> usize {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(profile, Vec::len) }
}

/// The sections of a profile. They belong to it and are valid until it is freed.
///
/// # Safety
/// `profile` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_profile_sections(
    profile: *const orionrt_profile,
) -> *const orionrt_section {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(profile, Vec::as_ptr) }
}

/// Frees a profile; nothing for a null pointer.
///
/// # Safety
/// `profile` is null or a live handle, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_profile_free(profile: *mut orionrt_profile) {
    // SAFETY: the caller gives the handle back.
    unsafe { free(profile) };
}

/// Whether two tensors must not share bytes: both need bytes of their own, and they may be alive at
/// the same time. False for a tensor that is not there.
///
/// # Safety
/// `lifetimes` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_lifetimes_conflict(
    lifetimes: *const orionrt_lifetimes,
    first: usize,
    second: usize,
) -> bool {
    // SAFETY: the caller says that the handle is null or live.
    unsafe {
        ask(lifetimes, |lifetimes| {
            let ids = [first, second].map(|tensor| tensor_id(tensor, lifetimes.len()));
            matches!(ids, [Ok(a), Ok(b)] if lifetimes.conflict(a, b))
        })
    }
}
