//! Random graphs: a machine that follows schedules byte by byte finds what the graph computes.

use orionrt::{Planner, fit::FitError};
use orionrt_testing::{
    fit_instances::{FitInstance, fit_instances, sizes_of},
    fit_machine::computes,
};
use proptest::prelude::*;

proptest! {
    #[test]
    fn schedules_compute_what_the_graph_computes(instance in fit_instances()) {
        let FitInstance { graph, fit, .. } = &instance;
        match Planner::new().fit(graph, fit) {
            Ok(fitted) => {
                let schedule = fitted.schedule();
                prop_assert!(fitted.fast_plan().peak() <= fit.capacity());
                prop_assert_eq!(fitted.load(), fitted.fast_plan().load());
                prop_assert!(computes(graph, schedule, sizes_of(schedule, graph)));
                prop_assert!(fitted.lower_bound() <= fitted.cost().seconds() + 1e-9);
            }
            Err(error) => {
                let is_right = matches!(
                    error,
                    FitError::Impossible { .. } | FitError::NotFound { .. } | FitError::Placement(_)
                );
                prop_assert!(is_right, "{}", error);
            }
        }
    }
}
