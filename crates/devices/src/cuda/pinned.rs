//! An arena of the host whose memory the device can copy from and to directly.

#![allow(unsafe_code)]

use cudarc::driver::sys;
use orionrt_alloc::Arena;

use super::{device::CudaDevice, driver::Asked};
use crate::{error::DeviceMemoryError, pinned::check_pinned};

/// An arena of the host whose memory the device copies from and to directly: transfers of slices
/// that are allocated in it need no staging in between.
///
/// The arena must be pinned: its pages stay where they are, which the device relies on.
///
/// ```no_run
/// # use orionrt_devices::{DeviceMemory, cuda::{CudaDevice, CudaMemory, CudaPinned, CudaStream}};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let device = CudaDevice::open(0)?;
/// let arena = orionrt_alloc::Arena::builder().capacity(64 << 20).pinned(true).build()?;
/// let staging = CudaPinned::new(&device, &arena)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct CudaPinned<'arena> {
    device: CudaDevice,
    arena: &'arena Arena,
}

impl<'arena> CudaPinned<'arena> {
    /// Registers the memory of an arena with the device, until this is dropped.
    ///
    /// # Errors
    /// The arena is not pinned, it was registered already, or the driver refuses it.
    pub fn new(device: &CudaDevice, arena: &'arena Arena) -> Result<Self, DeviceMemoryError> {
        let asked = Asked::to("register an arena");
        check_pinned(arena, asked.action)?;
        device.bind(asked)?;
        let (base, bytes) = (arena.base().as_ptr(), arena.capacity());
        // SAFETY: the arena has this memory as long as it is borrowed, and gives no page of it back
        // to the system, since it is pinned.
        let registered = unsafe { sys::cuMemHostRegister_v2(base.cast(), bytes, 0) };
        registered.result().map_err(|error| asked.answered(error))?;
        let device = device.clone();
        Ok(Self { device, arena })
    }

    /// The arena.
    #[must_use]
    pub fn arena(&self) -> &'arena Arena {
        self.arena
    }
}

impl Drop for CudaPinned<'_> {
    fn drop(&mut self) {
        self.device.give_back(|| {
            let base = self.arena.base().as_ptr();
            // SAFETY: it was registered from this address on. A transfer returns when the device
            // has done it, also with an error, so none is on its way.
            unsafe { sys::cuMemHostUnregister(base.cast()) }.result()
        });
    }
}
