//! Which models may run at the same time.
//!
//! Plain values, as a user gives them; `clock` checks them against the models.

use alloc::vec::Vec;

use crate::ids::ModelId;

/// When the models of a [`ModelSet`](crate::multi_model::ModelSet) run.
///
/// ```
/// use orionrt_plan::multi_model::{ModelId, Schedule};
/// let [a, b] = [0, 1].map(ModelId::new);
/// let pairs = Schedule::pairs([(a, b)]);                  // a third model would run alone
/// assert_eq!(pairs, Schedule::Pairs(vec![[a, b]]));
/// let starts = Schedule::starts([vec![0, 20], vec![10]]);
/// assert_eq!(starts, Schedule::Starts(vec![vec![0, 20], vec![10]]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Schedule {
    /// No two models run at the same time: the bytes of each are free for all others.
    OneAtATime,
    /// Any models may run at the same time: nothing is shared.
    AnyTogether,
    /// The two models of each pair may run at the same time, in any way; others never do. The pairs
    /// may be in any order.
    Pairs(Vec<[ModelId; 2]>),
    /// The steps of a common clock at which each model starts, in order of the models; a model that
    /// runs several times has several starts, in any order. What is shared is decided tensor by
    /// tensor, also between models that overlap in time.
    Starts(Vec<Vec<i64>>),
}

impl Schedule {
    /// The models of each pair may run at the same time, no others.
    #[must_use]
    pub fn pairs(pairs: impl IntoIterator<Item = (ModelId, ModelId)>) -> Self {
        Self::Pairs(pairs.into_iter().map(|(a, b)| [a, b]).collect())
    }

    /// Each model starts at these steps of a common clock; lists of starts in order of the models.
    #[must_use]
    pub fn starts<S: IntoIterator<Item = i64>>(starts: impl IntoIterator<Item = S>) -> Self {
        let starts = starts.into_iter();
        Self::Starts(starts.map(|one| one.into_iter().collect()).collect())
    }
}
