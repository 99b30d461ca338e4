//! How to search for a plan.
//!
//! Stands on `values`. Shared by every verb that plans.

#![forbid(unsafe_code)]

use clap::{Args, builder::RangedU64ValueParser};
use orionrt::{Planner, planner::Cancel};

use super::values::{MAX_THREADS, Seconds};

/// How to search.
#[derive(Clone, Debug, Args)]
pub(crate) struct SearchArgs {
    /// Limit each search to this time; the result is the best plan found
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "1",
        allow_negative_numbers = true
    )]
    pub(crate) time_limit: Seconds,

    /// Limit each search to N nodes (one buffer tried at one offset) instead of a time; on one
    /// thread this gives the same plan on every machine
    #[arg(long, value_name = "N", conflicts_with = "time_limit")]
    pub(crate) nodes: Option<u64>,

    /// The seed of random choices
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,

    /// Search with this many threads
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_THREADS))]
    pub(crate) threads: usize,
}

impl SearchArgs {
    /// A planner with these limits that `cancel` can end.
    pub(crate) fn planner(&self, alignment: u64, cancel: &Cancel) -> Planner {
        let planner = match self.nodes {
            Some(nodes) => Planner::new().nodes(nodes),
            None => Planner::new().time_limit(self.time_limit.0),
        };
        planner
            .cancelled_by(cancel)
            .seed(self.seed)
            .threads(self.threads)
            .alignment(alignment)
    }
}
