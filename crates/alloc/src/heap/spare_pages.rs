//! Pages of sampled objects that were freed, kept for the next ones: taking pages from the page
//! heap and giving them back costs more than all else that is done for a sample.
//!
//! Stands on runs of pages. The samples' lock is also that of these pages.
//!
//! Invariant: the pages are in use to the page heap, of no kind, and in nobody's hands. There are
//! at most [`MOST_PAGES`].

#![forbid(unsafe_code)]

use super::{
    class::{LARGEST, PAGE},
    page_run::PageRun,
    zone_map::ZoneMap,
};

/// The most pages that are kept: 128 KiB.
const MOST_PAGES: usize = 32;
/// The most runs of one length.
const MOST_RUNS: usize = 4;
/// The most pages of an object.
const LONGEST: usize = LARGEST.div_ceil(PAGE);

/// Runs of pages by their lengths, from one page on.
#[derive(Debug)]
pub(super) struct SparePages {
    of_length: [Runs; LONGEST],
    pages: usize,
}

/// Runs of one length, by their first pages: the first `count` places.
#[derive(Clone, Copy, Debug)]
struct Runs {
    first: [Option<(&'static ZoneMap, usize)>; MOST_RUNS],
    count: usize,
}

impl SparePages {
    pub(super) const fn new() -> Self {
        const NONE: Runs = Runs {
            first: [None; MOST_RUNS],
            count: 0,
        };
        Self {
            of_length: [NONE; LONGEST],
            pages: 0,
        }
    }

    /// How many pages there are.
    pub(super) fn pages(&self) -> usize {
        self.pages
    }

    fn runs_of(&mut self, pages: usize) -> Option<&mut Runs> {
        self.of_length.get_mut(pages.wrapping_sub(1))
    }

    /// Takes a run of so many pages.
    #[inline]
    pub(super) fn take(&mut self, pages: usize) -> Option<PageRun<'static>> {
        let runs = self.runs_of(pages)?;
        let last = runs.count.checked_sub(1)?;
        let (map, first) = runs.first.get_mut(last)?.take()?;
        runs.count = last;
        self.pages -= pages;
        Some(PageRun::block(map, first..first + pages))
    }

    /// Takes any run.
    pub(super) fn take_any(&mut self) -> Option<PageRun<'static>> {
        (1..=LONGEST).find_map(|pages| self.take(pages))
    }

    /// Keeps a run; `false` if it is to go back to the page heap.
    #[inline]
    pub(super) fn keep(&mut self, run: &PageRun<'static>) -> bool {
        let (pages, all) = (run.pages.len(), self.pages + run.pages.len());
        let runs = self.runs_of(pages).filter(|_| all <= MOST_PAGES);
        let place = runs.and_then(|runs| Some((runs.first.get_mut(runs.count)?, &mut runs.count)));
        let Some((place, count)) = place else {
            return false;
        };
        *place = Some((run.map, run.pages.start));
        *count += 1;
        self.pages = all;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::{boxed::Box, vec::Vec};

    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::arena::HugePages;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Beside a list of what is kept.
        #[test]
        fn runs_are_kept_up_to_the_bounds_and_taken_once(
            steps in vec((any::<bool>(), 1..=LONGEST), 0..200),
        ) {
            let map = ZoneMap::reserve(1 << 20, 1 << 20, HugePages::Off).unwrap();
            let map: &'static ZoneMap = Box::leak(Box::new(map));
            let (mut spare, mut model, mut next) = (SparePages::new(), Vec::new(), 0);
            for (keeps, pages) in steps {
                let of_length = model.iter().filter(|run: &&(usize, usize)| run.1 == pages);
                let (runs, all) = (of_length.count(), model.iter().map(|run| run.1).sum::<usize>());
                if keeps {
                    let kept = spare.keep(&PageRun::block(map, next..next + pages));
                    prop_assert_eq!(kept, runs < MOST_RUNS && all + pages <= MOST_PAGES);
                    if kept {
                        model.push((next, pages));
                    }
                    next += pages;
                } else {
                    let taken = spare.take(pages);
                    prop_assert_eq!(taken.is_some(), runs > 0);
                    if let Some(run) = taken {
                        let found = (run.pages.start, run.pages.len());
                        let index = model.iter().position(|kept| *kept == found);
                        model.swap_remove(index.expect("it was kept"));
                    }
                }
                prop_assert_eq!(spare.pages(), model.iter().map(|run| run.1).sum::<usize>());
            }
            while spare.take_any().is_some() {}
            prop_assert_eq!(spare.pages(), 0);
        }
    }
}
