//! Several pools of one plan, lent to whoever runs an inference.
//!
//! Stands on [`TensorPool`]. A plan has each tensor once, so a pool is for one inference at a time.
//! [`PoolSet`] has as many pools as may run side by side, and lends each to one at a time.
//!
//! ```text
//! set of 2   lend: A   lend: B   lend: waits ...   B is dropped   ... lent: B
//! idle       B         -         -                 -> the one who waits
//! ```
//!
//! Invariant: a pool is idle, or one [`LentPool`] and its clones have it; the last of them makes it
//! idle. Soundness does not rest on that: the claims of each pool guard its bytes, whoever has it.
//! All that threads share here is a list of idle pools, under the mutex of `std` and with its
//! condition variable. There is no atomic operation of our own, hence no loom model.

#![forbid(unsafe_code)]

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{fmt, ops::Deref};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use allocator_api2::alloc::Allocator;

use crate::slots::pool::{PoolError, TensorPool};
use crate::slots::pool_ref::PoolRef;
use crate::slots::slot::SlotIn;
use crate::slots::slot_error::SlotError;
use orionrt_alloc::arena::Arena;
use orionrt_plan::TensorId;
use orionrt_plan::plan::Plan;

/// Pools of one plan, each of which is lent to one inference at a time. Cloning it shares the same
/// pools.
///
/// ```
/// use orionrt::{Arena, Lifetimes, Planner, PoolSet, TensorId};
///
/// let plan = Planner::new().plan(&Lifetimes::from_rows([("y", 0, 1, 4096, 64)])?)?;
/// let arena = Arena::builder().capacity(1 << 20).build()?;
/// let pools = PoolSet::new(&arena, &plan, 2)?; // two inferences at a time
///
/// std::thread::scope(|scope| {
///     for request in 0..8 {
///         let pools = &pools;
///         scope.spawn(move || {
///             let pool = pools.lend(); // waits until one is idle
///             let y = pool.filled(TensorId::new(0), request as f32).expect("it is idle");
///             assert_eq!(y.len(), 1024);
///         }); // the pool is idle again
///     }
/// });
/// assert_eq!(pools.idle(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Outputs in turn
///
/// A tensor in an [owned slot](LentPool::owned_slot) keeps its pool lent. So with two pools, the
/// caller reads the outputs of one inference where they lie while the next one runs in the other
/// pool. Where outputs live longer than that, [`detach`](SlotIn::detach) them.
///
/// Lending takes a lock for a moment: do not `fork` while another thread does that. In the child, a
/// pool that another thread had stays lent.
pub struct PoolSet<A: Allocator> {
    shared: Arc<Shared<A>>,
}

struct Shared<A: Allocator> {
    pools: Box<[TensorPool<A>]>,
    /// The pools that nobody has; it has room for all of them.
    idle: Mutex<Vec<usize>>,
    /// A pool has become idle.
    returned: Condvar,
}

/// A pool that a [`PoolSet`] has lent; used like a reference to it.
///
/// The pool is idle again when this, its clones, and all tensors in [owned
/// slots](Self::owned_slot) are dropped. One that is leaked (`mem::forget`) stays lent for good.
pub struct LentPool<A: Allocator = Arena> {
    lent: Arc<Lent<A>>,
}

/// Dropping this makes the pool idle.
struct Lent<A: Allocator> {
    shared: Arc<Shared<A>>,
    index: usize,
}

impl<A: Allocator> PoolRef for LentPool<A> {
    type Arena = A;

    #[inline]
    fn pool(&self) -> &TensorPool<A> {
        &self.lent.shared.pools[self.lent.index]
    }
}

impl<A: Allocator> PoolSet<A> {
    /// Reserves `count` regions of `plan.peak()` bytes in `arena`.
    ///
    /// # Errors
    /// If the arena has no room for them, or `count` is 0; see [`PoolError`].
    pub fn new(arena: A, plan: &Plan, count: usize) -> Result<Self, PoolError>
    where
        A: Clone,
    {
        let pools = (0..count).map(|_| TensorPool::new(arena.clone(), plan));
        Self::of(pools.collect::<Result<Vec<_>, _>>()?)
    }

    /// A set of these pools, all of one plan, for pools with an arena each or with a fallback. Who
    /// borrows gets any of them.
    ///
    /// # Errors
    /// [`PoolError::NoPools`] if there are none.
    pub fn of(pools: impl IntoIterator<Item = TensorPool<A>>) -> Result<Self, PoolError> {
        let pools: Box<[TensorPool<A>]> = pools.into_iter().collect();
        if pools.is_empty() {
            return Err(PoolError::NoPools);
        }
        let shared = Arc::new(Shared {
            idle: Mutex::new((0..pools.len()).rev().collect()),
            returned: Condvar::new(),
            pools,
        });
        Ok(Self { shared })
    }

    /// Lends a pool; waits until one is idle. Who waits gets pools in no particular order. A thread
    /// that has all pools itself would wait for ever.
    #[must_use]
    pub fn lend(&self) -> LentPool<A> {
        let mut idle = self.shared.idle();
        let index = loop {
            match idle.pop() {
                Some(index) => break index,
                None => {
                    let woken = self.shared.returned.wait(idle);
                    idle = woken.unwrap_or_else(PoisonError::into_inner);
                }
            }
        };
        drop(idle);
        self.lent(index)
    }

    /// Lends a pool; `None` if none is idle.
    #[must_use]
    pub fn try_lend(&self) -> Option<LentPool<A>> {
        let index = self.shared.idle().pop();
        index.map(|index| self.lent(index))
    }

    /// How many pools there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is at least one")]
    pub fn len(&self) -> usize {
        self.shared.pools.len()
    }

    /// How many pools nobody has now.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.shared.idle().len()
    }

    fn lent(&self, index: usize) -> LentPool<A> {
        let shared = Arc::clone(&self.shared);
        let lent = Arc::new(Lent { shared, index });
        LentPool { lent }
    }
}

impl<A: Allocator> Shared<A> {
    /// The idle pools. Nothing panics under this lock.
    fn idle(&self) -> MutexGuard<'_, Vec<usize>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A: Allocator> LentPool<A> {
    /// The slot of a tensor, as a clone of this: the pool stays lent as long as the tensor lives.
    ///
    /// ```
    /// use orionrt::{Arena, Lifetimes, Planner, PoolSet, TensorId, TensorPool};
    ///
    /// let plan = Planner::new().plan(&Lifetimes::from_rows([("y", 0, 1, 64, 64)])?)?;
    /// let pools = PoolSet::of([TensorPool::new(Arena::builder().build()?, &plan)?])?;
    /// let pool = pools.lend();
    /// let y = pool.owned_slot(TensorId::new(0))?.filled(1u8)?;
    /// drop(pool);
    /// assert!(pools.try_lend().is_none()); // `y` has it
    /// let sum = std::thread::spawn(move || y.iter().sum::<u8>()).join().unwrap();
    /// assert_eq!(sum, 64);
    /// assert!(pools.try_lend().is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`TensorPool::slot`].
    pub fn owned_slot(&self, id: TensorId) -> Result<SlotIn<Self>, SlotError> {
        SlotIn::new(self.clone(), id)
    }
}

impl<A: Allocator> Deref for LentPool<A> {
    type Target = TensorPool<A>;

    #[inline]
    fn deref(&self) -> &TensorPool<A> {
        self.pool()
    }
}

impl<A: Allocator> Drop for Lent<A> {
    fn drop(&mut self) {
        self.shared.idle().push(self.index);
        self.shared.returned.notify_one();
    }
}

impl<A: Allocator> Clone for LentPool<A> {
    fn clone(&self) -> Self {
        let lent = Arc::clone(&self.lent);
        Self { lent }
    }
}

impl<A: Allocator> Clone for PoolSet<A> {
    fn clone(&self) -> Self {
        let shared = Arc::clone(&self.shared);
        Self { shared }
    }
}

impl<A: Allocator> fmt::Debug for LentPool<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LentPool")
            .field("index", &self.lent.index)
            .field("pool", self.pool())
            .finish()
    }
}

impl<A: Allocator> fmt::Debug for PoolSet<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolSet")
            .field("pools", &self.len())
            .field("idle", &self.idle())
            .finish_non_exhaustive()
    }
}
