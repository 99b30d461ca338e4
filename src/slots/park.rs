//! Parked tensors: values that are idle, in compressed form, while others have their planned bytes.
//!
//! Stands on slots and on [`Compressed`]. Parking takes a tensor, compresses its bytes into the
//! part of the arena that is not planned, and frees its slot; unparking claims the slot again and
//! writes them back. What is parked has no slice that could be read or written meanwhile.
//!
//! ```text
//! planned region   ├ skip ┤ ─ park ─► ├ others' ┤ ─ unpark ─► ├ skip ┤
//! rest of arena                       ├ blocks ┤
//! ```
//!
//! Invariant: `bytes` has those of `len` elements of `T`, in their order. Whatever fails, the
//! values are in the tensor or in the [`Parked`] that the error returns.

#[cfg(feature = "std")]
use core::time::Duration;
use core::{fmt, marker::PhantomData, slice};
#[cfg(feature = "std")]
use std::time::Instant;

use allocator_api2::boxed::Box;

use crate::slots::codec::ParkCodec;
use crate::slots::compressed::{Compressed, NotExpanded, NotStored};
use crate::slots::no_padding::{NoPadding, bytes_of};
use crate::slots::pool_ref::PoolRef;
use crate::slots::slot::{SlotBox, SlotIn};
use crate::slots::slot_error::SlotError;
use crate::slots::transfer::TransferError;
use orionrt_plan::TensorId;

/// A tensor whose values wait in compressed form, while others may have its planned bytes. Dropping
/// it drops the values. See [`SlotIn::park`].
#[must_use = "dropping a parked tensor drops its values"]
pub struct Parked<T, P: PoolRef> {
    bytes: Compressed<P>,
    len: usize,
    #[cfg(feature = "std")]
    time: Duration,
    elements: PhantomData<T>,
}

/// What parking a tensor has saved, and how long it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParkStats {
    /// The bytes of the tensor.
    pub bytes: usize,
    /// The bytes that are stored: never more than the tensor has. The arena grants whole blocks of
    /// its own, separately for each 32 KiB of the tensor, so it has up to a block more in use for
    /// each of them.
    pub stored_bytes: usize,
    /// How long it took to compress them.
    #[cfg(feature = "std")]
    pub time: Duration,
}

/// A parked tensor that could not be unparked, and why.
#[non_exhaustive]
pub struct UnparkError<T, P: PoolRef> {
    /// The parked tensor, unchanged.
    pub parked: Parked<T, P>,
    /// Why it could not be unparked: mostly [`SlotError::InUse`], which names the tensor that has
    /// its bytes.
    pub error: SlotError,
}

impl<P: PoolRef + Clone> SlotIn<P> {
    /// Parks a tensor that is not needed for a while: its values go, compressed, into memory of the
    /// pool's arena outside of the planned region, and its planned bytes are free for others until
    /// [`Parked::unpark`] claims them again. The values come back bit for bit.
    ///
    /// Bytes are compressed by LZ4 ([`park_by`](Self::park_by) has other codecs) in chunks of 32
    /// KiB; a chunk that does not get smaller is copied as it is, so that parking never stores more
    /// bytes than the tensor has. In the arena, each chunk takes whole blocks: a tensor of 65 bytes
    /// takes 4 KiB of an arena whose blocks have 4 KiB. To be sure that it pays, limit it by
    /// [`park_within`](Self::park_within). Beside the arena's memory, parking needs about 80 KiB of
    /// the global allocator while it runs, of which the 8 KiB of LZ4's table end the process if
    /// they are refused.
    ///
    /// ```
    /// use orionrt::{slots::{Slot, SlotError}, Arena, Lifetimes, Planner, TensorId, TensorPool};
    ///
    /// fn run(pool: &TensorPool<Arena>, skip: TensorId, work: TensorId) -> Result<(), SlotError> {
    ///     let parked = Slot::park(pool.filled(skip, 1.5f32)?)?;
    ///     assert!(parked.stats().ratio() > 10.0);
    ///     let busy = pool.filled(work, 0.0f32)?; // in the bytes of `skip`
    ///     let refused = parked.unpark().unwrap_err();
    ///     let message = "tensor 'skip' shares bytes with 'work', which is alive";
    ///     assert_eq!(refused.to_string(), message);
    ///     drop(busy);
    ///     let back = refused.parked.unpark()?; // nothing was lost
    ///     assert_eq!(*back, [1.5f32; 1024]);
    ///     Ok(())
    /// }
    ///
    /// let rows = [("skip", 0, 2, 4096, 64), ("work", 2, 4, 4096, 64)]; // one place for both
    /// let plan = Planner::new().plan(&Lifetimes::from_rows(rows)?)?;
    /// let pool = TensorPool::new(Arena::builder().build()?, &plan)?;
    /// run(&pool, TensorId::new(0), TensorId::new(1))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SlotError::NoMemoryToPark`] with the tensor, if the arena has no room.
    pub fn park<T: NoPadding>(tensor: SlotBox<T, P>) -> Result<Parked<T, P>, TransferError<T, P>> {
        Self::park_within(tensor, usize::MAX)
    }

    /// Parks a tensor as [`park`](Self::park) does, if it gets down to this many
    /// [stored bytes](ParkStats::stored_bytes): with half of the tensor's bytes, for instance, only
    /// if it gets half as large. What the arena adds to fill its blocks does not count.
    ///
    /// # Errors
    /// As [`park`](Self::park), and [`SlotError::TooLargeToPark`] with the tensor, if it needs more
    /// bytes.
    pub fn park_within<T: NoPadding>(
        tensor: SlotBox<T, P>,
        most_bytes: usize,
    ) -> Result<Parked<T, P>, TransferError<T, P>> {
        Self::park_by(ParkCodec::Lz4, tensor, most_bytes)
    }

    /// Parks a tensor as [`park_within`](Self::park_within) does, compressed by a codec: with the
    /// feature `zstd` that may be Zstandard, which takes more time and stores fewer bytes. What it
    /// needs beside the arena's memory is said at [`ParkCodec`].
    ///
    /// ```
    /// # #[cfg(feature = "zstd")] {
    /// use orionrt::{Arena, TensorId, TensorPool, slots::{ParkCodec, Slot, SlotError}};
    ///
    /// fn smaller(pool: &TensorPool<Arena>, skip: TensorId) -> Result<(), SlotError> {
    ///     let skip = pool.filled(skip, 1.5f32)?;
    ///     let parked = Slot::park_by(ParkCodec::Zstd { level: 3 }, skip, usize::MAX)?;
    ///     assert!(parked.stats().ratio() > 50.0);
    ///     assert_eq!(*parked.unpark()?, [1.5f32; 1024]);
    ///     Ok(())
    /// }
    /// # use orionrt::{Lifetimes, Planner};
    /// # let plan = Planner::new().plan(&Lifetimes::from_rows([("skip", 0, 2, 4096, 64)])?)?;
    /// # smaller(&TensorPool::new(Arena::builder().build()?, &plan)?, TensorId::new(0))?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`park_within`](Self::park_within).
    pub fn park_by<T: NoPadding>(
        codec: ParkCodec,
        tensor: SlotBox<T, P>,
        most_bytes: usize,
    ) -> Result<Parked<T, P>, TransferError<T, P>> {
        #[cfg(feature = "std")]
        let start = Instant::now();
        let slot = Box::allocator(&tensor).clone();
        let bytes = bytes_of(&tensor);
        let stored = Compressed::new(slot, codec, bytes, size_of::<T>(), most_bytes);
        let stored = match stored {
            Ok(stored) => stored,
            Err(why) => return Err(not_stored(tensor, why, most_bytes)),
        };
        let len = tensor.len();
        drop(tensor); // gives up the slot
        Ok(Parked {
            bytes: stored,
            len,
            #[cfg(feature = "std")]
            time: start.elapsed(),
            elements: PhantomData,
        })
    }
}

impl<T, P: PoolRef> Parked<T, P> {
    /// The tensor.
    #[must_use]
    pub fn tensor(&self) -> TensorId {
        self.bytes.slot().tensor()
    }

    /// What parking has saved.
    #[must_use]
    pub fn stats(&self) -> ParkStats {
        ParkStats {
            bytes: self.len * size_of::<T>(),
            stored_bytes: self.bytes.stored(),
            #[cfg(feature = "std")]
            time: self.time,
        }
    }
}

impl<T: NoPadding, P: PoolRef + Clone> Parked<T, P> {
    /// Claims the tensor's slot again and writes its values back.
    ///
    /// # Errors
    /// Returns the parked tensor if its planned bytes are in use ([`SlotError::InUse`] names the
    /// tensor that has them), or if there is no memory to expand it.
    pub fn unpark(self) -> Result<SlotBox<T, P>, UnparkError<T, P>> {
        let slot = self.bytes.slot().clone();
        let mut elements = match slot.vec::<T>(self.len) {
            Ok(elements) => elements,
            Err(error) => {
                return Err(UnparkError {
                    parked: self,
                    error,
                });
            }
        };
        let (start, bytes) = (elements.as_mut_ptr().cast::<u8>(), self.stats().bytes);
        // SAFETY: `vec` has room for `len` elements, which nobody else uses; they have this many
        // bytes, and zeros initialise them.
        let expanded = unsafe {
            start.write_bytes(0, bytes);
            let bytes = slice::from_raw_parts_mut(start, bytes);
            self.bytes.expand(bytes, size_of::<T>())
        };
        if let Err(why) = expanded {
            let slot = self.bytes.slot();
            let name = slot.pool().name(slot.tensor());
            let error = match why {
                NotExpanded::NoMemory(needed) => SlotError::NoMemoryToPark { name, needed },
                NotExpanded::Damaged => SlotError::Damaged { name },
            };
            return Err(UnparkError {
                parked: self,
                error,
            });
        }
        // SAFETY: the bytes are those of the `len` elements that were parked (`NoPadding`: so are
        // the values).
        unsafe { elements.set_len(self.len) };
        Ok(elements.into_boxed_slice())
    }
}

impl ParkStats {
    /// The bytes of the tensor divided by those that are stored: 2 if it got half as large, 1 if
    /// nothing was saved.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.bytes.max(1) as f64 / self.stored_bytes.max(1) as f64
    }
}

#[cold]
fn not_stored<T, P: PoolRef>(
    tensor: SlotBox<T, P>,
    why: NotStored,
    most: usize,
) -> TransferError<T, P> {
    let slot: &SlotIn<P> = Box::allocator(&tensor);
    let name = slot.pool().name(slot.tensor());
    let error = match why {
        NotStored::NoMemory(needed) => SlotError::NoMemoryToPark { name, needed },
        NotStored::TooLarge => SlotError::TooLargeToPark { name, most },
    };
    TransferError { tensor, error }
}

/// Gives the parked tensor up.
impl<T, P: PoolRef> From<UnparkError<T, P>> for SlotError {
    fn from(refused: UnparkError<T, P>) -> Self {
        refused.error
    }
}

impl<T, P: PoolRef> fmt::Debug for Parked<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parked")
            .field("slot", self.bytes.slot())
            .field("elements", &self.len)
            .field("stats", &self.stats())
            .finish()
    }
}

impl<T, P: PoolRef> fmt::Debug for UnparkError<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnparkError")
            .field("parked", &self.parked)
            .field("error", &self.error)
            .finish()
    }
}

impl<T, P: PoolRef> fmt::Display for UnparkError<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

// Displayed as the error inside, so that error's source is this one's, too.
impl<T, P: PoolRef> core::error::Error for UnparkError<T, P> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.error.source()
    }
}
