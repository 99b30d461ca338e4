//! The lane of the thread that runs an iteration: what it is expected to ask for, how far it has
//! come, and what became of its requests.
//!
//! Invariant: only that thread touches the matcher and the counters or, while no iteration runs,
//! the owner of the session.

#![forbid(unsafe_code)]

use core::alloc::Layout;

use super::{
    factors::Fit,
    fitting::FitSearch,
    matching::Matcher,
    request_counters::RequestCounters,
    template::{Expected, Template},
};

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) template: Template,
    pub(super) matcher: Matcher,
    pub(super) counters: RequestCounters,
}

impl Lane {
    pub(super) fn new(template: Template) -> Self {
        Self {
            template,
            matcher: Matcher::default(),
            counters: RequestCounters::default(),
        }
    }

    /// The recorded request that this one is, if it is found: at least as large and as strictly
    /// aligned.
    #[inline]
    pub(super) fn find(&self, layout: Layout, fit: &Fit) -> Option<Expected> {
        match self.matcher.in_order(&self.template, layout) {
            Some(expected) => Some(expected),
            None => self.look_for(layout, fit),
        }
    }

    /// The requests around where the iteration is.
    pub(super) fn around(&self) -> impl Iterator<Item = &Expected> {
        self.template.around(self.matcher.behind())
    }

    #[cold]
    fn look_for(&self, layout: Layout, fit: &Fit) -> Option<Expected> {
        match fit {
            Fit::Exact => self.matcher.resynchronise(&self.template, layout),
            Fit::AtMost(factors, guests) => {
                let search = FitSearch {
                    matcher: &self.matcher,
                    template: &self.template,
                    layout,
                    factors,
                    guests,
                };
                search.run()
            }
        }
    }
}
