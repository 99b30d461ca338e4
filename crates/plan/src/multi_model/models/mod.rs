//! Several models in one arena: planned together, so that those that never run at the same time have the same bytes.
//!
//! A [`ModelSet`] is given the lifetimes of each model, and a [`Schedule`] says which of them may run at the same time. `joint` makes one set of
//! lifetimes of that, `bound` says how low a peak can be, `planning` plans each model alone, stacks the plans as they are, and looks for what is
//! better; the answer is a [`SharedPlan`]. `overlaps` and `opportunities` say what is shared, and what could be.
//!
//! ```text
//! a runs beside b, b beside c; a never beside c      bytes   ┌──── a ────┐        a and c have the same bytes;
//!                                                            ├────── c ──────┐    b has others
//!                                                            └───────────────┴───── b ─────┐
//! ```
//!
//! Stands on sharing, planner and plan. Invariant: a joint plan is checked as every plan is, and with no fixed offsets its peak is never above what
//! the models' own plans take one after the other.

mod bound;
mod joint;
mod opportunities;
mod overlaps;
mod plan;
mod planning;
mod schedule;

use alloc::{collections::BTreeMap, string::String, vec::Vec};

pub use opportunities::Opportunities;
pub use overlaps::SharedBytes;
#[doc(hidden)]
pub use plan::ModelTable;
pub use plan::SharedPlan;
pub use schedule::Schedule;

use crate::lifetimes::Lifetimes;
use crate::multi_model::sharing::{ModelId, SharingError};
use crate::planner::Planner;

/// Models that are to have one arena.
///
/// ```
/// use orionrt_plan::{multi_model::{ModelSet, Schedule}, Lifetimes, Planner};
/// let mut models = ModelSet::new();
/// let detect = models.add("detect", Lifetimes::from_rows([("pixels", 0, 2, 4096, 64), ("boxes", 1, 3, 256, 64)])?)?;
/// let label = models.add("label", Lifetimes::from_rows([("crop", 0, 2, 1024, 64), ("scores", 1, 3, 512, 64)])?)?;
/// let speech = models.add("speech", Lifetimes::from_rows([("samples", 0, 2, 2048, 64)])?)?;
///
/// // Speech may run beside either of the others, which never run together.
/// let schedule = Schedule::pairs([(detect, speech), (label, speech)]);
/// let shared = models.plan(&schedule, &Planner::new())?;
/// assert_eq!((shared.isolated_sum(), shared.peak()), (4352 + 1536 + 2048, 4352 + 2048));
/// assert_eq!(shared.peak(), shared.lower_bound());
///
/// let alone = models.plan(&Schedule::OneAtATime, &Planner::new())?;
/// assert_eq!(alone.peak(), 4352);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ModelSet {
    models: Vec<Member>,
    ids: BTreeMap<String, ModelId>,
}

#[derive(Clone, Debug)]
struct Member {
    name: String,
    lifetimes: Lifetimes,
}

impl ModelSet {
    /// No model yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a model; its steps are its own.
    ///
    /// # Errors
    /// When another model has that name, or there are 2³² models.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        lifetimes: Lifetimes,
    ) -> Result<ModelId, SharingError> {
        let name = name.into();
        if let Some(&first) = self.ids.get(&name) {
            return Err(SharingError::DuplicateModel { name, first });
        }
        let index = u32::try_from(self.models.len());
        let id = ModelId::new(index.map_err(|_| SharingError::TooManyModels)?);
        self.ids.insert(name.clone(), id);
        self.models.push(Member { name, lifetimes });
        Ok(id)
    }

    /// How many models there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.models.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    /// All models in the order in which they were added: ids, names, lifetimes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ModelId, &str, &Lifetimes)> {
        let each = self.models.iter().enumerate();
        each.map(|(i, one)| (ModelId::new(i as u32), one.name.as_str(), &one.lifetimes))
    }

    /// The model of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<ModelId> {
        self.ids.get(name).copied()
    }

    /// Plans all models into one arena. Each is planned by itself first, then all together: limits of `planner` hold for each of these
    /// searches, alignment for every tensor, a capacity for the joint plan. What it was to keep or to start from is not used.
    ///
    /// With no fixed offsets, the peak is never above [`SharedPlan::isolated_sum`]; and if no two models run at the same time, it
    /// is the largest of the peaks that the models have alone.
    ///
    /// # Errors
    /// When the schedule does not fit the models, or there is no plan; see [`SharingError`].
    pub fn plan(&self, schedule: &Schedule, planner: &Planner) -> Result<SharedPlan, SharingError> {
        planning::plan(self, schedule, planner)
    }

    /// Which tensors of different models might share bytes under a schedule: how many pairs, and for the `most` largest tensors that have
    /// one the partner with which each shares most.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::{ModelSet, Schedule}, Lifetimes};
    /// let mut models = ModelSet::new();
    /// models.add("a", Lifetimes::from_rows([("x", 0, 2, 100, 1), ("y", 1, 3, 50, 1)])?)?;
    /// models.add("b", Lifetimes::from_rows([("z", 0, 2, 60, 1)])?)?;
    /// let found = models.opportunities(&Schedule::OneAtATime, 10)?;
    /// assert_eq!((found.count, found.best.len()), (2, 3));
    /// assert_eq!((found.best[0].1.bytes, found.best[2].1.bytes), (60, 50));     // of x, and of y
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the schedule does not fit the models.
    pub fn opportunities(
        &self,
        schedule: &Schedule,
        most: usize,
    ) -> Result<Opportunities, SharingError> {
        opportunities::find(self, schedule, most)
    }
}
