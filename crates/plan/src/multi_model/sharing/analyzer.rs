//! The analyser: models are added to it, and it is asked which of their tensors may share bytes.
//!
//! Stands on the models and on the two searches, for pairs and for partners. Invariant: the models
//! and their names are in the same order.

use alloc::{string::String, vec::Vec};
use core::ops::ControlFlow;

use super::{
    pairs::visit_pairs,
    partners::{best_partners, best_partners_apart},
    tensor_lifetime::TensorLifetime,
    tensors_by_size::TensorsBySize,
    timed_model::{ModelRuns, TimedModel},
};
use crate::ids::ModelId;
use crate::multi_model::{
    error::SharingError,
    names::ModelNames,
    tensors::{ModelTensor, SharingOpportunity, first_positions},
};

/// The lifetimes of several models, and the question which of their tensors may share memory.
///
/// With *n* tensors of *m* models, an answer takes O(n log n log m) and constant time for each pair
/// that is reported, and keeps O(n log m) beside the answer. Tensors of models that run several
/// times are, moreover, compared one by one with those that are alive between their runs.
///
/// ```
/// use orionrt_plan::{multi_model::{LifetimeAnalyzer, ModelRuns}, Lifetimes};
/// let detect = Lifetimes::from_rows([("pixels", 0, 2, 4096, 64), ("boxes", 1, 3, 256, 64)])?;
/// let label = Lifetimes::from_rows([("crop", 0, 2, 1024, 64)])?;
///
/// let mut analyzer = LifetimeAnalyzer::new();
/// let detect = analyzer.add_model("detect", &detect)?;
/// let label = analyzer.add_model("label", ModelRuns::new(&label, [2]))?;  // it starts at step 2
///
/// let found = analyzer.find_sharing_opportunities();
/// assert_eq!(found.len(), 1);                             // `boxes` is still alive at step 2
/// assert_eq!((found[0].smaller.model, found[0].larger.model), (label, detect));
/// assert_eq!(found[0].bytes, 1024);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct LifetimeAnalyzer {
    names: ModelNames,
    models: Vec<TimedModel>,
}

impl LifetimeAnalyzer {
    /// An analyser without models.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a model: its [`Lifetimes`](crate::Lifetimes), which are already on the common clock, or
    /// [`ModelRuns`], which say when the model starts.
    ///
    /// The lifetimes are those of a graph, of a plan, of a recording, or any others.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::{LifetimeAnalyzer, ModelRuns, SharingError}, Lifetimes};
    /// let lifetimes = Lifetimes::from_rows([("a", 0, 2, 64, 64)])?;
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// let first = analyzer.add_model("net", &lifetimes)?;
    /// let later = analyzer.add_model("later", ModelRuns::new(&lifetimes, [100]))?;
    /// let alive = analyzer.lifetimes(later)?.next().expect("it has a tensor");
    /// assert_eq!((alive.lower, alive.upper), (100, 102));
    ///
    /// let again = analyzer.add_model("net", &lifetimes).unwrap_err();
    /// assert_eq!(again, SharingError::DuplicateModel { name: "net".into(), first });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When another model has that name, a lifetime leaves the range of the clock, a tensor would
    /// be alive in two runs at once, or there are 2³² models.
    pub fn add_model<'a>(
        &mut self,
        name: impl Into<String>,
        runs: impl Into<ModelRuns<'a>>,
    ) -> Result<ModelId, SharingError> {
        let name = name.into();
        let id = self.names.next_id(&name)?;
        self.models.push(TimedModel::new(&name, runs.into())?);
        self.names.push(name);
        Ok(id)
    }

    /// All models with their names, in the order in which they were added.
    pub fn models(&self) -> impl ExactSizeIterator<Item = (ModelId, &str)> {
        self.names.iter()
    }

    /// The model with that name, if there is one.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::LifetimeAnalyzer, Lifetimes};
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// let net = analyzer.add_model("net", &Lifetimes::from_rows([("a", 0, 2, 64, 64)])?)?;
    /// assert_eq!((analyzer.find("net"), analyzer.find("other")), (Some(net), None));
    /// assert!(analyzer.models().eq([(net, "net")]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn find(&self, name: &str) -> Option<ModelId> {
        self.names.find(name)
    }

    /// The name of a tensor inside its model.
    ///
    /// ```
    /// use orionrt_plan::multi_model::{LifetimeAnalyzer, ModelId, ModelTensor, SharingError};
    /// use orionrt_plan::{Lifetimes, TensorId};
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// let model = analyzer.add_model("net", &Lifetimes::from_rows([("a", 0, 2, 64, 64)])?)?;
    /// let tensor = TensorId::new(0);
    /// assert_eq!(analyzer.tensor_name(ModelTensor { model, tensor })?, "a");
    ///
    /// let model = ModelId::new(9);
    /// let unknown = analyzer.tensor_name(ModelTensor { model, tensor });
    /// assert_eq!(unknown, Err(SharingError::UnknownModel { model }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When there is no such model or tensor.
    pub fn tensor_name(&self, tensor: ModelTensor) -> Result<&str, SharingError> {
        let name = self.model(tensor.model)?.lifetimes().name(tensor.tensor);
        name.ok_or(SharingError::UnknownTensor { tensor })
    }

    /// When the tensors of a model are alive on the common clock: one item for each tensor and run,
    /// run after run.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::{LifetimeAnalyzer, ModelRuns}, Lifetimes};
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// let lifetimes = Lifetimes::from_rows([("a", 0, 2, 64, 64)])?;
    /// let model = analyzer.add_model("net", ModelRuns::new(&lifetimes, [0, 10]))?;
    /// let births: Vec<i64> = analyzer.lifetimes(model)?.map(|alive| alive.lower).collect();
    /// assert_eq!(births, [0, 10]);
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

    /// Whether two tensors may share memory, and how many bytes; `None` if they may not.
    ///
    /// ```
    /// use orionrt_plan::multi_model::{LifetimeAnalyzer, ModelRuns, ModelTensor};
    /// use orionrt_plan::{Lifetimes, TensorId};
    /// let lifetimes = Lifetimes::from_rows([("a", 0, 2, 64, 64)])?;
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// let first = analyzer.add_model("first", &lifetimes)?;
    /// let second = analyzer.add_model("second", ModelRuns::new(&lifetimes, [2]))?;
    /// let tensor = TensorId::new(0);
    /// let [a, b] = [first, second].map(|model| ModelTensor { model, tensor });
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
        let pair = TensorsBySize::new(&self.models, [a, b]);
        Ok(pair.may_share(0, 1).then(|| pair.opportunity(0, 1)))
    }

    /// Shows every pair that may share memory to `visit`, those with most bytes first, until it
    /// breaks. No pair is stored. The order is the same in every run of the program.
    ///
    /// ```
    /// use core::ops::ControlFlow;
    /// use orionrt_plan::{multi_model::{LifetimeAnalyzer, ModelRuns}, Lifetimes};
    /// let lifetimes = Lifetimes::from_rows([("a", 0, 1, 64, 64), ("b", 1, 2, 32, 32)])?;
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// analyzer.add_model("first", &lifetimes)?;
    /// analyzer.add_model("second", ModelRuns::new(&lifetimes, [2]))?;
    ///
    /// let mut bytes = Vec::new();
    /// let end = analyzer.visit(|pair| {
    ///     bytes.push(pair.bytes);
    ///     match bytes.len() {
    ///         2 => ControlFlow::Break("enough"),
    ///         _ => ControlFlow::Continue(()),
    ///     }
    /// });
    /// assert_eq!((bytes, end), (vec![64, 32], ControlFlow::Break("enough")));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn visit<B>(
        &self,
        mut visit: impl FnMut(SharingOpportunity) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        visit_pairs(&self.tensors(), |tensor, larger| {
            let mut pairs = larger.iter().map(|&(_, larger)| SharingOpportunity {
                smaller: tensor.owner,
                larger,
                bytes: tensor.size,
            });
            pairs.try_for_each(&mut visit)
        })
    }

    /// Every two tensors of different models that are never alive together, each pair in order of
    /// its tensors, once.
    ///
    /// There may be as many as the square of the tensors; [`visit`](Self::visit) stores none.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::LifetimeAnalyzer, Lifetimes};
    /// let lifetimes = Lifetimes::from_rows([("a", 0, 1, 64, 64), ("b", 1, 2, 32, 32)])?;
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// analyzer.add_model("first", &lifetimes)?;
    /// analyzer.add_model("second", &lifetimes)?;
    /// let pairs = analyzer.find_non_overlapping();
    /// assert_eq!(pairs.len(), 2);                         // a of one model, and b of the other
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
    /// There may be as many as the square of the tensors; [`k_best`](Self::k_best) stores no more
    /// than it is asked for.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::{LifetimeAnalyzer, ModelRuns}, Lifetimes};
    /// let lifetimes = Lifetimes::from_rows([("a", 0, 1, 64, 64), ("b", 1, 2, 32, 32)])?;
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// analyzer.add_model("first", &lifetimes)?;
    /// analyzer.add_model("second", ModelRuns::new(&lifetimes, [2]))?;
    /// let found = analyzer.find_sharing_opportunities();
    /// assert!(found.iter().map(|pair| pair.bytes).eq([64, 32, 32, 32]));
    /// assert_eq!(analyzer.k_best(1), found[..1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn find_sharing_opportunities(&self) -> Vec<SharingOpportunity> {
        self.collect(usize::MAX, |found| found)
    }

    /// The first `k` pairs of [`find_sharing_opportunities`](Self::find_sharing_opportunities),
    /// which are those with most bytes to share, or all pairs if there are fewer.
    #[must_use]
    pub fn k_best(&self, k: usize) -> Vec<SharingOpportunity> {
        self.collect(k, |found| found)
    }

    /// Every tensor with the partner that it shares most bytes with, in order of models and
    /// tensors; `None` for a tensor with which no other may share.
    ///
    /// Of partners that are large enough, the best is one that is least too large. Among equal ones
    /// the choice is the same in every run of the program.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::{LifetimeAnalyzer, ModelRuns}, Lifetimes};
    /// let first = Lifetimes::from_rows([("a", 0, 2, 64, 64), ("b", 0, 2, 100, 4)])?;
    /// let second = Lifetimes::from_rows([("c", 0, 2, 60, 4)])?;
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// analyzer.add_model("first", &first)?;
    /// analyzer.add_model("second", ModelRuns::new(&second, [2]))?;
    /// let partners = analyzer.best_partners();
    /// let (c, best) = partners[2];
    /// let partner = best.and_then(|best| best.partner_of(c)).expect("a and b are dead by then");
    /// assert_eq!(analyzer.tensor_name(partner)?, "a");    // 4 bytes too large, and b 40
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn best_partners(&self) -> Vec<(ModelTensor, Option<SharingOpportunity>)> {
        self.partners(best_partners)
    }

    /// What [`best_partners`](Self::best_partners) finds among partners of which one is dead for
    /// good before the other is born. No two tensors are compared.
    pub(crate) fn best_partners_apart(&self) -> Vec<(ModelTensor, Option<SharingOpportunity>)> {
        self.partners(best_partners_apart)
    }

    /// About how many comparisons of two tensors in one run it takes to visit all pairs.
    pub(crate) fn comparisons(&self) -> u64 {
        let of_pair = |a: &TimedModel, b: &TimedModel| {
            let pairs = (a.lifetimes().len() as u64).saturating_mul(b.lifetimes().len() as u64);
            let runs = a.starts().len().min(b.starts().len()) as u64;
            pairs.saturating_mul(runs)
        };
        let pairs = self.models.iter().enumerate();
        let pairs = pairs.flat_map(|(i, a)| self.models[..i].iter().map(move |b| of_pair(a, b)));
        pairs.fold(0, u64::saturating_add)
    }

    fn partners(
        &self,
        best: impl Fn(&TensorsBySize<'_>) -> Vec<Option<u32>>,
    ) -> Vec<(ModelTensor, Option<SharingOpportunity>)> {
        let tensors = self.tensors();
        let firsts = first_positions(self.models.iter().map(|model| model.lifetimes().len()));
        let mut all: Vec<_> = self.owners().map(|owner| (owner, None)).collect();
        for (rank, best) in best(&tensors).into_iter().enumerate() {
            let owner = tensors.all()[rank].owner;
            let row = firsts[owner.model.index()] + owner.tensor.index();
            all[row].1 = best.map(|best| tensors.opportunity(rank, best as usize));
        }
        all
    }

    fn tensors(&self) -> TensorsBySize<'_> {
        TensorsBySize::new(&self.models, self.owners())
    }

    /// All tensors of all models, in order.
    fn owners(&self) -> impl Iterator<Item = ModelTensor> {
        let each = self.models.iter().enumerate();
        each.flat_map(|(m, model)| (0..model.lifetimes().len()).map(move |t| ModelTensor::at(m, t)))
    }

    /// The first `most` pairs, each converted by `form`.
    fn collect<T>(&self, most: usize, form: impl Fn(SharingOpportunity) -> T) -> Vec<T> {
        if most == 0 {
            return Vec::new();
        }
        let tensors = self.tensors();
        let mut found = Vec::with_capacity(match most {
            usize::MAX => tensors.count_apart(),
            _ => most.min(tensors.all().len()),
        });
        let _ = visit_pairs(&tensors, |tensor, larger| {
            let wanted = larger.iter().take(most - found.len());
            found.extend(wanted.map(|&(_, larger)| {
                form(SharingOpportunity {
                    smaller: tensor.owner,
                    larger,
                    bytes: tensor.size,
                })
            }));
            match found.len() < most {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        });
        found
    }

    fn model(&self, model: ModelId) -> Result<&TimedModel, SharingError> {
        let found = self.models.get(model.index());
        found.ok_or(SharingError::UnknownModel { model })
    }
}
