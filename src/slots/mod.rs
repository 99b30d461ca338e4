//! Slots: tensors as `Box` and `Vec` at their planned addresses.
//!
//! [`TensorPool`] brings a plan to memory. The [`Slot`] of a tensor is an allocator that grants the
//! tensor's planned bytes and no others; a claim on these bytes, taken atomically, keeps two live
//! tensors from ever sharing one. [`SharedPool`] holds the tensors of several models.
//!
//! ```text
//! Plan ─► TensorPool ─► Slot ─► Vec / Box
//!            └ claims     └ transfer: to a view, or to a result in place
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
mod shared_pool;

#[cfg(feature = "nightly")]
pub(crate) use pool_ref::PoolRef;
pub use {
    pool::{PoolError, TensorPool},
    shared_pool::{ActivateError, ModelGuard, SharedPool},
    slot::{OwnedSlot, Slot, SlotBox, SlotIn},
    slot_error::SlotError,
    transfer::TransferError,
};
