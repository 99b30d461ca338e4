//! The rows of several models as the rows of one.
//!
//! Invariant: a model's tensors keep their order, one model after the other; only their steps move, all of a model's by the same.

use alloc::{format, sync::Arc};

use super::{Lifetime, Lifetimes, LifetimesError, Models, Relation, Within, collect::Collector};
use crate::ids::TensorId;

/// One of several models.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    pub(crate) name: &'a str,
    pub(crate) lifetimes: &'a Lifetimes,
    /// How many steps later everything is than the model itself says; no lifetime leaves the clock's range by that.
    pub(crate) later: i128,
}

impl Lifetimes {
    /// The tensors of all parts, named `part/tensor`.
    ///
    /// # Errors
    /// When the sizes reach 2⁶³ bytes together, there are too many rows, or two names come to be the same.
    pub(crate) fn joint(parts: &[Part<'_>]) -> Result<Self, LifetimesError> {
        let mut collector = Collector::default();
        let mut first = 0;
        for part in parts {
            for (_, name, row) in part.lifetimes.iter() {
                let id = format!("{}/{name}", part.name);
                collector.push(&id, part.moved(row, first))?;
            }
            first += part.lifetimes.len();
        }
        collector.finish()
    }

    /// The same with conflicts beside those of the rows that meet.
    pub(crate) fn of_models(self, models: Models) -> Self {
        Self {
            relation: Relation::Models(Arc::new(models)),
            ..self
        }
    }
}

impl Part<'_> {
    /// A row with its steps moved, and with the position of its root among all rows.
    fn moved(&self, row: &Lifetime, first: usize) -> Lifetime {
        let at = |step: i64| i64::try_from(i128::from(step) + self.later).unwrap_or(0);
        let (lower, upper) = match row.lower < row.upper {
            true => (at(row.lower), at(row.upper)),
            false => (0, 0),
        };
        let within = row.within.map(|within| Within {
            // Should it be too large, the collector refuses the row before it is looked at.
            root: TensorId::new((within.root.index() + first) as u32),
            ..within
        });
        Lifetime {
            lower,
            upper,
            within,
            ..*row
        }
    }
}
