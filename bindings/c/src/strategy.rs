//! The names of strategies.
//!
//! Stands on nothing. Invariant: they are those of the library, which a test compares.

use std::ffi::{CStr, c_char};

/// The names of all strategies, the default first.
pub(crate) const STRATEGIES: [&CStr; 11] = [
    c"auto",
    c"skyline",
    c"core",
    c"greedy-bands",
    c"greedy-size",
    c"greedy-breadth",
    c"greedy-area",
    c"greedy-lifetime",
    c"best-fit",
    c"first-fit",
    c"linear-scan",
];

/// How many strategies there are.
#[unsafe(no_mangle)]
pub extern "C" fn orionrt_strategy_count() -> usize {
    STRATEGIES.len()
}

/// The name of a strategy, counted from 0, the default first; null if there is none. It is valid
/// for good.
#[unsafe(no_mangle)]
pub extern "C" fn orionrt_strategy_name(index: usize) -> *const c_char {
    let name = STRATEGIES.get(index);
    name.map_or(std::ptr::null(), |name| name.as_ptr())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::orionrt_plan::Planner;

    #[test]
    fn the_names_of_strategies_are_those_of_the_planner() {
        let all = Planner::strategies();
        let names: Vec<&str> = all.iter().map(|strategy| strategy.name()).collect();
        assert!(
            STRATEGIES
                .iter()
                .filter_map(|name| name.to_str().ok())
                .eq(names)
        );
    }
}
