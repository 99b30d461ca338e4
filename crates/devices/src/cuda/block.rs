//! A block of the device's memory: allocated at once, or mapped into reserved addresses as far as
//! it is needed.
//!
//! Invariant: the memory is given back in `Drop`, when the context has done all its work. If it
//! cannot be known that it has, the memory is leaked; while a stream is captured, that is put off.

#![allow(unsafe_code)]

use core::{mem::MaybeUninit, ops::Range};
use std::sync::{Mutex, PoisonError};

use cudarc::driver::{
    result::{self, DriverError},
    sys::{self, CUdeviceptr, CUmemAllocationProp, CUresult},
};

use super::{device::CudaDevice, driver::Asked};
use crate::error::DeviceMemoryError;

/// A block of the device's memory.
pub(super) struct Block {
    device: CudaDevice,
    address: CUdeviceptr,
    bytes: u64,
    /// The parts of reserved addresses that have memory, from the first address on, without gaps;
    /// nothing for a block that was allocated at once.
    parts: Option<Mutex<Parts>>,
}

struct Parts {
    /// Memory is mapped in multiples of this.
    granularity: u64,
    sizes: Vec<u64>,
}

impl Block {
    /// Memory that is allocated at once.
    pub fn allocate(device: &CudaDevice, bytes: u64) -> Result<Self, DeviceMemoryError> {
        let asked = device.asked_for("allocate a block", bytes);
        let size = size(bytes, device)?;
        device.bind(asked)?;
        device.note_allocation();
        // SAFETY: the context is current; the memory is not read before it is written, or its
        // contents are not relied upon.
        let address = unsafe { result::malloc_sync(size) };
        let device = device.clone();
        Ok(Self {
            device,
            address: address.map_err(|error| asked.answered(error))?,
            bytes,
            parts: None,
        })
    }

    /// Addresses without memory, rounded up to what the device maps at least.
    pub fn reserve(device: &CudaDevice, bytes: u64) -> Result<Self, DeviceMemoryError> {
        let asked = Asked::to("reserve addresses");
        device.bind(asked)?;
        let granularity = granularity(device).map_err(|error| asked.answered(error))?;
        let rounded = bytes.checked_next_multiple_of(granularity);
        let bytes = rounded.ok_or(DeviceMemoryError::TooLarge {
            needed: bytes,
            largest: u64::MAX - (granularity - 1),
        })?;
        let size = size(bytes, device)?;
        let mut address = 0;
        // SAFETY: the driver writes the address to where it is told.
        let reserved = unsafe { sys::cuMemAddressReserve(&raw mut address, size, 0, 0, 0) };
        reserved.result().map_err(|error| asked.answered(error))?;
        let device = device.clone();
        let sizes = Vec::new();
        Ok(Self {
            device,
            address,
            bytes,
            parts: Some(Mutex::new(Parts { granularity, sizes })),
        })
    }

    pub fn device(&self) -> &CudaDevice {
        &self.device
    }

    pub fn address(&self) -> CUdeviceptr {
        self.address
    }

    /// How many bytes there are, with memory or without.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many bytes have memory.
    pub fn mapped_bytes(&self) -> u64 {
        let Some(parts) = &self.parts else {
            return self.bytes;
        };
        let parts = parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.sizes.iter().sum()
    }

    /// Sees that a range has memory.
    pub fn map(&self, range: &Range<u64>) -> Result<(), DeviceMemoryError> {
        let Some(parts) = &self.parts else {
            return Ok(());
        };
        let mut parts = parts.lock().unwrap_or_else(PoisonError::into_inner);
        let mapped: u64 = parts.sizes.iter().sum();
        if range.end <= mapped {
            return Ok(());
        }
        // The block's size is a multiple of the granularity, so this stays within it.
        let needed = (range.end - mapped).next_multiple_of(parts.granularity);
        let asked = self.device.asked_for("map memory into a block", needed);
        self.device.bind(asked)?;
        let made = map(
            &self.device,
            self.address + mapped,
            size(needed, &self.device)?,
        );
        made.map_err(|error| asked.answered(error))?;
        parts.sizes.push(needed);
        Ok(())
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let (address, bytes, parts) = (self.address, self.bytes, self.parts.take());
        let parts = parts.map(|parts| parts.into_inner().unwrap_or_else(PoisonError::into_inner));
        self.device
            .give_back_unused(move || free(address, bytes, parts.map(|parts| parts.sizes)));
    }
}

/// Gives a block's memory back: all at once, or the parts of reserved addresses and these. The
/// context is current, and has done all its work.
fn free(address: CUdeviceptr, bytes: u64, parts: Option<Vec<u64>>) -> Result<(), DriverError> {
    let Some(sizes) = parts else {
        // SAFETY: the driver allocated it, nobody else frees it, and nothing uses it.
        return unsafe { result::free_sync(address) };
    };
    let mut part = address;
    for size in sizes {
        // SAFETY: this part was mapped as a whole, and nothing uses it.
        unsafe { sys::cuMemUnmap(part, size as usize) }.result()?;
        part += size;
    }
    // SAFETY: all of the addresses that were reserved together, none with memory any more.
    unsafe { sys::cuMemAddressFree(address, bytes as usize) }.result()
}

/// Maps new memory at reserved addresses. What was made before a refusal is taken back.
fn map(device: &CudaDevice, address: CUdeviceptr, size: usize) -> Result<(), DriverError> {
    let properties = of_device(device);
    let mut memory = 0;
    device.note_allocation();
    // SAFETY: the driver reads the properties, and writes the handle to where it is told.
    unsafe { sys::cuMemCreate(&raw mut memory, size, &raw const properties, 0) }.result()?;
    // SAFETY: the addresses are reserved and have no memory, and the handle's memory has this size.
    let mapped = unsafe { sys::cuMemMap(address, size, 0, memory, 0) }.result();
    // SAFETY: the handle is not used any more; the memory stays as long as it is mapped.
    let released = unsafe { sys::cuMemRelease(memory) }.result();
    mapped?;
    let access = sys::CUmemAccessDesc {
        location: properties.location,
        flags: sys::CUmemAccess_flags::CU_MEM_ACCESS_FLAGS_PROT_READWRITE,
    };
    // SAFETY: these addresses have memory, and there is one description.
    let accessible = unsafe { sys::cuMemSetAccess(address, size, &raw const access, 1) }.result();
    released.and(accessible).inspect_err(|_| {
        // SAFETY: it was mapped as a whole just now, and nobody has its address.
        let unmapped = unsafe { sys::cuMemUnmap(address, size) };
        device.context().record_err(unmapped.result());
    })
}

/// Memory of the device itself, without handles for other processes.
fn of_device(device: &CudaDevice) -> CUmemAllocationProp {
    // SAFETY: all fields are numbers and pointers, for which zeros are valid: 0 handle types.
    let mut properties = unsafe { MaybeUninit::<CUmemAllocationProp>::zeroed().assume_init() };
    properties.type_ = sys::CUmemAllocationType::CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location.type_ = sys::CUmemLocationType::CU_MEM_LOCATION_TYPE_DEVICE;
    properties.location.id = device.context().cu_device();
    properties
}

fn granularity(device: &CudaDevice) -> Result<u64, DriverError> {
    let option = sys::CUmemAllocationGranularity_flags::CU_MEM_ALLOC_GRANULARITY_MINIMUM;
    let properties = of_device(device);
    let mut bytes = 0;
    // SAFETY: the driver reads the properties, and writes the size to where it is told.
    let answer = unsafe {
        sys::cuMemGetAllocationGranularity(&raw mut bytes, &raw const properties, option)
    };
    answer.result()?;
    match bytes {
        0 => Err(DriverError(CUresult::CUDA_ERROR_UNKNOWN)),
        bytes => Ok(bytes as u64),
    }
}

/// A size as the driver is told it.
fn size(bytes: u64, device: &CudaDevice) -> Result<usize, DeviceMemoryError> {
    let largest = device.properties().largest_block;
    let too_large = DeviceMemoryError::TooLarge {
        needed: bytes,
        largest,
    };
    usize::try_from(bytes).map_err(|_| too_large)
}
