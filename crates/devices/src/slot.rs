//! Slots: tensors in device memory while their bytes are claimed.
//!
//! Stands on [`DevicePool`]. Commands are claimed for when they are recorded, in the order in which
//! their stream runs them; the device itself is asked nothing.
//!
//! Invariant: a [`DeviceSlot`] exists exactly as long as its tensor is in use in the pool's claims.

use core::{fmt, ops::Range};

use bytemuck::Pod;
use orionrt_plan::TensorId;

use crate::{
    memory::DeviceMemory, order::StreamId, pool::DevicePool, returned::returns_slots,
    slot_error::DeviceSlotError,
};

/// A tensor in device memory that is in use. Dropping it gives its bytes up behind all of its uses.
///
/// A slot says which streams use the tensor, in the order in which they are given their commands:
/// the stream that claims it writes it, others [read](Self::read_on) or [write](Self::write_on) it.
/// Each of these is checked against the events for which the stream has waited.
///
/// ```
/// use orionrt_devices::{DeviceArena, HostDevice, StreamId, StreamOrder};
/// use orionrt_plan::{Lifetimes, Planner, TensorId};
///
/// let plan = Planner::new().plan(&Lifetimes::from_rows([("x", 0, 2, 64, 256)])?)?;
/// let arena = DeviceArena::new(HostDevice::new(4096)?)?;
/// let pool = arena.pool(&plan, &StreamOrder::new(1))?;
///
/// let x = pool.slot(TensorId::new(0), StreamId::HOST)?; // the host writes it
/// let refused = x.read_on(StreamId::new(0)).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "tensor `x` cannot be used on stream 0 yet: the host uses it, and stream 0 has not waited \
///      for that",
/// );
/// pool.wait(StreamId::new(0), &pool.signal(StreamId::HOST)?)?;
/// x.read_on(StreamId::new(0))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a slot that is dropped gives its tensor up"]
pub struct DeviceSlot<M: DeviceMemory> {
    pool: DevicePool<M>,
    id: TensorId,
    /// Whether other tensors have become the owners of the bytes.
    is_passed_on: bool,
}

/// A slot whose tensor could not be transferred, and why.
#[non_exhaustive]
pub struct DeviceTransferError<M: DeviceMemory> {
    /// The slot, unchanged.
    pub slot: DeviceSlot<M>,
    /// Why its tensor could not be transferred.
    pub error: DeviceSlotError,
}

impl<M: DeviceMemory> DevicePool<M> {
    /// Claims a tensor's bytes, to be written next on a stream.
    ///
    /// # Errors
    /// The plan has no bytes for the tensor; some of them are in use, or were given up on another
    /// stream for which this one has not waited; or there is no such stream.
    pub fn slot(&self, id: TensorId, stream: StreamId) -> Result<DeviceSlot<M>, DeviceSlotError> {
        self.check(id)?;
        let seen = self.order().seen(stream)?;
        let claimed = self.claims().claim(id, &seen);
        claimed.map_err(|refusal| self.refused(id, stream, refusal))?;
        Ok(DeviceSlot::of(self, id))
    }
}

impl<M: DeviceMemory> DeviceSlot<M> {
    /// The slot of a tensor that has become in use.
    pub(crate) fn of(pool: &DevicePool<M>, id: TensorId) -> Self {
        Self {
            pool: pool.clone(),
            id,
            is_passed_on: false,
        }
    }

    /// The tensor.
    #[must_use]
    pub fn tensor(&self) -> TensorId {
        self.id
    }

    /// The tensor's name.
    #[must_use]
    pub fn name(&self) -> &str {
        let name = self.pool.plan().lifetimes().name(self.id);
        name.unwrap_or_default()
    }

    /// The pool.
    #[must_use]
    pub fn pool(&self) -> &DevicePool<M> {
        &self.pool
    }

    /// The tensor's bytes in the arena's block.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        let planned = self.pool.planned(self.id);
        planned.map_or(0..0, |tensor| tensor.range.clone())
    }

    /// The first of the tensor's bytes in the arena's block.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.range().start
    }

    /// The tensor's size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let range = self.range();
        range.end - range.start
    }

    /// The tensor's bytes in the form in which kernels are given them: their end is rounded up to
    /// what copies need.
    #[must_use]
    pub fn buffer(&self) -> &M::Buffer {
        let planned = self.pool.planned(self.id);
        let planned = planned.unwrap_or_else(|| unreachable!("a tensor in use has bytes"));
        &planned.buffer
    }

    /// The bytes of another tensor of the plan that lies within this one, in the form in which
    /// kernels are given them. Whoever uses them says so of this slot; its claim covers them.
    ///
    /// # Errors
    /// The plan has no bytes for the other tensor, or it does not lie within this one.
    pub fn part(&self, id: TensorId) -> Result<&M::Buffer, DeviceSlotError> {
        self.pool.check(id)?;
        let whole = self.range();
        let part = self.pool.planned(id);
        let part = part
            .filter(|part| whole.start <= part.range.start && part.range.end <= whole.end)
            .ok_or_else(|| DeviceSlotError::NotWithin {
                tensor: self.pool.name(id),
                of: self.name().to_owned(),
            })?;
        Ok(&part.buffer)
    }

    /// The next command of a stream reads the tensor.
    ///
    /// # Errors
    /// The tensor was written on another stream for which this one has not waited, or there is no
    /// such stream.
    pub fn read_on(&self, stream: StreamId) -> Result<(), DeviceSlotError> {
        let seen = self.pool.order().seen(stream)?;
        let read = self.pool.claims().read(self.id, &seen);
        read.map_err(|refusal| self.pool.refused(self.id, stream, refusal))
    }

    /// The next command of a stream writes the tensor, and may read it.
    ///
    /// # Errors
    /// The tensor was written or read on another stream for which this one has not waited, or there
    /// is no such stream.
    pub fn write_on(&self, stream: StreamId) -> Result<(), DeviceSlotError> {
        let seen = self.pool.order().seen(stream)?;
        let written = self.pool.claims().write(self.id, &seen);
        written.map_err(|refusal| self.pool.refused(self.id, stream, refusal))
    }

    /// How many elements of a type the tensor has.
    ///
    /// # Errors
    /// Its size is not a whole number of them.
    pub fn elements<T: Pod>(&self) -> Result<usize, DeviceSlotError> {
        let (bytes, element) = (self.bytes(), size_of::<T>());
        let whole = bytes.checked_rem(element as u64) == Some(0);
        let elements = whole.then(|| usize::try_from(bytes / element as u64).ok());
        elements.flatten().ok_or_else(|| DeviceSlotError::NotWhole {
            tensor: self.name().to_owned(),
            bytes,
            element,
        })
    }

    /// The bytes of values that are to be copied into the tensor: all of its elements.
    ///
    /// # Errors
    /// The tensor does not have as many elements of this type.
    pub fn upload_bytes<'v, T: Pod>(&self, values: &'v [T]) -> Result<&'v [u8], DeviceSlotError> {
        self.check_length::<T>(values.len())?;
        Ok(bytemuck::cast_slice(values))
    }

    /// The bytes of values into which the tensor is to be copied: all of its elements.
    ///
    /// # Errors
    /// The tensor does not have as many elements of this type.
    pub fn download_bytes<'v, T: Pod>(
        &self,
        values: &'v mut [T],
    ) -> Result<&'v mut [u8], DeviceSlotError> {
        self.check_length::<T>(values.len())?;
        Ok(bytemuck::cast_slice_mut(values))
    }

    fn check_length<T: Pod>(&self, given: usize) -> Result<(), DeviceSlotError> {
        let elements = self.elements::<T>()?;
        if elements == given {
            return Ok(());
        }
        Err(DeviceSlotError::OtherLength {
            tensor: self.name().to_owned(),
            elements,
            given,
        })
    }

    /// Gives the tensor's bytes up, as dropping the slot does.
    pub fn free(self) {}

    /// Turns the tensor into another one that lies within its bytes: a view of it, or a result in
    /// place. The bytes stay where they are, with their contents and their uses; those outside of
    /// the other tensor are given up.
    ///
    /// # Errors
    /// Returns the slot if the other tensor is not in the plan or has no bytes, or if it does not
    /// lie within this one.
    pub fn transfer(self, to: TensorId) -> Result<Self, DeviceTransferError<M>> {
        let pool = self.pool.clone();
        self.pass_on(&[to])?;
        Ok(Self::of(&pool, to))
    }

    /// Splits the tensor into several others that lie within its bytes and share none with each
    /// other. They are returned in the order of `to`; bytes that are in none of them are given up.
    ///
    /// # Errors
    /// As [`transfer`](Self::transfer), and if two of the tensors share bytes.
    pub fn split_into(self, to: &[TensorId]) -> Result<Vec<Self>, DeviceTransferError<M>> {
        let pool = self.pool.clone();
        self.pass_on(to)?;
        Ok(to.iter().map(|&id| Self::of(&pool, id)).collect())
    }

    /// Ends the slot without giving the tensor up: its bytes have another owner.
    pub(crate) fn forget(mut self) {
        self.is_passed_on = true;
    }

    /// Makes other tensors the owners of this one's bytes. Each of them needs a slot then.
    fn pass_on(self, to: &[TensorId]) -> Result<(), DeviceTransferError<M>> {
        let checked = to.iter().try_for_each(|&id| self.pool.check(id));
        let passed = checked.and_then(|()| {
            let passed = self.pool.claims().pass_on(self.id, to);
            passed.map_err(|refusal| self.pool.refused(self.id, StreamId::HOST, refusal))
        });
        match passed {
            Ok(()) => {
                self.forget();
                Ok(())
            }
            Err(error) => Err(DeviceTransferError { slot: self, error }),
        }
    }
}

impl<M: DeviceMemory> Drop for DeviceSlot<M> {
    fn drop(&mut self) {
        if !self.is_passed_on {
            self.pool.claims().give_up(self.id);
        }
    }
}

impl<M: DeviceMemory> fmt::Debug for DeviceSlot<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceSlot")
            .field("tensor", &self.name())
            .field("range", &self.range())
            .finish_non_exhaustive()
    }
}

returns_slots!(DeviceTransferError, slot);
