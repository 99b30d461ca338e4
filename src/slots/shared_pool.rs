//! The joint plan of several models in memory, and which of the models are active now.
//!
//! Stands on [`SharedPlan`] and on a [`TensorPool`] of its joint plan. A model's tensors are
//! reached through a [`ModelGuard`], and while that lasts the model is *active*. Invariant: a model
//! is active exactly as long as its guard, a clone of it, or a slot that shares its ownership
//! exists; no two models are active that may not run together.
//!
//! ```text
//! a may run beside b, c beside neither
//! activate(a)   activate(b)   activate(c): excluded by a    both dropped    activate(c)
//! active: a     a b           a b                           -               c
//! ```
//!
//! Guards keep order; soundness does not rest on them. Bytes are guarded by the claims of the pool,
//! tensor by tensor, whichever models are active: a transfer by joint id, for instance, looks at
//! bytes alone.

#![forbid(unsafe_code)]

use alloc::{string::String, sync::Arc, vec::Vec};
use core::{fmt, mem::MaybeUninit};

use allocator_api2::{alloc::Allocator, vec::Vec as SlotVec};
use lock_api::Mutex;

use crate::slots::pool::{PoolError, TensorPool};
use crate::slots::pool_ref::PoolRef;
use crate::slots::slot::{Slot, SlotBox, SlotIn};
use crate::slots::slot_error::SlotError;
use orionrt_alloc::arena::{Arena, DefaultLock};
use orionrt_plan::TensorId;
use orionrt_plan::multi_model::{ModelId, ModelTable, ModelTensor, SharedPlan};

/// One region in memory that several models share. Cloning it shares the same pool.
///
/// ```
/// use orionrt::{Arena, Lifetimes, ModelSet, Planner, Schedule, SharedPool, TensorId};
///
/// let mut models = ModelSet::new();
/// let a = models.add("a", Lifetimes::from_rows([("x", 0, 2, 4096, 64)])?)?;
/// let b = models.add("b", Lifetimes::from_rows([("y", 0, 2, 1024, 64)])?)?;
/// let shared = models.plan(&Schedule::OneAtATime, &Planner::new())?;
///
/// let arena = Arena::builder().capacity(1 << 20).build()?;
/// let pool = SharedPool::new(&arena, &shared)?; // reserves 4096 bytes, once
/// let guard = pool.activate(a)?;
/// let mut x = guard.vec::<f32>(TensorId::new(0), 1024)?;
/// x.push(1.0);
/// let refused = pool.activate(b).unwrap_err().to_string();
/// assert!(refused.starts_with("model 'b' may not run beside 'a', which is active"));
///
/// drop(x);
/// drop(guard); // not before its tensors
/// let guard = pool.activate(b)?;
/// let y = guard.filled(TensorId::new(0), 0u8)?;
/// assert_eq!(y.len(), 1024);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Tensors are lent whole, whatever their [windows](crate::Lifetimes::with_windows): while a tensor
/// with windows is held, one in the bytes that it does not need then is refused. For a program
/// that holds both at once, plan its models [without windows](crate::Lifetimes::without_windows).
///
/// Activating a model takes a lock for a moment: do not `fork` while another thread does that.
pub struct SharedPool<A: Allocator> {
    shared: Arc<Shared<A>>,
}

struct Shared<A: Allocator> {
    pool: TensorPool<A>,
    table: Arc<ModelTable>,
    /// Whether each model is active.
    active: Mutex<DefaultLock, Vec<bool>>,
}

/// Keeps one model of a [`SharedPool`] active; made by [`SharedPool::activate`].
///
/// The model stays active until the guard, its clones and all [owned slots](Self::owned_slot) are
/// dropped. Tensor ids are the model's own. A guard that is leaked (`mem::forget`) leaves its model
/// active for good.
pub struct ModelGuard<A: Allocator = Arena> {
    active: Arc<ActiveModel<A>>,
}

/// A tensor that borrows the guard of its model.
type GuardedBox<'g, T, A> = SlotBox<T, &'g TensorPool<A>>;

/// Dropping this deactivates the model.
struct ActiveModel<A: Allocator> {
    shared: Arc<Shared<A>>,
    model: ModelId,
}

impl<A: Allocator> PoolRef for ModelGuard<A> {
    type Arena = A;

    #[inline]
    fn pool(&self) -> &TensorPool<A> {
        &self.active.shared.pool
    }
}

impl<A: Allocator> SharedPool<A> {
    /// Reserves `plan.peak()` bytes in `arena`. An allocation that does not fit its slot fails.
    ///
    /// # Errors
    /// If the arena has no room for the region; see [`PoolError`].
    pub fn new(arena: A, plan: &SharedPlan) -> Result<Self, PoolError> {
        Ok(Self::over(TensorPool::new(arena, plan.plan())?, plan))
    }

    /// Reserves `plan.peak()` bytes in `arena`. An allocation that does not fit its slot goes to
    /// the arena instead of failing; see [`TensorPool::with_fallback`].
    ///
    /// # Errors
    /// If the arena has no room for the region; see [`PoolError`].
    pub fn with_fallback(arena: A, plan: &SharedPlan) -> Result<Self, PoolError> {
        let pool = TensorPool::with_fallback(arena, plan.plan())?;
        Ok(Self::over(pool, plan))
    }

    fn over(pool: TensorPool<A>, plan: &SharedPlan) -> Self {
        let shared = Arc::new(Shared {
            pool,
            table: Arc::clone(plan.table()),
            active: Mutex::new(alloc::vec![false; plan.table().len()]),
        });
        Self { shared }
    }

    /// The pool of the joint plan, with the tensors of all models.
    #[must_use]
    pub fn pool(&self) -> &TensorPool<A> {
        &self.shared.pool
    }

    /// Activates a model: it may use its tensors until the guard is dropped.
    ///
    /// # Errors
    /// If the model is active already, or an active model may not run beside it; see
    /// [`ActivateError`].
    pub fn activate(&self, model: ModelId) -> Result<ModelGuard<A>, ActivateError> {
        self.shared.activate(model)?;
        let shared = Arc::clone(&self.shared);
        let active = Arc::new(ActiveModel { shared, model });
        Ok(ModelGuard { active })
    }

    /// The former name of [`activate`](Self::activate).
    ///
    /// # Errors
    /// As [`activate`](Self::activate).
    #[deprecated(since = "0.1.0", note = "renamed to `activate`")]
    pub fn bind(&self, model: ModelId) -> Result<ModelGuard<A>, ActivateError> {
        self.activate(model)
    }

    /// Whether a model is active now.
    #[must_use]
    pub fn is_active(&self, model: ModelId) -> bool {
        let active = self.shared.active.lock();
        active.get(model.index()).copied().unwrap_or(false)
    }
}

impl<A: Allocator> Shared<A> {
    fn activate(&self, model: ModelId) -> Result<(), ActivateError> {
        let Some(name) = self.table.name(model) else {
            let models = self.table.len();
            return Err(ActivateError::Unknown { model, models });
        };
        let mut active = self.active.lock();
        if active[model.index()] {
            let model = name.into();
            return Err(ActivateError::AlreadyActive { model });
        }
        let others = (0..active.len()).filter(|&other| active[other]);
        let mut others = others.map(|other| ModelId::new(other as u32));
        let excludes = |other: &ModelId| !self.table.may_run_together(model, *other);
        if let Some(by) = others.find(excludes) {
            return Err(ActivateError::Excluded {
                model: name.into(),
                by: self.table.name(by).unwrap_or_default().into(),
            });
        }
        active[model.index()] = true;
        Ok(())
    }
}

impl<A: Allocator> ModelGuard<A> {
    /// The model.
    #[must_use]
    pub fn model(&self) -> ModelId {
        self.active.model
    }

    /// The id in the joint plan of one of the model's tensors: [`SharedPool::pool`] and
    /// [`SlotIn::transfer`] take joint ids.
    ///
    /// # Errors
    /// If the model has no such tensor.
    pub fn joint_id(&self, id: TensorId) -> Result<TensorId, SlotError> {
        let (table, model) = (&self.active.shared.table, self.active.model);
        let joint = table.joint_id(ModelTensor { model, tensor: id });
        joint.ok_or_else(|| SlotError::Unknown {
            id,
            tensors: table.positions(model).map_or(0, |own| own.len()),
        })
    }

    /// The slot of one of the model's tensors. It borrows the guard, so what it allocates is gone
    /// before the guard is.
    ///
    /// # Errors
    /// If the model has no such tensor, or the tensor is never alive.
    pub fn slot(&self, id: TensorId) -> Result<Slot<'_, A>, SlotError> {
        self.pool().slot(self.joint_id(id)?)
    }

    /// The slot of one of the model's tensors, as a clone of the guard: the model stays active as
    /// long as the tensor lives.
    ///
    /// ```
    /// use orionrt::{Arena, Lifetimes, ModelSet, Planner, Schedule, SharedPool, TensorId};
    ///
    /// let mut models = ModelSet::new();
    /// let a = models.add("a", Lifetimes::from_rows([("x", 0, 2, 64, 64)])?)?;
    /// let shared = models.plan(&Schedule::OneAtATime, &Planner::new())?;
    /// let pool = SharedPool::new(Arena::builder().build()?, &shared)?;
    ///
    /// let guard = pool.activate(a)?;
    /// let mut x = guard.owned_slot(TensorId::new(0))?.vec::<u8>(64)?;
    /// x.push(1);
    /// drop(guard); // x keeps the model active
    /// let sum = std::thread::spawn(move || x.iter().sum::<u8>()).join().unwrap();
    /// assert_eq!((sum, pool.is_active(a)), (1, false));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`slot`](Self::slot).
    pub fn owned_slot(&self, id: TensorId) -> Result<SlotIn<Self>, SlotError> {
        SlotIn::new(self.clone(), self.joint_id(id)?)
    }

    /// One of the model's tensors as a boxed slice of `T`, which borrows the guard; each element
    /// must be written before it is read.
    ///
    /// # Errors
    /// As [`slot`](Self::slot) and [`SlotIn::uninit`].
    pub fn uninit<T>(&self, id: TensorId) -> Result<GuardedBox<'_, MaybeUninit<T>, A>, SlotError> {
        self.slot(id)?.uninit()
    }

    /// One of the model's tensors as a boxed slice of `T`, with every element set to `value`.
    ///
    /// # Errors
    /// As [`slot`](Self::slot) and [`SlotIn::filled`].
    pub fn filled<T: Copy>(
        &self,
        id: TensorId,
        value: T,
    ) -> Result<GuardedBox<'_, T, A>, SlotError> {
        self.slot(id)?.filled(value)
    }

    /// An empty `Vec` with room for `capacity` elements in the slot of one of the model's tensors.
    ///
    /// # Errors
    /// As [`slot`](Self::slot) and [`SlotIn::vec`].
    pub fn vec<T>(
        &self,
        id: TensorId,
        capacity: usize,
    ) -> Result<SlotVec<T, Slot<'_, A>>, SlotError> {
        self.slot(id)?.vec(capacity)
    }

    /// One of the model's tensors as a boxed slice, with the values of `elements`.
    ///
    /// # Errors
    /// As [`slot`](Self::slot) and [`SlotIn::copied_from`].
    pub fn copied_from<T: Copy>(
        &self,
        id: TensorId,
        elements: &[T],
    ) -> Result<GuardedBox<'_, T, A>, SlotError> {
        self.slot(id)?.copied_from(elements)
    }

    /// Whether the slot of one of the model's tensors holds an allocation now.
    #[must_use]
    pub fn is_live(&self, id: TensorId) -> bool {
        self.joint_id(id)
            .is_ok_and(|joint| self.pool().is_live(joint))
    }
}

impl<A: Allocator> Drop for ActiveModel<A> {
    fn drop(&mut self) {
        self.shared.active.lock()[self.model.index()] = false;
    }
}

impl<A: Allocator> Clone for ModelGuard<A> {
    fn clone(&self) -> Self {
        let active = Arc::clone(&self.active);
        Self { active }
    }
}

impl<A: Allocator> Clone for SharedPool<A> {
    fn clone(&self) -> Self {
        let shared = Arc::clone(&self.shared);
        Self { shared }
    }
}

impl<A: Allocator> fmt::Debug for ModelGuard<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.active.shared.table.name(self.model());
        f.debug_struct("ModelGuard")
            .field("model", &name.unwrap_or_default())
            .finish_non_exhaustive()
    }
}

impl<A: Allocator> fmt::Debug for SharedPool<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let active = self.shared.active.lock().clone();
        let active = active.into_iter().enumerate();
        let active = active.filter_map(|(model, is_active)| {
            let model = ModelId::new(model as u32);
            self.shared.table.name(model).filter(|_| is_active)
        });
        let active: Vec<&str> = active.collect();
        f.debug_struct("SharedPool")
            .field("pool", self.pool())
            .field("active", &active)
            .finish_non_exhaustive()
    }
}

/// Why a model cannot be activated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ActivateError {
    /// The plan has no such model.
    Unknown {
        /// The id.
        model: ModelId,
        /// The number of models in the plan.
        models: usize,
    },
    /// The model is active already.
    AlreadyActive {
        /// Its name.
        model: String,
    },
    /// A model is active that may not run beside it.
    Excluded {
        /// The name of the model that was to be activated.
        model: String,
        /// The name of the active model.
        by: String,
    },
}

impl fmt::Display for ActivateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { model, models } => write!(
                f,
                "there is no model {model}: the plan has {models} models, counted from M0"
            ),
            Self::AlreadyActive { model } => write!(
                f,
                "model '{model}' is active already; \
                 add a model twice to the set to run it twice at the same time"
            ),
            Self::Excluded { model, by } => write!(
                f,
                "model '{model}' may not run beside '{by}', which is active: \
                 they are planned to share bytes"
            ),
        }
    }
}

impl core::error::Error for ActivateError {}
