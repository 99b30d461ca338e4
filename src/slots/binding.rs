//! Several models' joint plan in memory, and which of the models use it now.
//!
//! Stands on [`SharedPlan`] and on a [`TensorPool`] of its joint plan. A model's tensors are had through a [`Binding`] alone; while it lasts the
//! model is *active*. Invariant: a model is active as long as its one binding exists, and no two models are active that may not run together.
//!
//! ```text
//! a runs beside b; c runs alone         bind(a)  bind(b)  bind(c): Excluded by a    …both dropped…   bind(c)
//! active                                a        a b      a b                                        c
//! ```
//!
//! That is order, not soundness: bytes are guarded by the claims of the pool, tensor by tensor, whoever is bound.

#![forbid(unsafe_code)]

use alloc::{string::String, sync::Arc, vec::Vec};
use core::{fmt, mem::MaybeUninit};

use allocator_api2::alloc::Allocator;
use lock_api::Mutex;

use crate::slots::pool::{PoolError, TensorPool};
use crate::slots::slot::{Holder, Slot, SlotError, SlotIn};
use crate::slots::transfer::SlotBox;
use orionrt_alloc::arena::{Arena, DefaultLock};
use orionrt_plan::TensorId;
use orionrt_plan::multi_model::{ModelId, ModelTensor};
use orionrt_plan::multi_model::{ModelTable, SharedPlan};

/// The arena of several models, in memory: models are bound to it and get their tensors' slots.
///
/// ```
/// use allocator_api2::vec::Vec;
/// use orionrt::{slots::BindError, Arena, Lifetimes, ModelSet, Planner, Schedule, SharedPool, TensorId};
///
/// let mut models = ModelSet::new();
/// let a = models.add("a", Lifetimes::from_rows([("x", 0, 2, 4096, 64)])?)?;
/// let b = models.add("b", Lifetimes::from_rows([("y", 0, 2, 1024, 64)])?)?;
/// let shared = models.plan(&Schedule::OneAtATime, &Planner::new())?;
///
/// let arena = Arena::builder().capacity(1 << 20).build()?;
/// let pool = SharedPool::new(&arena, &shared)?;               // reserves 4096 bytes, once
/// let binding = pool.bind(a)?;
/// let mut x: Vec<f32, _> = Vec::with_capacity_in(1024, binding.slot(TensorId::new(0))?);
/// x.push(1.0);
/// let error = pool.bind(b).unwrap_err();
/// assert_eq!(error, BindError::Excluded { model: "b".into(), by: "a".into() });
///
/// drop(x);
/// drop(binding);                                              // not before its tensors
/// let y = pool.bind(b)?.filled(TensorId::new(0), 0u8)?.len();
/// assert_eq!(y, 1024);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SharedPool<A: Allocator> {
    pool: TensorPool<A>,
    table: Arc<ModelTable>,
    /// Of each model whether it is bound.
    active: Mutex<DefaultLock, Vec<bool>>,
}

/// A binding that borrows its pool, and whose tensors borrow the binding.
pub type Binding<'p, A = &'p Arena> = BindingIn<&'p SharedPool<A>>;

/// A binding that shares its pool's ownership. In an `Arc`, its tensors share it: see [`owned_slot`](OwnedBinding::owned_slot).
pub type OwnedBinding<A = Arena> = BindingIn<Arc<SharedPool<A>>>;

/// The slot of a bound model's tensor that shares the binding's ownership.
pub type BoundSlot<A = Arena> = SlotIn<Arc<OwnedBinding<A>>>;

/// A model that is active until this is dropped; see [`Binding`] and [`OwnedBinding`].
///
/// Tensors' ids are the model's own. One that is forgotten leaves its model active for good.
pub struct BindingIn<P: PoolHolder> {
    pool: P,
    model: ModelId,
}

/// The two ways to hold a shared pool; nobody else can add one.
mod holder {
    use alloc::sync::Arc;

    use allocator_api2::alloc::Allocator;

    use super::SharedPool;

    /// A reference that keeps one pool alive.
    pub trait PoolHolder {
        type Arena: Allocator;

        fn shared(&self) -> &SharedPool<Self::Arena>;
    }

    impl<A: Allocator> PoolHolder for &SharedPool<A> {
        type Arena = A;

        fn shared(&self) -> &SharedPool<A> {
            self
        }
    }

    impl<A: Allocator> PoolHolder for Arc<SharedPool<A>> {
        type Arena = A;

        fn shared(&self) -> &SharedPool<A> {
            self
        }
    }
}

use holder::PoolHolder;

impl<A: Allocator> Holder for Arc<OwnedBinding<A>> {
    type Arena = A;

    #[inline]
    fn pool(&self) -> &TensorPool<A> {
        &self.pool.pool
    }
}

impl<A: Allocator> SharedPool<A> {
    /// Reserves `plan.peak()` bytes in `arena`. A tensor that outgrows its slot fails.
    ///
    /// # Errors
    /// When the arena has no room for the region; see [`PoolError`].
    pub fn new(arena: A, plan: &SharedPlan) -> Result<Self, PoolError> {
        Ok(Self::over(TensorPool::new(arena, plan.plan())?, plan))
    }

    /// Like [`new`](Self::new); an allocation that does not fit its slot goes to the arena instead of failing.
    ///
    /// # Errors
    /// When the arena has no room for the region; see [`PoolError`].
    pub fn with_fallback(arena: A, plan: &SharedPlan) -> Result<Self, PoolError> {
        let pool = TensorPool::with_fallback(arena, plan.plan())?;
        Ok(Self::over(pool, plan))
    }

    fn over(pool: TensorPool<A>, plan: &SharedPlan) -> Self {
        Self {
            pool,
            table: Arc::clone(plan.table()),
            active: Mutex::new(alloc::vec![false; plan.len()]),
        }
    }

    /// The pool of the joint plan, with the tensors of all models.
    #[must_use]
    pub fn pool(&self) -> &TensorPool<A> {
        &self.pool
    }

    /// Binds a model: it is active until the binding is dropped.
    ///
    /// # Errors
    /// When it is bound already, or a model is that may not run beside it; see [`BindError`].
    pub fn bind(&self, model: ModelId) -> Result<BindingIn<&Self>, BindError> {
        self.activate(model)?;
        Ok(BindingIn { pool: self, model })
    }

    /// The same, sharing ownership of the pool.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use allocator_api2::vec::Vec;
    /// use orionrt::{slots::BoundSlot, Arena, Lifetimes, ModelSet, Planner, Schedule, SharedPool, TensorId};
    ///
    /// let mut models = ModelSet::new();
    /// let a = models.add("a", Lifetimes::from_rows([("x", 0, 2, 64, 64)])?)?;
    /// let shared = models.plan(&Schedule::OneAtATime, &Planner::new())?;
    /// let pool = Arc::new(SharedPool::new(Arena::builder().build()?, &shared)?);
    ///
    /// let binding = Arc::new(pool.bind_owned(a)?);
    /// let mut x: Vec<u8, BoundSlot> = Vec::with_capacity_in(64, binding.owned_slot(TensorId::new(0))?);
    /// x.push(1);
    /// drop(binding);                                              // x keeps the model bound
    /// let sum = std::thread::spawn(move || x.iter().sum::<u8>()).join().unwrap();
    /// assert_eq!((sum, pool.is_bound(a)), (1, false));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn bind_owned(self: &Arc<Self>, model: ModelId) -> Result<OwnedBinding<A>, BindError> {
        self.activate(model)?;
        let pool = Arc::clone(self);
        Ok(BindingIn { pool, model })
    }

    /// Whether a model is active now.
    #[must_use]
    pub fn is_bound(&self, model: ModelId) -> bool {
        let active = self.active.lock();
        active.get(model.index()).copied().unwrap_or(false)
    }

    fn activate(&self, model: ModelId) -> Result<(), BindError> {
        let Some(name) = self.table.name(model) else {
            let models = self.table.len();
            return Err(BindError::Unknown { model, models });
        };
        let mut active = self.active.lock();
        if active[model.index()] {
            let model = name.into();
            return Err(BindError::Bound { model });
        }
        let others = (0..active.len()).filter(|&other| active[other]);
        let mut others = others.map(|other| ModelId::new(other as u32));
        let excludes = |other: &ModelId| !self.table.may_run_together(model, *other);
        if let Some(by) = others.find(excludes) {
            return Err(BindError::Excluded {
                model: name.into(),
                by: self.table.name(by).unwrap_or_default().into(),
            });
        }
        active[model.index()] = true;
        Ok(())
    }
}

impl<P: PoolHolder> BindingIn<P> {
    /// The model.
    #[must_use]
    pub fn model(&self) -> ModelId {
        self.model
    }

    /// The id of one of the model's tensors in the joint plan: what [`pool`](SharedPool::pool) and
    /// [`Slot::transfer`](SlotIn::transfer) go by.
    ///
    /// # Errors
    /// When the model has no such tensor.
    pub fn joint_id(&self, id: TensorId) -> Result<TensorId, SlotError> {
        let (table, model) = (&self.pool.shared().table, self.model);
        let joint = table.joint_id(ModelTensor { model, tensor: id });
        joint.ok_or_else(|| SlotError::Unknown {
            id,
            tensors: table.positions(model).map_or(0, |own| own.len()),
        })
    }

    /// The slot of one of the model's tensors. What it allocates ends before the binding does.
    ///
    /// # Errors
    /// When the model has no such tensor, or it is never alive.
    pub fn slot(&self, id: TensorId) -> Result<Slot<'_, P::Arena>, SlotError> {
        self.pool().slot(self.joint_id(id)?)
    }

    /// A whole tensor as a boxed slice of `T`, each element to be written before it is read.
    ///
    /// # Errors
    /// As [`TensorPool::uninit`].
    pub fn uninit<T>(
        &self,
        id: TensorId,
    ) -> Result<SlotBox<MaybeUninit<T>, &TensorPool<P::Arena>>, SlotError> {
        self.pool().uninit(self.joint_id(id)?)
    }

    /// A whole tensor as a boxed slice of `T`, every element `value`.
    ///
    /// # Errors
    /// As [`TensorPool::uninit`].
    pub fn filled<T: Copy>(
        &self,
        id: TensorId,
        value: T,
    ) -> Result<SlotBox<T, &TensorPool<P::Arena>>, SlotError> {
        self.pool().filled(self.joint_id(id)?, value)
    }

    /// Whether the slot of one of the model's tensors holds an allocation now.
    #[must_use]
    pub fn is_live(&self, id: TensorId) -> bool {
        self.joint_id(id)
            .is_ok_and(|joint| self.pool().is_live(joint))
    }

    fn pool(&self) -> &TensorPool<P::Arena> {
        &self.pool.shared().pool
    }
}

impl<A: Allocator> OwnedBinding<A> {
    /// The slot of one of the model's tensors, sharing ownership of the binding: the model stays active as long as the tensor lives.
    ///
    /// # Errors
    /// As [`slot`](BindingIn::slot).
    pub fn owned_slot(self: &Arc<Self>, id: TensorId) -> Result<BoundSlot<A>, SlotError> {
        SlotIn::held(Arc::clone(self), self.joint_id(id)?)
    }
}

impl<P: PoolHolder> Drop for BindingIn<P> {
    fn drop(&mut self) {
        self.pool.shared().active.lock()[self.model.index()] = false;
    }
}

impl<P: PoolHolder> fmt::Debug for BindingIn<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.pool.shared().table.name(self.model);
        f.debug_struct("Binding")
            .field("model", &name.unwrap_or_default())
            .finish_non_exhaustive()
    }
}

impl<A: Allocator> fmt::Debug for SharedPool<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let active = self.active.lock().clone();
        let active = active.into_iter().enumerate();
        let active = active.filter_map(|(model, is_bound)| {
            let name = self.table.name(ModelId::new(model as u32));
            name.filter(|_| is_bound)
        });
        f.debug_struct("SharedPool")
            .field("pool", &self.pool)
            .field("active", &active.collect::<Vec<_>>())
            .finish()
    }
}

/// Why a model could not be bound.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BindError {
    /// The plan has no such model.
    Unknown {
        /// The id.
        model: ModelId,
        /// How many models the plan has.
        models: usize,
    },
    /// It is bound already.
    Bound {
        /// Its name.
        model: String,
    },
    /// A model is bound that may not run beside it.
    Excluded {
        /// The name of the model that was to be bound.
        model: String,
        /// The name of the other one.
        by: String,
    },
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { model, models } => write!(
                f,
                "there is no model {model}, the plan has {models} models counted from M0"
            ),
            Self::Bound { model } => write!(
                f,
                "model '{model}' is bound already; a model that runs twice at once must be added twice"
            ),
            Self::Excluded { model, by } => write!(
                f,
                "model '{model}' may not run beside '{by}', which is bound; they were planned to share bytes"
            ),
        }
    }
}

impl core::error::Error for BindError {}
