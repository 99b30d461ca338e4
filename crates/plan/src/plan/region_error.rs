//! Why regions and offsets do not make a plan in several regions.
//!
//! Stands on the errors of plans. Every kind carries the id, the name and the numbers that it is
//! about.

use alloc::string::String;
use core::fmt;

use super::error::PlanError;
use crate::ids::TensorId;
use crate::lifetimes::LifetimesError;

/// Why there is no plan in several regions, or why regions and offsets are not one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegionError {
    /// A tensor is larger than a region may be.
    TooLarge {
        /// The tensor.
        id: TensorId,
        /// Its name.
        name: String,
        /// Its size in bytes.
        size: u64,
        /// The most bytes of a region.
        limit: u64,
    },
    /// A tensor has a fixed offset, which says nothing of regions.
    Fixed {
        /// The tensor.
        id: TensorId,
        /// Its name.
        name: String,
        /// Its fixed offset in bytes.
        offset: u64,
    },
    /// There is not exactly one region for each tensor.
    Count {
        /// How many tensors there are.
        tensors: usize,
        /// How many regions of tensors were given.
        regions: usize,
    },
    /// A region has a number that is not below the number of tensors.
    BadRegion {
        /// The tensor that is to lie there.
        id: TensorId,
        /// Its name.
        name: String,
        /// The number of the region, counted from 0.
        region: u32,
        /// How many tensors there are.
        tensors: usize,
    },
    /// A tensor reaches beyond the end of its region.
    OutsideRegion {
        /// The tensor.
        id: TensorId,
        /// Its name.
        name: String,
        /// Its region, counted from 0.
        region: u32,
        /// Its offset in the region, in bytes.
        offset: u64,
        /// Its size in bytes.
        size: u64,
        /// The most bytes of a region.
        limit: u64,
    },
    /// A tensor that lies within another one is in another region.
    NotWithRoot {
        /// The tensor.
        id: TensorId,
        /// Its name.
        name: String,
        /// Its region, counted from 0.
        region: u32,
        /// The region of the other one.
        expected: u32,
    },
    /// The regions have 2⁶³ bytes or more together.
    OutOfRange,
    /// The offsets in one region are not a plan. Offsets and bytes are those of the region.
    Plan(PlanError),
    /// The alignment asked for is not a power of two, or makes the sizes overflow.
    Lifetimes(LifetimesError),
}

impl fmt::Display for RegionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge {
                name, size, limit, ..
            } => write!(
                f,
                "tensor '{name}' has {size} bytes, and no region may have more than {limit}"
            ),
            Self::Fixed { name, offset, .. } => write!(
                f,
                "tensor '{name}' has the fixed offset {offset}, expected none in a plan of several \
                 regions"
            ),
            Self::Count { tensors, regions } => {
                write!(f, "{regions} regions for {tensors} tensors; each needs one")
            }
            Self::BadRegion {
                name,
                region,
                tensors,
                ..
            } => write!(
                f,
                "tensor '{name}' is in region {region}, expected a region below {tensors}, the \
                 number of tensors"
            ),
            Self::OutsideRegion {
                name,
                region,
                offset,
                size,
                limit,
                ..
            } => write!(
                f,
                "tensor '{name}' of {size} bytes at offset {offset} of region {region} ends above \
                 the limit of {limit} bytes"
            ),
            Self::NotWithRoot {
                name,
                region,
                expected,
                ..
            } => write!(
                f,
                "tensor '{name}' is in region {region}, but the tensor that it lies within is in \
                 region {expected}"
            ),
            Self::OutOfRange => write!(f, "the regions have 2^63 bytes or more together"),
            Self::Plan(error) => write!(f, "{error}"),
            Self::Lifetimes(error) => write!(f, "cannot plan: {error}"),
        }
    }
}

impl core::error::Error for RegionError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Plan(error) => Some(error),
            Self::Lifetimes(error) => Some(error),
            _ => None,
        }
    }
}
