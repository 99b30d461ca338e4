//! Plans in several regions of limited size, as few as possible.
//!
//! Where a buffer may have at most so many bytes (llama.cpp's backends and WebGPU have such
//! limits), tensors are divided among several regions: no region is above the limit, and no tensor
//! lies in two of them. [`Planner::plan_regions`](crate::Planner::plan_regions) is the call, and a
//! [`RegionPlan`] its checked answer.
//!
//! ```text
//! sections  when tensors are alive, and loads of sets of them
//! bound     how many regions every plan needs
//! orders    the orders in which tensors are assigned to regions
//! loads     the bytes alive in each region, section by section
//! packing   tensors in their regions, each with an offset
//! planning  the search
//! ```

// A file uses only files above it in this list.
mod sections;
mod bound;
mod orders;
mod loads;
mod packing;
mod planning;

pub(crate) use packing::Packing;
pub(crate) use sections::Sections;

pub use crate::plan::{RegionError, RegionPlan};
