//! A kernel: a function of a module in PTX, and its launches.

#![allow(unsafe_code)]

use core::ffi::c_void;
use std::{ffi::CString, sync::Arc};

use cudarc::driver::{
    DriverError, result,
    sys::{CUfunction, CUmodule},
};

use super::{
    capture::is_captured, device::CudaDevice, driver::Asked, memory::CudaBuffer, stream::CudaStream,
};
use crate::error::DeviceMemoryError;

const COMPILE: &str = "compile a kernel";

/// A function of a module. A clone is the same function.
#[derive(Clone, Debug)]
pub struct CudaKernel {
    module: Arc<Module>,
    function: CUfunction,
}

/// A module that is loaded into a context, until this is dropped.
#[derive(Debug)]
struct Module {
    device: CudaDevice,
    module: CUmodule,
}

// SAFETY: the driver's handles of modules and their functions can be used by every thread in which
// their context is current, which each call sees to.
unsafe impl Send for Module {}
// SAFETY: as for `Send`; the driver's calls lock what they share.
unsafe impl Sync for Module {}
// SAFETY: a function is part of its module, which the kernel keeps.
unsafe impl Send for CudaKernel {}
// SAFETY: a function is part of its module, which the kernel keeps.
unsafe impl Sync for CudaKernel {}

impl CudaKernel {
    /// Compiles a module in PTX for the device, and takes a function of it.
    ///
    /// # Errors
    /// The text or the name has a zero byte, the driver refuses the module, or it has no such
    /// function.
    pub fn new(device: &CudaDevice, ptx: &str, name: &str) -> Result<Self, DeviceMemoryError> {
        let asked = Asked::to(COMPILE);
        let text = |text: &str| {
            CString::new(text).map_err(|error| DeviceMemoryError::Refused {
                action: COMPILE,
                answer: error.to_string(),
            })
        };
        let (ptx, name) = (text(ptx)?, text(name)?);
        device.bind(asked)?;
        // SAFETY: the text ends with a zero byte.
        let module = unsafe { result::module::load_data(ptx.as_ptr().cast()) };
        let module = Arc::new(Module {
            device: device.clone(),
            module: module.map_err(|error| asked.answered(error))?,
        });
        // SAFETY: the module is loaded.
        let function = unsafe { result::module::get_function(module.module, name) };
        let function = function.map_err(|error| asked.answered(error))?;
        Ok(Self { module, function })
    }

    /// Asks a stream to run the kernel on a grid of blocks of threads. The kernel's parameters are
    /// the addresses of the buffers, then the constants, each of four bytes.
    ///
    /// # Safety
    /// The kernel must have exactly these parameters, and use no memory but these buffers. They,
    /// the kernel and whatever else it uses must be kept until the stream has done it, and if the
    /// stream is being captured, as long as the graph is launched: [`CudaGraph::capture`] keeps
    /// what it is given.
    ///
    /// [`CudaGraph::capture`]: super::CudaGraph::capture
    ///
    /// # Errors
    /// The kernel or a buffer is of another device than the stream, the driver refuses it, or the
    /// device is lost.
    pub unsafe fn launch(
        &self,
        stream: &CudaStream,
        buffers: &[&CudaBuffer],
        constants: &[u32],
        blocks: [u32; 3],
        threads: [u32; 3],
    ) -> Result<(), DeviceMemoryError> {
        let asked = Asked::to("launch a kernel");
        let device = &self.module.device;
        stream.device().check_own(device, "a kernel")?;
        let mut others = buffers.iter().map(|buffer| buffer.device());
        others.try_for_each(|other| stream.device().check_own(other, "a buffer"))?;
        device.bind(asked)?;
        let mut addresses: Vec<_> = buffers.iter().map(|buffer| buffer.address()).collect();
        let mut constants = constants.to_vec();
        let addresses = addresses
            .iter_mut()
            .map(|at| core::ptr::from_mut(at).cast());
        let constants = constants
            .iter_mut()
            .map(|at| core::ptr::from_mut(at).cast());
        let mut parameters: Vec<*mut c_void> = addresses.chain(constants).collect();
        let ([bx, by, bz], [tx, ty, tz]) = (blocks, threads);
        let was_captured = is_captured(stream.stream());
        let was_captured = was_captured.map_err(|error| asked.answered(error))?;
        // SAFETY: the driver reads the parameters, which live until it returns; that they are the
        // kernel's, the caller sees to.
        let launched = unsafe {
            result::launch_kernel(
                self.function,
                (bx, by, bz),
                (tx, ty, tz),
                0,
                stream.stream().cu_stream(),
                &mut parameters,
            )
        };
        launched.map_err(|error| asked.answered(error))?;
        // What is captured runs when the graph is launched, which notes that. Another thread may
        // have begun or ended the capture: the launch is noted unless it was captured for certain.
        let is_captured = || is_captured(stream.stream()).unwrap_or(false);
        if !(was_captured && is_captured()) {
            stream.note_submission();
        }
        Ok(())
    }
}

/// The handle of a module of which no function runs or can be launched any more.
struct Loaded(CUmodule);

// SAFETY: as for `Module`.
unsafe impl Send for Loaded {}

impl Loaded {
    fn unload(self) -> Result<(), DriverError> {
        // SAFETY: it was loaded once, and is not used any more.
        unsafe { result::module::unload(self.0) }
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // The driver does not wait for launches of the module's functions itself.
        let loaded = Loaded(self.module);
        self.device.give_back_unused(move || loaded.unload());
    }
}
