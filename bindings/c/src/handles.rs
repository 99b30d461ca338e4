//! The handles that functions of several files give or take: lifetimes and plans.
//!
//! Stands on `boundary`.

use ::orionrt_plan::{Lifetimes, Plan};

use crate::boundary::Handle;

/// When each tensor is alive, and how many bytes it needs: the rows that are planned, checked.
/// Functions that take it as `const` may be called from several threads at once. Free it with
/// `orionrt_lifetimes_free`.
pub struct orionrt_lifetimes(());

impl Handle for orionrt_lifetimes {
    const NAME: &'static str = "lifetimes";
    type Value = Lifetimes;
}

/// An offset for every tensor, checked: no two tensors that are alive together share a byte. It
/// never changes, so any number of threads may use it at once. Free it with `orionrt_plan_free`.
pub struct orionrt_plan(());

impl Handle for orionrt_plan {
    const NAME: &'static str = "plan";
    type Value = Plan;
}
