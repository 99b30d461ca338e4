//! Memory of the device, allocated at once or mapped into reserved addresses, and memory of the
//! host that is pinned.

use std::{
    alloc::{Layout, alloc, alloc_zeroed, dealloc},
    ffi::{c_uint, c_void},
    ptr,
};

use crate::{
    answers::{ALREADY_REGISTERED, INVALID_VALUE, OUT_OF_MEMORY, SUCCESS, give},
    state::{CURRENT, Model, asked, given_back},
};

pub const MEMORY: usize = 64 << 20;
const GRANULARITY: usize = 1 << 16;
const ALIGNMENT: usize = 256;

/// What new memory is full of, and so many bytes behind it, which nobody may write.
const FILLING: u8 = 0xcd;
const GUARD: usize = 4096;

impl Model {
    pub fn used(&self) -> usize {
        let mapped =
            self.memory.values().sum::<usize>() + self.inaccessible.values().sum::<usize>();
        mapped + self.handles.values().sum::<usize>()
    }

    /// Whether kernels may use all of a range.
    pub fn has(&self, mut address: u64, mut bytes: usize) -> bool {
        while bytes > 0 {
            let Some((&start, &size)) = self.memory.range(..=address).next_back() else {
                return false;
            };
            let end = start + size as u64;
            if address >= end {
                return false;
            }
            bytes = bytes.saturating_sub((end - address) as usize);
            address = end;
        }
        true
    }

    pub fn is_registered(&self, address: usize, bytes: usize) -> bool {
        let below = self.registered.range(..=address).next_back();
        below.is_some_and(|(&start, &size)| address + bytes <= start + size)
    }

    pub fn floats(&mut self, address: u64, count: u32) -> Option<&'static mut [f32]> {
        if !self.has(address, count as usize * 4) {
            self.lost = true;
            return None;
        }
        // SAFETY: the range is in memory that the model allocated and did not free.
        Some(unsafe { std::slice::from_raw_parts_mut(address as *mut f32, count as usize) })
    }

    pub fn copy(&mut self, from: *const u8, to: *mut u8, bytes: usize, device: u64) {
        match self.has(device, bytes) {
            // SAFETY: the device's range was checked; the host's is the caller's.
            true => unsafe { ptr::copy(from, to, bytes) },
            false => self.lost = true,
        }
    }
}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, GRANULARITY.max(ALIGNMENT)).unwrap()
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize) -> u32 {
    asked(|model| give(free, MEMORY - model.used()) | give(total, MEMORY))
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemAlloc_v2(address: *mut u64, bytes: usize) -> u32 {
    asked(|model| {
        model.allocated += 1;
        if bytes == 0 {
            return INVALID_VALUE;
        }
        if bytes > MEMORY - model.used() {
            return OUT_OF_MEMORY;
        }
        // SAFETY: the size is not 0.
        let start = unsafe { alloc(layout(bytes + GUARD)) };
        // SAFETY: it was allocated with this size.
        unsafe { start.write_bytes(FILLING, bytes + GUARD) };
        model.memory.insert(start as u64, bytes);
        model
            .allocations
            .insert(start as u64, layout(bytes + GUARD));
        give(address, start as u64)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemFree_v2(address: u64) -> u32 {
    given_back(|model| {
        let Some(layout) = model.allocations.remove(&address) else {
            return false;
        };
        model.memory.remove(&address);
        let end = address as usize + layout.size();
        // SAFETY: the guard is the end of the allocation.
        let guard = unsafe { std::slice::from_raw_parts((end - GUARD) as *const u8, GUARD) };
        // A kernel has written behind memory that it was given.
        model.lost |= guard.iter().any(|&byte| byte != FILLING);
        // SAFETY: it was allocated with this layout, and is forgotten.
        unsafe { dealloc(address as *mut u8, layout) };
        true
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemAddressReserve(
    address: *mut u64,
    bytes: usize,
    _alignment: usize,
    _hint: u64,
    _flags: u64,
) -> u32 {
    asked(|model| {
        if bytes == 0 || !bytes.is_multiple_of(GRANULARITY) {
            return INVALID_VALUE;
        }
        let Ok(layout) = Layout::from_size_align(bytes, GRANULARITY) else {
            return OUT_OF_MEMORY;
        };
        // SAFETY: the size is not 0.
        let start = unsafe { alloc_zeroed(layout) };
        if start.is_null() {
            return OUT_OF_MEMORY;
        }
        model.reserved.insert(start as u64, layout);
        give(address, start as u64)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemAddressFree(address: u64, bytes: usize) -> u32 {
    given_back(|model| {
        let end = address + bytes as u64;
        let is_free = model.memory.range(address..end).next().is_none();
        let Some(layout) = model.reserved.remove(&address).filter(|_| is_free) else {
            return false;
        };
        assert_eq!(layout.size(), bytes);
        // SAFETY: it was allocated with this layout, and is forgotten.
        unsafe { dealloc(address as *mut u8, layout) };
        true
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemGetAllocationGranularity(
    bytes: *mut usize,
    _properties: *const c_void,
    _option: c_uint,
) -> u32 {
    asked(|_| give(bytes, GRANULARITY))
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemCreate(
    handle: *mut u64,
    bytes: usize,
    properties: *const [u32; 4],
    _flags: u64,
) -> u32 {
    asked(|model| {
        model.allocated += 1;
        // SAFETY: the properties begin with the type of the memory, of handles and of the place.
        let [kind, handles, place, ordinal] = unsafe { properties.read() };
        if [kind, handles, place, ordinal] != [1, 0, 1, CURRENT.get() as u32 - 1]
            || !bytes.is_multiple_of(GRANULARITY)
        {
            return INVALID_VALUE;
        }
        if bytes > MEMORY - model.used() {
            return OUT_OF_MEMORY;
        }
        let id = model.id() as u64;
        model.handles.insert(id, bytes);
        give(handle, id)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemRelease(handle: u64) -> u32 {
    given_back(|model| model.handles.remove(&handle).is_some())
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemMap(
    address: u64,
    bytes: usize,
    _offset: usize,
    handle: u64,
    _flags: u64,
) -> u32 {
    asked(|model| {
        let is_reserved = model.reserved.iter().any(|(&start, layout)| {
            start <= address && address + bytes as u64 <= start + layout.size() as u64
        });
        let is_mapped = model
            .memory
            .range(address..address + bytes as u64)
            .next()
            .is_some();
        if !is_reserved || is_mapped || model.handles.get(&handle) != Some(&bytes) {
            return INVALID_VALUE;
        }
        model.inaccessible.insert(address, bytes);
        SUCCESS
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemSetAccess(
    address: u64,
    bytes: usize,
    access: *const [u32; 3],
    count: usize,
) -> u32 {
    asked(|model| {
        // SAFETY: a description is the type and number of a place, and what may be done from there.
        let access = unsafe { access.read() };
        if access != [1, CURRENT.get() as u32 - 1, 3]
            || count != 1
            || model.inaccessible.remove(&address) != Some(bytes)
        {
            return INVALID_VALUE;
        }
        model.memory.insert(address, bytes);
        SUCCESS
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemUnmap(address: u64, bytes: usize) -> u32 {
    given_back(|model| {
        let part = model.memory.remove(&address);
        part.or_else(|| model.inaccessible.remove(&address)) == Some(bytes)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemHostRegister_v2(start: usize, bytes: usize, _flags: c_uint) -> u32 {
    asked(|model| {
        if model.registered.contains_key(&start) {
            return ALREADY_REGISTERED;
        }
        model.registered.insert(start, bytes);
        SUCCESS
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemHostUnregister(start: usize) -> u32 {
    given_back(|model| model.registered.remove(&start).is_some())
}
