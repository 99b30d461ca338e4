//! Which models may run at the same time: pairs of them, or the steps at which each starts.
//!
//! Stands on `model_set`.

use ::orionrt_plan::multi_model::{ModelSet, Schedule};

use crate::failure::Failure;
use crate::model_set::model_id;
use crate::pointers::slice;

/// Two models that may run at the same time, by their numbers.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct orionrt_model_pair {
    /// The one model.
    pub first: usize,
    /// The other model.
    pub second: usize,
}

/// The steps of a common clock at which a model starts.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct orionrt_starts {
    /// The steps, in any order.
    pub steps: *const i64,
    /// How many there are, at least one.
    pub count: usize,
}

/// The schedule in which only the two models of each pair may run at the same time.
///
/// # Safety
/// `pairs` is null or has `count` pairs.
pub(crate) unsafe fn of_pairs(
    set: &ModelSet,
    pairs: *const orionrt_model_pair,
    count: usize,
) -> Result<Schedule, Failure> {
    // SAFETY: the caller says that the pairs are there.
    let pairs = unsafe { slice(pairs, count, "pairs") }?.iter();
    let pairs = pairs.map(|pair| {
        let [first, second] = [pair.first, pair.second];
        Ok((model_id(first, set.len())?, model_id(second, set.len())?))
    });
    Ok(Schedule::pairs(pairs.collect::<Result<Vec<_>, Failure>>()?))
}

/// The schedule in which each model starts at given steps.
///
/// # Safety
/// `starts` is null or has `count` entries, each with as many steps as it states.
pub(crate) unsafe fn of_starts(
    starts: *const orionrt_starts,
    count: usize,
) -> Result<Schedule, Failure> {
    // SAFETY: the caller says that the entries and their steps are there.
    let starts = unsafe { slice(starts, count, "starts") }?.iter();
    // SAFETY: as above.
    let starts = starts.map(|one| Ok(unsafe { slice(one.steps, one.count, "steps") }?.to_vec()));
    Ok(Schedule::Starts(starts.collect::<Result<_, Failure>>()?))
}
