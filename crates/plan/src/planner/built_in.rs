//! The strategies that come with the library. A new one is added to the list here.

use alloc::{boxed::Box, vec::Vec};

use super::auto::Auto;
use super::capacity_search::SearchAlone;
use super::greedy::Greedy;
use super::online::{HeapFit, LinearScan};
use super::strategy::Strategy;

/// All built-in strategies, the default first. Their names are part of the command line.
pub(super) fn all() -> Vec<Box<dyn Strategy>> {
    let mut all: Vec<Box<dyn Strategy>> = alloc::vec![
        Box::new(Auto),
        Box::new(SearchAlone::Skyline),
        Box::new(SearchAlone::CriticalFirst),
    ];
    for greedy in Greedy::ALL {
        all.push(Box::new(greedy));
    }
    all.push(Box::new(HeapFit::BestFit));
    all.push(Box::new(HeapFit::FirstFit));
    all.push(Box::new(LinearScan));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_strategies_stay_as_they_are() {
        let all = all();
        let names: Vec<&str> = all.iter().map(|strategy| strategy.name()).collect();
        let expected = [
            "auto",
            "skyline",
            "core",
            "greedy-bands",
            "greedy-size",
            "greedy-breadth",
            "greedy-area",
            "greedy-lifetime",
            "best-fit",
            "first-fit",
            "linear-scan",
        ];
        assert_eq!(names, expected);
    }
}
