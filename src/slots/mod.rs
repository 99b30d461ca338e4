//! Slots: tensors as `Box` and `Vec` at their planned addresses.
//!
//! [`TensorPool`] brings a plan to memory. The [`Slot`] of a tensor is an allocator that grants the
//! tensor's planned bytes and no others; a claim on these bytes, taken atomically, keeps two live
//! tensors from ever sharing one. [`SharedPool`] holds the tensors of several models; `PoolSet` has
//! several pools of one plan, for inferences at the same time.
//!
//! ```text
//! Plan ─► TensorPool ─► Slot ─► Vec / Box
//!            └ claims     ├ transfer: to a view, or to a result in place; detach: out of the pool
//!                         ├ join: operands of a concatenation to its result
//!                         └ park: compressed, while others have the bytes (feature `park`)
//! ```

// A file uses only files above it in this list.
pub(crate) mod claims;
pub(crate) mod segments;
mod pool;
mod pool_ref;
mod slot_error;
mod slot;
mod slot_forms;
mod transfer;
mod join;
mod detach;
#[cfg(feature = "park")]
mod no_padding;
#[cfg(feature = "park")]
mod codec;
#[cfg(feature = "park")]
mod compressed;
#[cfg(feature = "park")]
mod park;
mod shared_pool;
#[cfg(feature = "std")]
mod pool_set;

#[cfg(orionrt_std_allocator)]
pub(crate) use pool_ref::PoolRef;
#[cfg(feature = "std")]
pub use pool_set::{LentPool, PoolSet};
#[cfg(feature = "park")]
pub use {
    codec::ParkCodec,
    no_padding::NoPadding,
    park::{ParkStats, Parked, UnparkError},
};
pub use {
    join::JoinError,
    pool::{PoolError, TensorPool},
    shared_pool::{ActivateError, ModelGuard, SharedPool},
    slot::{OwnedSlot, Slot, SlotBox, SlotIn},
    slot_error::SlotError,
    transfer::TransferError,
};
