//! A piece of an arena: where two tensors may or may not meet in space.
//!
//! It stands on plan alone. Invariant: the offset is a multiple of the alignment, which is a power of two, and the
//! region ends below 2⁶³, so no arithmetic overflows.
//!
//! ```text
//! bytes   0        64             192       256
//!         │        ┌───── a ───────┐                 a ends where c begins: they do not overlap
//!         │        └───────────────┘
//!         │               ┌── b ───┼──┐    b overlaps both
//!         │               └────────┼──┘
//!         │                        ┌─── c ───┐
//! ```

use core::ops::Range;

use super::SharingError;
use crate::ids::TensorId;
use crate::plan::Plan;

/// `size` bytes from `offset` on, in a region that several may use.
///
/// ```
/// use orionrt_plan::multi_model::MemoryRegion;
/// let a = MemoryRegion::new(64, 128, 64)?;
/// let b = MemoryRegion::new(192, 64, 64)?;
/// assert_eq!((a.end(), a.overlaps(&b)), (192, false));
/// # Ok::<(), orionrt_plan::multi_model::SharingError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryRegion {
    offset: u64,
    size: u64,
    alignment: u64,
}

impl MemoryRegion {
    /// A region of `size` bytes at `offset`, a multiple of `alignment`.
    ///
    /// ```
    /// use orionrt_plan::multi_model::{MemoryRegion, SharingError};
    /// let refused = MemoryRegion::new(100, 128, 64);
    /// assert_eq!(refused, Err(SharingError::Misaligned { offset: 100, alignment: 64 }));
    /// ```
    ///
    /// # Errors
    /// When the alignment is no power of two, the offset no multiple of it, or the end not below 2⁶³ bytes.
    pub fn new(offset: u64, size: u64, alignment: u64) -> Result<Self, SharingError> {
        if !alignment.is_power_of_two() {
            return Err(SharingError::BadAlignment { alignment });
        }
        if !offset.is_multiple_of(alignment) {
            return Err(SharingError::Misaligned { offset, alignment });
        }
        let end = offset.checked_add(size);
        if end.is_none_or(|end| i64::try_from(end).is_err()) {
            return Err(SharingError::OutOfRange { offset, size });
        }
        Ok(Self {
            offset,
            size,
            alignment,
        })
    }

    /// Where a plan has a tensor, if the tensor is in the plan.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::MemoryRegion, Lifetimes, Planner, TensorId};
    /// let plan = Planner::new().plan(&Lifetimes::from_rows([("a", 0, 2, 100, 4)])?)?;
    /// let a = MemoryRegion::planned(&plan, TensorId::new(0)).expect("it is in the plan");
    /// assert_eq!(a.bytes(), 0..100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn planned(plan: &Plan, tensor: TensorId) -> Option<Self> {
        let (offset, row) = (plan.offset(tensor)?, plan.lifetimes().get(tensor)?);
        Self::new(offset, row.size, row.alignment).ok()
    }

    /// Its first byte.
    ///
    /// ```
    /// assert_eq!(orionrt_plan::multi_model::MemoryRegion::new(64, 128, 64)?.offset(), 64);
    /// # Ok::<(), orionrt_plan::multi_model::SharingError>(())
    /// ```
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes it has.
    ///
    /// ```
    /// assert_eq!(orionrt_plan::multi_model::MemoryRegion::new(64, 128, 64)?.size(), 128);
    /// # Ok::<(), orionrt_plan::multi_model::SharingError>(())
    /// ```
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The power of two, in bytes, that its offset is a multiple of.
    ///
    /// ```
    /// assert_eq!(orionrt_plan::multi_model::MemoryRegion::new(64, 128, 32)?.alignment(), 32);
    /// # Ok::<(), orionrt_plan::multi_model::SharingError>(())
    /// ```
    #[must_use]
    pub fn alignment(&self) -> u64 {
        self.alignment
    }

    /// The first byte behind it.
    ///
    /// ```
    /// assert_eq!(orionrt_plan::multi_model::MemoryRegion::new(64, 128, 64)?.end(), 192);
    /// # Ok::<(), orionrt_plan::multi_model::SharingError>(())
    /// ```
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset + self.size
    }

    /// Its bytes, `offset..end`.
    ///
    /// ```
    /// assert_eq!(orionrt_plan::multi_model::MemoryRegion::new(64, 128, 64)?.bytes(), 64..192);
    /// # Ok::<(), orionrt_plan::multi_model::SharingError>(())
    /// ```
    #[must_use]
    pub fn bytes(&self) -> Range<u64> {
        self.offset..self.end()
    }

    /// Whether both have a byte in common; a region without bytes has none.
    ///
    /// ```
    /// use orionrt_plan::multi_model::MemoryRegion;
    /// let (a, empty) = (MemoryRegion::new(0, 128, 64)?, MemoryRegion::new(64, 0, 64)?);
    /// assert!(a.overlaps(&a) && !a.overlaps(&empty));
    /// # Ok::<(), orionrt_plan::multi_model::SharingError>(())
    /// ```
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.offset.max(other.offset) < self.end().min(other.end())
    }
}
