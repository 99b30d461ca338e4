//! Slots: tensors as `Box` and `Vec` at their planned addresses.

// A file uses only files above it in this list.
#[cfg_attr(
    any(loom, not(all(target_os = "linux", feature = "std"))),
    allow(dead_code)
)]
pub(crate) mod claims;
#[cfg_attr(
    any(loom, not(all(target_os = "linux", feature = "std"))),
    allow(dead_code)
)]
pub(crate) mod segments;
mod pool;
mod slot;
mod transfer;
mod binding;

#[cfg(feature = "nightly")]
pub(crate) use slot::Holder;
pub use {
    binding::{BindError, Binding, BindingIn, BoundSlot, OwnedBinding, SharedPool},
    pool::{PoolError, TensorPool},
    slot::{OwnedSlot, Slot, SlotError, SlotIn},
    transfer::{SlotBox, TransferError},
};
