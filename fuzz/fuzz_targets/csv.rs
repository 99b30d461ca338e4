//! Any bytes as CSV lifetimes: they are read or refused without a panic, and lifetimes that are
//! read can be planned and written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orionrt::{Lifetimes, Plan, Planner, plan::PlanError, planner::PlannerError};

fuzz_target!(|bytes: &[u8]| {
    let Ok(lifetimes) = Lifetimes::read_csv(bytes) else {
        return;
    };
    let plan = match Planner::new().nodes(1000).plan(&lifetimes) {
        Err(PlannerError::Fixed(_)) => return,
        // A fixed offset may leave no room below 2^63.
        Err(PlannerError::Strategy {
            error: PlanError::OutOfRange { .. },
            ..
        }) => return,
        other => other.expect("valid lifetimes"),
    };
    let mut text = Vec::new();
    plan.write_csv_like(bytes, &mut text)
        .expect("its own input");
    let back = Plan::read_csv(&text[..]).expect("its own output");
    assert_eq!((back.offsets(), back.peak()), (plan.offsets(), plan.peak()));
});
