//! Which models may run at the same time.
//!
//! Plain values; what they mean for a set of models is the business of `joint`.

use alloc::vec::Vec;

use crate::multi_model::sharing::ModelId;

/// When the models of a [`ModelSet`](crate::multi_model::ModelSet) run, as far as that is known.
///
/// ```
/// use orionrt_plan::multi_model::{ModelId, Schedule};
/// let [a, b, c] = [0, 1, 2].map(ModelId::new);
/// assert_eq!(Schedule::pairs([(a, b)]), Schedule::Pairs(vec![[a, b]]));           // c runs alone
/// assert_eq!(Schedule::starts([vec![0, 20], vec![10]]), Schedule::Starts(vec![vec![0, 20], vec![10]]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Schedule {
    /// No two at the same time: the bytes of one are free for all others.
    OneAtATime,
    /// Any two, at any time: nothing is shared.
    AnyTogether,
    /// The two of each pair may run at the same time, in whatever way; others never do. The pairs may be in any order.
    Pairs(Vec<[ModelId; 2]>),
    /// At which steps of a common clock each model starts, in order of the models; a model that runs several times has several
    /// starts, in any order. What is shared is decided tensor by tensor, between models that overlap in time, too.
    Starts(Vec<Vec<i64>>),
}

impl Schedule {
    /// These may run together, no others.
    #[must_use]
    pub fn pairs(pairs: impl IntoIterator<Item = (ModelId, ModelId)>) -> Self {
        Self::Pairs(pairs.into_iter().map(|(a, b)| [a, b]).collect())
    }

    /// The starts of each model, in order of the models.
    #[must_use]
    pub fn starts<S: IntoIterator<Item = i64>>(starts: impl IntoIterator<Item = S>) -> Self {
        let starts = starts.into_iter();
        Self::Starts(starts.map(|one| one.into_iter().collect()).collect())
    }
}
