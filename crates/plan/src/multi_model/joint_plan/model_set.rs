//! The models that are to have one region: their names and lifetimes.
//!
//! Stands on names and lifetimes. Invariant: both lists are in order of the models' ids.

use alloc::{string::String, vec::Vec};

use crate::ids::ModelId;
use crate::lifetimes::{Lifetime, Lifetimes};
use crate::multi_model::{error::SharingError, names::ModelNames};

/// Models that are to have one region of memory.
///
/// ```
/// use orionrt_plan::{multi_model::{ModelSet, Schedule}, Lifetimes, Planner};
/// let rows = |rows: &[(&str, i64, i64, u64, u64)]| Lifetimes::from_rows(rows.iter().copied());
/// let mut models = ModelSet::new();
/// let detect = rows(&[("pixels", 0, 2, 4096, 64), ("boxes", 1, 3, 256, 64)])?;
/// let detect = models.add("detect", detect)?;
/// let label = rows(&[("crop", 0, 2, 1024, 64), ("scores", 1, 3, 512, 64)])?;
/// let label = models.add("label", label)?;
/// let speech = models.add("speech", rows(&[("samples", 0, 2, 2048, 64)])?)?;
///
/// // Speech may run beside either of the others, which never run together.
/// let schedule = Schedule::pairs([(detect, speech), (label, speech)]);
/// let shared = models.plan(&schedule, &Planner::new())?;
/// assert_eq!(shared.isolated_sum(), 4352 + 1536 + 2048);
/// assert_eq!(shared.plan().peak(), 4352 + 2048);
/// assert!(shared.plan().is_optimal());
///
/// let alone = models.plan(&Schedule::OneAtATime, &Planner::new())?;
/// assert_eq!(alone.plan().peak(), 4352);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ModelSet {
    names: ModelNames,
    lifetimes: Vec<Lifetimes>,
}

impl ModelSet {
    /// A set without models.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a model, whose steps are counted by its own clock.
    ///
    /// [Windows](Lifetimes::with_windows) of its tensors are used by the plan that the model has
    /// alone, and by joint plans that stack these plans. With a common clock on which no run
    /// differs from those before it, tensors of different models share bytes by their windows, too.
    /// If one does, all tensors are taken to be needed whole wherever they are alive.
    ///
    /// Pools lend tensors whole: while a tensor with windows is held, one in the bytes that it does
    /// not need then is refused at run time. For a program that holds both at once, add the
    /// lifetimes [without windows](Lifetimes::without_windows).
    ///
    /// # Errors
    /// When another model has that name, or there are 2³² models.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        lifetimes: Lifetimes,
    ) -> Result<ModelId, SharingError> {
        let name = name.into();
        let id = self.names.next_id(&name)?;
        self.names.push(name);
        self.lifetimes.push(lifetimes);
        Ok(id)
    }

    /// How many models there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lifetimes.len()
    }

    /// Whether there is no model.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lifetimes.is_empty()
    }

    /// The ids, names and lifetimes of all models, in the order in which they were added.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ModelId, &str, &Lifetimes)> {
        let each = self.names.iter().zip(&self.lifetimes);
        each.map(|((id, name), lifetimes)| (id, name, lifetimes))
    }

    /// The model of this name, if there is one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<ModelId> {
        self.names.find(name)
    }

    pub(super) fn names(&self) -> &ModelNames {
        &self.names
    }

    /// The name of the model at a position; empty if there is none.
    pub(super) fn name(&self, model: usize) -> String {
        let name = self.names.get(ModelId::from_index(model));
        name.unwrap_or_default().into()
    }

    /// The lifetimes of all models, in order.
    pub(super) fn lifetimes(&self) -> &[Lifetimes] {
        &self.lifetimes
    }

    /// A lifetime from the first birth to the last death in a model; `None` if nothing is ever
    /// alive.
    pub(super) fn hull(&self, model: usize) -> Option<Lifetime> {
        let rows = self.lifetimes[model].rows().iter();
        let alive = rows.filter(|row| row.lower < row.upper).copied();
        alive.reduce(|hull, row| Lifetime {
            lower: hull.lower.min(row.lower),
            upper: hull.upper.max(row.upper),
            ..hull
        })
    }
}
