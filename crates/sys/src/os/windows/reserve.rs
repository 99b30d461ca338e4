//! Reserving address space at a multiple of an alignment.
//!
//! A reservation cannot be trimmed: what is reserved by one call is released as a whole. So more is
//! reserved than asked for, released, and the aligned part of it reserved again, which fails only
//! if another thread was faster. Where there is no room for that, addresses are tried one after the
//! other. (`VirtualAlloc2` takes an alignment, but Windows 10 has it only since version 1803.)
//!
//! The NUMA node that memory comes from is a property of a reservation: what is committed later in
//! it comes from that node as long as the node has some left (`VirtualAllocExNuma`).
//!
//! Invariant: what is returned is reserved by one call, and owned by nobody else.

use core::{
    ffi::c_void,
    ptr::{self, NonNull},
};

use windows_sys::Win32::{
    Foundation::ERROR_INVALID_PARAMETER,
    System::{
        Memory::{MEM_RELEASE, MEM_RESERVE, PAGE_NOACCESS, VirtualAllocExNuma, VirtualFree},
        Threading::GetCurrentProcess,
    },
};

use super::call::last_error;
use crate::os::{OsError, faults, faults::Call};

/// Every reservation starts at a multiple of this, on every Windows.
const GRANULARITY: usize = 64 << 10;

/// No node: memory comes from that of the thread that touches a page first
/// (`NUMA_NO_PREFERRED_NODE`).
pub(super) const ANY_NODE: u32 = u32::MAX;

/// How often an aligned part is reserved again.
const ATTEMPTS: u32 = 16;

/// Reserves `len` bytes at a multiple of `align`, whose memory is to come from a node.
pub(super) fn reserve(len: usize, align: usize, node: u32) -> Result<NonNull<u8>, OsError> {
    if align <= GRANULARITY {
        return reserve_at(0, len, node);
    }
    let span = len.checked_add(align - GRANULARITY);
    let span = span.ok_or(OsError::OutOfMemory)?;
    for _ in 0..ATTEMPTS {
        let whole = match reserve_at(0, span, node) {
            // There may be room for `len` bytes, but not for a whole alignment more.
            Err(refused) if len < align => return reserve_aligned(len, align, node).ok_or(refused),
            whole => whole?,
        };
        // SAFETY: reserved above, and never handed out.
        unsafe { release(whole) };
        let aligned = whole.addr().get().next_multiple_of(align);
        if let Ok(start) = reserve_at(aligned, len, node) {
            return Ok(start);
        }
    }
    Err(OsError::OutOfMemory)
}

/// Reserves `len` bytes at a multiple of `align`, without reserving more for a moment: at one of
/// the addresses above the place that the system would choose, where reservations grow upwards.
#[cold]
pub(super) fn reserve_aligned(len: usize, align: usize, node: u32) -> Option<NonNull<u8>> {
    let chosen = reserve_at(0, len, node).ok()?;
    // SAFETY: reserved above, and never handed out.
    unsafe { release(chosen) };
    let lowest = chosen.addr().get().checked_next_multiple_of(align)?;
    // Each is twice as far away as the one before.
    let distances = (0..ATTEMPTS).map(|attempt| align.checked_mul((1 << attempt) - 1));
    let mut places = distances.map_while(|distance| lowest.checked_add(distance?));
    places.find_map(|place| reserve_at(place, len, node).ok())
}

/// Reserves `len` bytes at an address, or at one that the system chooses for 0.
fn reserve_at(address: usize, len: usize, node: u32) -> Result<NonNull<u8>, OsError> {
    faults::pass(Call::Map)?;
    let place = ptr::without_provenance::<c_void>(address);
    // SAFETY: a new reservation of this process, where there is none, touches no existing memory.
    let start = unsafe {
        let process = GetCurrentProcess();
        VirtualAllocExNuma(process, place, len, MEM_RESERVE, PAGE_NOACCESS, node)
    };
    NonNull::new(start.cast()).ok_or_else(|| match last_error() {
        // Without an address and a node, only the length can be a wrong one: there are not so many
        // addresses.
        OsError::Code(code)
            if code == ERROR_INVALID_PARAMETER as i32 && address == 0 && node == ANY_NODE =>
        {
            OsError::OutOfMemory
        }
        refused => refused,
    })
}

/// Releases a whole reservation. A refusal leaks it.
///
/// # Safety
/// It was reserved by one call, at this address, and nobody uses it.
pub(super) unsafe fn release(start: NonNull<u8>) {
    // SAFETY: the caller's duty.
    unsafe { VirtualFree(start.as_ptr().cast(), 0, MEM_RELEASE) };
}
