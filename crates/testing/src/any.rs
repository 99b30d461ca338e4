//! Random inputs that the tests of planners share: a strategy, and fixed offsets at which the fixed
//! rows do not overlap.
//!
//! What it knows of rows, the caller passes in.

use orionrt_plan::{Planner, TensorId};
use proptest::prelude::*;

/// The id of a tensor by its position.
///
/// # Panics
/// If the position is 2^32 or more.
pub fn id(index: usize) -> TensorId {
    TensorId::new(u32::try_from(index).expect("few tensors"))
}

/// A planner with one of the built-in strategies and so many nodes. Where tensors have gaps or
/// windows, most strategies leave them to the default one.
pub fn any_planner(nodes: u64) -> impl Strategy<Value = Planner> {
    let names = Planner::strategies().into_iter();
    let names: Vec<String> = names.map(|strategy| strategy.name().to_string()).collect();
    prop::sample::select(names).prop_map(move |name| {
        let planner = Planner::new().nodes(nodes);
        planner.strategy_named(&name).expect("its own name")
    })
}

/// Takes the fixed offsets off rows that would share bytes with rows that are fixed before them:
/// `is_plan` says whether rows have a plan at these offsets.
pub fn keep_fixed_apart<R: Clone>(
    rows: &mut [R],
    fixed_offset: impl Fn(&mut R) -> &mut Option<u64>,
    is_plan: impl Fn(&[R], &[u64]) -> bool,
) {
    for i in 0..rows.len() {
        let before = rows[..=i].iter_mut();
        let fixed = before.filter_map(|row| Some(((*fixed_offset(row))?, row.clone())));
        let (offsets, fixed): (Vec<u64>, Vec<R>) = fixed.unzip();
        if !is_plan(&fixed, &offsets) {
            *fixed_offset(&mut rows[i]) = None;
        }
    }
}
