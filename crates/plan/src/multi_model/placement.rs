//! Where a tensor is in a region: its offset, size and alignment.
//!
//! Stands on plans. Invariant: the offset is a multiple of the alignment, which is a power of two,
//! and the placement ends below 2⁶³, so no arithmetic overflows.
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

use super::error::SharingError;
use crate::ids::TensorId;
use crate::plan::Plan;

/// The bytes `offset..offset + size` of a region, aligned to a power of two.
///
/// ```
/// use orionrt_plan::multi_model::Placement;
/// let a = Placement::new(64, 128, 64)?;
/// let b = Placement::new(192, 64, 64)?;
/// assert_eq!((a.offset(), a.size(), a.alignment()), (64, 128, 64));
/// assert_eq!((a.bytes(), a.end()), (64..192, 192));
/// assert!(!a.overlaps(&b));
/// # Ok::<(), orionrt_plan::multi_model::SharingError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Placement {
    offset: u64,
    size: u64,
    alignment: u64,
}

impl Placement {
    /// A placement of `size` bytes at `offset`, which is a multiple of `alignment`.
    ///
    /// ```
    /// use orionrt_plan::multi_model::{Placement, SharingError};
    /// let refused = Placement::new(100, 128, 64);
    /// assert_eq!(refused, Err(SharingError::Misaligned { offset: 100, alignment: 64 }));
    /// ```
    ///
    /// # Errors
    /// When the alignment is not a power of two, the offset is not a multiple of it, or the end is
    /// not below 2⁶³ bytes.
    pub fn new(offset: u64, size: u64, alignment: u64) -> Result<Self, SharingError> {
        if !alignment.is_power_of_two() {
            return Err(SharingError::BadAlignment { alignment });
        }
        if offset % alignment != 0 {
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

    /// The placement of a tensor in a plan; `None` if the plan does not have the tensor.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::Placement, Lifetimes, Planner, TensorId};
    /// let plan = Planner::new().plan(&Lifetimes::from_rows([("a", 0, 2, 100, 4)])?)?;
    /// let a = Placement::in_plan(&plan, TensorId::new(0)).expect("it is in the plan");
    /// assert_eq!(a.bytes(), 0..100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn in_plan(plan: &Plan, tensor: TensorId) -> Option<Self> {
        let (offset, row) = (plan.offset(tensor)?, plan.lifetimes().get(tensor)?);
        Self::new(offset, row.size, row.alignment).ok()
    }

    /// The offset of its first byte.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Its size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The power of two, in bytes, that its offset is a multiple of.
    #[must_use]
    pub fn alignment(&self) -> u64 {
        self.alignment
    }

    /// The offset of the first byte behind it.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset + self.size
    }

    /// Its bytes, `offset..end`.
    #[must_use]
    pub fn bytes(&self) -> Range<u64> {
        self.offset..self.end()
    }

    /// Whether both have a byte in common, which an empty placement never has.
    ///
    /// ```
    /// use orionrt_plan::multi_model::Placement;
    /// let (a, empty) = (Placement::new(0, 128, 64)?, Placement::new(64, 0, 64)?);
    /// assert!(a.overlaps(&a) && !a.overlaps(&empty));
    /// # Ok::<(), orionrt_plan::multi_model::SharingError>(())
    /// ```
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.offset.max(other.offset) < self.end().min(other.end())
    }
}
