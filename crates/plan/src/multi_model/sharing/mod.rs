//! Which tensors of different models may share memory: those that are never alive together.
//!
//! A [`LifetimeAnalyzer`] is given the [`Lifetimes`] of several models, and when each model runs. Models with one clock
//! are all added at 0; a model with a clock of its own is added with the time at which it starts, or with several such
//! times. Times are whatever the lifetimes count: steps, or nanoseconds. The tensors of a model that runs on several streams are
//! alive from its start to its end, since its steps do not say when.
//!
//! ```text
//! model 0   ┌── a ──┐                          ┌── a ──┐       it runs twice
//!           └───────┘                          └───────┘
//! model 1             ┌── b ──┐                                 b never meets a: they may share
//!                     └───────┘
//! model 2                 ┌──────── c ────────────┐             c meets both: it shares with neither
//!                         └───────────────────────┘
//!           └─────────────────────────────────────────── time
//! ```
//!
//! It stands on lifetimes and plan. `model` keeps one model and its runs, `candidates` all that may share, by size;
//! `others` is the index that `pairs` (every pair) and `partners` (the best one of each tensor) ask.
//!
//! Invariant: every [`SharingOpportunity`] is of two models, both tensors need bytes at some time, and no run of one
//! overlaps any run of the other. Two tensors of one model are never offered: what those share is the business of
//! its own plan.

mod tensors;
mod error;
mod region;
mod model;
mod candidates;
mod others;
mod pairs;
mod partners;

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use core::ops::ControlFlow;

pub use crate::ids::ModelId;
pub use error::SharingError;
pub use region::MemoryRegion;
pub use tensors::{ModelTensor, SharingOpportunity, TensorLifetime};

use crate::lifetimes::Lifetimes;
use candidates::Candidates;
use model::Model;
use pairs::Pairs;

/// The lifetimes of several models, and the question which of their tensors may share memory.
///
/// With *n* tensors, the answers take O(n log n) and O(log n) at most for each pair that is reported. Tensors of
/// models that run several times are, moreover, compared one by one with those that are alive between their runs.
///
/// ```
/// use orionrt_plan::{multi_model::LifetimeAnalyzer, Lifetimes};
/// let detect = Lifetimes::from_rows([("pixels", 0, 2, 4096, 64), ("boxes", 1, 3, 256, 64)])?;
/// let label = Lifetimes::from_rows([("crop", 0, 2, 1024, 64)])?;
///
/// let mut analyzer = LifetimeAnalyzer::new();
/// let detect = analyzer.add_model("detect", &detect)?;
/// let label = analyzer.add_model_at("label", &label, 2)?;         // it starts two steps later
///
/// let found = analyzer.find_sharing_opportunities();
/// assert_eq!(found.len(), 1);                                     // `boxes` is still alive at step 2
/// assert_eq!((found[0].smaller.model, found[0].larger.model), (label, detect));
/// assert_eq!(found[0].bytes, 1024);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct LifetimeAnalyzer {
    models: Vec<Model>,
    ids: BTreeMap<String, ModelId>,
}

impl LifetimeAnalyzer {
    /// No model yet.
    ///
    /// ```
    /// assert!(orionrt_plan::multi_model::LifetimeAnalyzer::new().find_sharing_opportunities().is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a model that runs once, and whose lifetimes are on the common clock.
    ///
    /// The lifetimes are those of a graph, of a plan, of a recording, or any others.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::{LifetimeAnalyzer, SharingError}, Lifetimes};
    /// let lifetimes = Lifetimes::from_rows([("a", 0, 2, 64, 64)])?;
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// let first = analyzer.add_model("net", &lifetimes)?;
    /// let again = analyzer.add_model("net", &lifetimes).unwrap_err();
    /// assert_eq!(again, SharingError::DuplicateModel { name: "net".into(), first });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When another model has that name, or there are 2³² models.
    pub fn add_model(
        &mut self,
        name: impl Into<String>,
        lifetimes: &Lifetimes,
    ) -> Result<ModelId, SharingError> {
        self.add_model_runs(name, lifetimes, &[0])
    }

    /// Adds a model that runs once: its time 0 is `start` on the common clock.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::LifetimeAnalyzer, Lifetimes};
    /// let lifetimes = Lifetimes::from_rows([("a", 0, 2, 64, 64)])?;
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// let model = analyzer.add_model_at("net", &lifetimes, 100)?;
    /// let alive = analyzer.lifetimes(model)?.next().expect("it has a tensor");
    /// assert_eq!((alive.lower, alive.upper), (100, 102));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`add_model`](Self::add_model), and when a lifetime leaves the clock's range.
    pub fn add_model_at(
        &mut self,
        name: impl Into<String>,
        lifetimes: &Lifetimes,
        start: i64,
    ) -> Result<ModelId, SharingError> {
        self.add_model_runs(name, lifetimes, &[start])
    }

    /// Adds a model that runs several times: once at each of `starts`, which may be in any order.
    ///
    /// What a tensor holds need not last from one run to the next. A model that does not run shares nothing. Runs
    /// may overlap as long as every tensor has ended before its own next life begins.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::LifetimeAnalyzer, Lifetimes};
    /// let frame = Lifetimes::from_rows([("pixels", 0, 4, 4096, 64)])?;
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// analyzer.add_model_runs("camera", &frame, &[0, 10, 20])?;
    /// analyzer.add_model_runs("radar", &frame, &[5, 15])?;         // always between two runs of the camera
    /// analyzer.add_model_runs("sonar", &frame, &[2])?;             // meets the camera's first run
    /// assert_eq!(analyzer.find_sharing_opportunities().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`add_model_at`](Self::add_model_at), and when a tensor would be alive twice at one time.
    pub fn add_model_runs(
        &mut self,
        name: impl Into<String>,
        lifetimes: &Lifetimes,
        starts: &[i64],
    ) -> Result<ModelId, SharingError> {
        let name = name.into();
        if let Some(&first) = self.ids.get(&name) {
            return Err(SharingError::DuplicateModel { name, first });
        }
        let index = u32::try_from(self.models.len());
        let id = ModelId::new(index.map_err(|_| SharingError::TooManyModels)?);
        let model = Model::new(name.clone(), lifetimes.clone(), starts.to_vec())?;
        self.models.push(model);
        self.ids.insert(name, id);
        Ok(id)
    }

    /// All models with their names, in the order in which they were added.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::{LifetimeAnalyzer, ModelId}, Lifetimes};
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// analyzer.add_model("net", &Lifetimes::from_rows([("a", 0, 2, 64, 64)])?)?;
    /// assert!(analyzer.models().eq([(ModelId::new(0), "net")]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn models(&self) -> impl ExactSizeIterator<Item = (ModelId, &str)> {
        let each = self.models.iter().enumerate();
        each.map(|(i, model)| (ModelId::from_index(i), model.name()))
    }

    /// The model with that name, if there is one.
    ///
    /// ```
    /// assert_eq!(orionrt_plan::multi_model::LifetimeAnalyzer::new().find_model("net"), None);
    /// ```
    #[must_use]
    pub fn find_model(&self, name: &str) -> Option<ModelId> {
        self.ids.get(name).copied()
    }

    /// The name of a tensor inside its model.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::{LifetimeAnalyzer, ModelId, ModelTensor, SharingError}, Lifetimes, TensorId};
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// let model = analyzer.add_model("net", &Lifetimes::from_rows([("a", 0, 2, 64, 64)])?)?;
    /// let tensor = TensorId::new(0);
    /// assert_eq!(analyzer.tensor_name(ModelTensor { model, tensor })?, "a");
    ///
    /// let model = ModelId::new(9);
    /// assert_eq!(analyzer.tensor_name(ModelTensor { model, tensor }), Err(SharingError::UnknownModel { model }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When there is no such model or tensor.
    pub fn tensor_name(&self, tensor: ModelTensor) -> Result<&str, SharingError> {
        let name = self.model(tensor.model)?.lifetimes().name(tensor.tensor);
        name.ok_or(SharingError::UnknownTensor { tensor })
    }

    /// When the tensors of a model are alive on the common clock: one item a tensor and run, run after run.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::LifetimeAnalyzer, Lifetimes};
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// let lifetimes = Lifetimes::from_rows([("a", 0, 2, 64, 64)])?;
    /// let model = analyzer.add_model_runs("net", &lifetimes, &[0, 10])?;
    /// let starts: Vec<i64> = analyzer.lifetimes(model)?.map(|alive| alive.lower).collect();
    /// assert_eq!(starts, [0, 10]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When there is no such model.
    pub fn lifetimes(
        &self,
        model: ModelId,
    ) -> Result<impl Iterator<Item = TensorLifetime>, SharingError> {
        let of = self.model(model)?;
        Ok(of.starts().iter().flat_map(move |&start| {
            let each = of.lifetimes().rows().iter().enumerate();
            each.map(move |(i, row)| TensorLifetime {
                owner: ModelTensor::at(model.index(), i),
                lower: row.lower + start,
                upper: row.upper + start,
                size: row.size,
                alignment: row.alignment,
            })
        }))
    }

    /// Whether two tensors may share memory, and how many bytes; `None` where they may not.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::{LifetimeAnalyzer, ModelTensor}, Lifetimes, TensorId};
    /// let lifetimes = Lifetimes::from_rows([("a", 0, 2, 64, 64)])?;
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// let first = analyzer.add_model("first", &lifetimes)?;
    /// let second = analyzer.add_model_at("second", &lifetimes, 2)?;
    /// let [a, b] = [first, second].map(|model| ModelTensor { model, tensor: TensorId::new(0) });
    /// assert_eq!(analyzer.opportunity(a, b)?.map(|found| found.bytes), Some(64));
    /// assert_eq!(analyzer.opportunity(a, a)?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When there is no such model or tensor.
    pub fn opportunity(
        &self,
        a: ModelTensor,
        b: ModelTensor,
    ) -> Result<Option<SharingOpportunity>, SharingError> {
        self.tensor_name(a)?;
        self.tensor_name(b)?;
        let pair = Candidates::of(&self.models, [a, b]);
        Ok(pair.may_share(0, 1).then(|| pair.opportunity(0, 1)))
    }

    /// Shows every pair that may share memory to `visit`, those with most bytes first, until it breaks. Nothing is
    /// stored but O(n) for *n* tensors.
    ///
    /// The order is the same in every run of the program.
    ///
    /// ```
    /// use core::ops::ControlFlow;
    /// use orionrt_plan::{multi_model::LifetimeAnalyzer, Lifetimes};
    /// let lifetimes = Lifetimes::from_rows([("a", 0, 1, 64, 64), ("b", 1, 2, 32, 32)])?;
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// analyzer.add_model("first", &lifetimes)?;
    /// analyzer.add_model_at("second", &lifetimes, 2)?;
    ///
    /// let mut bytes = Vec::new();
    /// let end = analyzer.visit(|pair| {
    ///     bytes.push(pair.bytes);
    ///     if bytes.len() == 2 { ControlFlow::Break("enough") } else { ControlFlow::Continue(()) }
    /// });
    /// assert_eq!((bytes, end), (vec![64, 32], ControlFlow::Break("enough")));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn visit<B>(
        &self,
        visit: impl FnMut(SharingOpportunity) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        Pairs::new(&Candidates::new(&self.models)).visit(visit)
    }

    /// Every two tensors of different models that are never alive together, each pair in order, once.
    ///
    /// As many as the square of the tensors, at worst: [`visit`](Self::visit) stores none.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::LifetimeAnalyzer, Lifetimes};
    /// let lifetimes = Lifetimes::from_rows([("a", 0, 1, 64, 64), ("b", 1, 2, 32, 32)])?;
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// analyzer.add_model("first", &lifetimes)?;
    /// analyzer.add_model("second", &lifetimes)?;
    /// let pairs = analyzer.find_non_overlapping();
    /// assert_eq!(pairs.len(), 2);                         // a of one, and b of the other
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn find_non_overlapping(&self) -> Vec<[ModelTensor; 2]> {
        self.collect(usize::MAX, |found| {
            let (a, b) = (found.smaller, found.larger);
            [a.min(b), a.max(b)]
        })
    }

    /// Every pair that may share memory, those with most bytes first.
    ///
    /// As many as the square of the tensors, at worst: [`k_best`](Self::k_best) stores no more than it is asked for.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::LifetimeAnalyzer, Lifetimes};
    /// let lifetimes = Lifetimes::from_rows([("a", 0, 1, 64, 64), ("b", 1, 2, 32, 32)])?;
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// analyzer.add_model("first", &lifetimes)?;
    /// analyzer.add_model_at("second", &lifetimes, 2)?;
    /// let bytes: Vec<u64> = analyzer.find_sharing_opportunities().iter().map(|found| found.bytes).collect();
    /// assert_eq!(bytes, [64, 32, 32, 32]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn find_sharing_opportunities(&self) -> Vec<SharingOpportunity> {
        self.collect(usize::MAX, |found| found)
    }

    /// The `k` pairs with most bytes to share, most first; all, if there are fewer. Stores O(n + k).
    ///
    /// They are the first `k` of [`find_sharing_opportunities`](Self::find_sharing_opportunities).
    ///
    /// ```
    /// use orionrt_plan::{multi_model::LifetimeAnalyzer, Lifetimes};
    /// let lifetimes = Lifetimes::from_rows([("a", 0, 1, 64, 64), ("b", 1, 2, 32, 32)])?;
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// analyzer.add_model("first", &lifetimes)?;
    /// analyzer.add_model_at("second", &lifetimes, 2)?;
    /// assert_eq!(analyzer.k_best(1), analyzer.find_sharing_opportunities()[..1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn k_best(&self, k: usize) -> Vec<SharingOpportunity> {
        self.collect(k, |found| found)
    }

    /// Every tensor with the partner that it shares most bytes with, in order of models and tensors; `None` where
    /// nobody may share with it. O(n log n) where every model runs once.
    ///
    /// Of partners that are large enough, it is one that is least too large. Equal ones are always chosen among in the
    /// same way.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::LifetimeAnalyzer, Lifetimes};
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// analyzer.add_model("first", &Lifetimes::from_rows([("a", 0, 2, 64, 64), ("b", 0, 2, 100, 4)])?)?;
    /// analyzer.add_model_at("second", &Lifetimes::from_rows([("c", 0, 2, 60, 4)])?, 2)?;
    /// let partners = analyzer.best_partners();
    /// let (c, best) = partners[2];
    /// let partner = best.and_then(|best| best.partner_of(c)).expect("a and b are dead by then");
    /// assert_eq!(analyzer.tensor_name(partner)?, "a");    // 4 bytes too large, and b 40
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn best_partners(&self) -> Vec<(ModelTensor, Option<SharingOpportunity>)> {
        let candidates = Candidates::new(&self.models);
        let best = partners::best_partners(&candidates);
        let mut all: Vec<_> = model::tensors(&self.models)
            .map(|tensor| (tensor, None))
            .collect();
        let firsts = self.first_rows();
        for (rank, partner) in best.into_iter().enumerate() {
            let tensor = candidates.all()[rank].owner;
            let row = firsts[tensor.model.index()] + tensor.tensor.index();
            all[row].1 = partner.map(|partner| candidates.opportunity(rank, partner));
        }
        all
    }

    /// For every model, how many tensors the models before it have.
    fn first_rows(&self) -> Vec<usize> {
        let lengths = self.models.iter().map(|model| model.lifetimes().len());
        let sum = |sum: &mut usize, length| {
            let first = *sum;
            *sum += length;
            Some(first)
        };
        lengths.scan(0, sum).collect()
    }

    /// The first `most` pairs, each as `form` has it.
    fn collect<T>(&self, most: usize, form: impl Fn(SharingOpportunity) -> T) -> Vec<T> {
        if most == 0 {
            return Vec::new();
        }
        let candidates = Candidates::new(&self.models);
        let pairs = Pairs::new(&candidates);
        let mut found = Vec::with_capacity(most.min(pairs.count_apart()));
        let _ = pairs.visit(|opportunity| {
            found.push(form(opportunity));
            if found.len() < most {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        found
    }

    fn model(&self, model: ModelId) -> Result<&Model, SharingError> {
        let found = self.models.get(model.index());
        found.ok_or(SharingError::UnknownModel { model })
    }
}
