//! A plan in several regions of limited size, checked.
//!
//! Stands on the check of plans: the regions are put one after the other, so that tensors of
//! different regions share no byte, and all offsets are checked at once. Invariant:
//! [`RegionPlan::new`] is the only constructor; no tensor reaches beyond the limit of its region,
//! and the offsets in each region are a plan.
//!
//! ```text
//! region 0  │ a ││   b   │ ─ limit        in one row: │ a ││   b   ││ c │  c begins where region 1
//! region 1  │ c │          ─                          0            ▲       does
//! ```

use alloc::{string::ToString, vec::Vec};
use core::ops::Range;

use super::{
    check::{check_each, check_pairs},
    error::PlanError,
    region_error::RegionError,
};
use crate::ids::TensorId;
use crate::lifetimes::{Lifetime, Lifetimes, Within};

/// The region of every tensor and its offset there, checked: no region is larger than a limit, no
/// tensor lies in two of them, and no two tensors that are alive together share a byte.
///
/// ```
/// use orionrt_plan::{Lifetimes, plan::RegionPlan};
/// let rows = [("a", 0, 2, 600, 1), ("b", 1, 3, 600, 1), ("c", 2, 4, 600, 1)];
/// let lifetimes = Lifetimes::from_rows(rows)?;
/// let plan = RegionPlan::new(lifetimes.clone(), 1000, vec![0, 1, 0], vec![0, 0, 0])?;
/// assert_eq!(plan.sizes(), [600, 600]);
///
/// let refused = RegionPlan::new(lifetimes, 1000, vec![0, 0, 0], vec![0, 600, 0]).unwrap_err();
/// assert!(refused.to_string().contains("'b' of 600 bytes at offset 600 of region 0"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionPlan {
    lifetimes: Lifetimes,
    limit: u64,
    regions: Vec<u32>,
    offsets: Vec<u64>,
    sizes: Vec<u64>,
    lower_bound: usize,
}

impl RegionPlan {
    /// Accepts a region, counted from 0, and an offset in it for each tensor of `lifetimes`, if no
    /// region needs more than `limit` bytes. Tensors that are never alive may be anywhere below the
    /// number of tensors. O(n log n).
    ///
    /// # Errors
    /// The first mistake found; see [`RegionError`].
    pub fn new(
        lifetimes: Lifetimes,
        limit: u64,
        regions: Vec<u32>,
        offsets: Vec<u64>,
    ) -> Result<Self, RegionError> {
        check_each(&lifetimes, &offsets).map_err(RegionError::Plan)?;
        check_regions(&lifetimes, limit, &regions, &offsets)?;
        let sizes = sizes(&lifetimes, &regions, &offsets);
        let begins = begins(&lifetimes, &sizes)?;
        let in_one: Vec<u64> = (regions.iter().zip(&offsets))
            .map(|(&region, &offset)| {
                // A tensor that is never alive may be beyond the last region that has bytes.
                let begin = begins.get(region as usize);
                offset + begin.copied().unwrap_or(0)
            })
            .collect();
        check_pairs(&lifetimes, &in_one, |_| true)
            .map_err(|error| RegionError::Plan(in_region(error, &regions, &begins)))?;
        Ok(Self {
            lifetimes,
            limit,
            regions,
            offsets,
            lower_bound: usize::from(!sizes.is_empty()),
            sizes,
        })
    }

    /// This plan with a lower bound on the number of regions that is known, if that is higher.
    /// Hidden: a bound is trusted, and at most the number of regions.
    #[doc(hidden)]
    #[must_use]
    pub fn with_proven_bound(mut self, bound: usize) -> Self {
        debug_assert!(bound <= self.sizes.len(), "no plan is below a proven bound");
        self.lower_bound = self.lower_bound.max(bound.min(self.sizes.len()));
        self
    }

    /// The region of a tensor, counted from 0; `None` if the plan does not have the tensor.
    #[must_use]
    pub fn region(&self, id: TensorId) -> Option<u32> {
        self.regions.get(id.index()).copied()
    }

    /// The offset of a tensor in its region, in bytes; `None` if the plan does not have the tensor.
    #[must_use]
    pub fn offset(&self, id: TensorId) -> Option<u64> {
        self.offsets.get(id.index()).copied()
    }

    /// The regions of all tensors, in order of the lifetimes.
    #[must_use]
    pub fn regions(&self) -> &[u32] {
        &self.regions
    }

    /// The offsets of all tensors in their regions, in bytes, in order of the lifetimes.
    #[must_use]
    pub fn offsets(&self) -> &[u64] {
        &self.offsets
    }

    /// The size of each region in bytes: the largest `offset + size` of a tensor in it that is ever
    /// alive.
    #[must_use]
    pub fn sizes(&self) -> &[u64] {
        &self.sizes
    }

    /// The bytes of all regions together.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.sizes.iter().sum()
    }

    /// The most bytes that a region may have.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// The best known lower bound on the number of regions.
    #[must_use]
    pub fn lower_bound(&self) -> usize {
        self.lower_bound
    }

    /// Whether the number of regions equals its lower bound, so that no plan has fewer.
    #[must_use]
    pub fn is_optimal(&self) -> bool {
        self.sizes.len() == self.lower_bound
    }

    /// The lifetimes that were planned.
    #[must_use]
    pub fn lifetimes(&self) -> &Lifetimes {
        &self.lifetimes
    }

    /// The alignment in bytes that the base of each region needs: the largest alignment of a tensor
    /// that is ever alive.
    #[must_use]
    pub fn alignment(&self) -> u64 {
        largest_alignment(&self.lifetimes)
    }
}

fn largest_alignment(lifetimes: &Lifetimes) -> u64 {
    let rows = lifetimes.rows().iter();
    let alive = rows.filter(|row| row.has_bytes());
    alive.map(|row| row.alignment).max().unwrap_or(1)
}

/// Checks that the regions are those that tensors may have, and that no tensor leaves its region.
fn check_regions(
    lifetimes: &Lifetimes,
    limit: u64,
    regions: &[u32],
    offsets: &[u64],
) -> Result<(), RegionError> {
    let tensors = lifetimes.len();
    if regions.len() != tensors {
        return Err(RegionError::Count {
            tensors,
            regions: regions.len(),
        });
    }
    let placed = regions.iter().zip(offsets);
    for ((id, name, row), (&region, &offset)) in lifetimes.iter().zip(placed) {
        check_limits(id, name, row, limit)?;
        let name = || name.to_string();
        if region as usize >= tensors {
            return Err(RegionError::BadRegion {
                id,
                name: name(),
                region,
                tensors,
            });
        }
        if row.has_bytes() && offset + row.size > limit {
            return Err(RegionError::OutsideRegion {
                id,
                name: name(),
                region,
                offset,
                size: row.size,
                limit,
            });
        }
        let root = row.within.map(|Within { root, .. }| regions[root.index()]);
        if let Some(expected) = root.filter(|&expected| expected != region) {
            return Err(RegionError::NotWithRoot {
                id,
                name: name(),
                region,
                expected,
            });
        }
    }
    Ok(())
}

/// Checks that a tensor can be in a region at all.
pub(crate) fn check_limits(
    id: TensorId,
    name: &str,
    row: &Lifetime,
    limit: u64,
) -> Result<(), RegionError> {
    if let Some(offset) = row.fixed_offset {
        let name = name.to_string();
        return Err(RegionError::Fixed { id, name, offset });
    }
    if row.has_bytes() && row.size > limit {
        return Err(RegionError::TooLarge {
            id,
            name: name.to_string(),
            size: row.size,
            limit,
        });
    }
    Ok(())
}

/// The size of each region up to the last one that has bytes.
fn sizes(lifetimes: &Lifetimes, regions: &[u32], offsets: &[u64]) -> Vec<u64> {
    let mut sizes = Vec::new();
    let placed = regions.iter().zip(offsets);
    for (row, (&region, &offset)) in lifetimes.rows().iter().zip(placed) {
        if !row.has_bytes() {
            continue;
        }
        let region = region as usize;
        if sizes.len() <= region {
            sizes.resize(region + 1, 0);
        }
        sizes[region] = sizes[region].max(offset + row.size);
    }
    sizes
}

/// Where each region begins if they are put one after the other.
fn begins(lifetimes: &Lifetimes, sizes: &[u64]) -> Result<Vec<u64>, RegionError> {
    let alignment = largest_alignment(lifetimes);
    let mut end = 0u64;
    let each = sizes.iter().map(|size| {
        let begin = end;
        let padded = size.checked_next_multiple_of(alignment)?;
        end = end.checked_add(padded)?;
        i64::try_from(end).ok()?;
        Some(begin)
    });
    let begins: Option<Vec<u64>> = each.collect();
    begins.ok_or(RegionError::OutOfRange)
}

/// A mistake in bytes of the row of regions, as one in bytes of a region.
fn in_region(mut error: PlanError, regions: &[u32], begins: &[u64]) -> PlanError {
    let shift = |id: TensorId, bytes: &mut Range<u64>| {
        let begin = begins.get(regions[id.index()] as usize);
        let begin = begin.copied().unwrap_or(0);
        *bytes = bytes.start.saturating_sub(begin)..bytes.end.saturating_sub(begin);
    };
    match &mut error {
        PlanError::Overlap { ids, bytes, .. }
        | PlanError::StreamsOverlap { ids, bytes, .. }
        | PlanError::ModelsOverlap { ids, bytes, .. } => shift(ids[0], bytes),
        _ => {}
    }
    error
}
