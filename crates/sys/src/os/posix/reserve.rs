//! Reserving address space at a multiple of an alignment, which POSIX does not offer.
//!
//! Usually more is reserved than asked for, and what is too much is given back. Where there is no
//! room for that, addresses are tried one after the other.
//!
//! Invariant: what is returned is mapped, owned by nobody else, and all that is mapped by this.

use core::{
    ffi::c_void,
    ptr::{self, NonNull},
};

use rustix::mm::{self, ProtFlags};

use super::call::{FIXED_NOREPLACE, UNCOMMITTED, ask};
use crate::os::{LEAST_PAGE, OsError, Pages, faults::Call};

/// Reserves `len` bytes at a multiple of `align`.
pub(crate) fn reserve(len: usize, align: usize) -> Result<NonNull<u8>, OsError> {
    // The kernel aligns to its own pages, which may be as small as this.
    let span = len.checked_add(align - LEAST_PAGE);
    let span = span.ok_or(OsError::OutOfMemory)?;
    let whole = match reserve_anywhere(span) {
        // There may be room for `len` bytes, but not for a whole alignment more.
        Err(refused) if len < align => return reserve_aligned(len, align).ok_or(refused),
        whole => whole?,
    };
    let start = NonNull::new(whole.cast()).ok_or(OsError::OutOfMemory)?;
    // SAFETY: just mapped, owned by nobody else, and `align - LEAST_PAGE` longer than `len`.
    Ok(unsafe { trim(Pages { start, len: span }, len, align) })
}

/// Reserves `len` bytes at an address that the kernel chooses.
fn reserve_anywhere(len: usize) -> Result<*mut c_void, OsError> {
    // SAFETY: a new private mapping at an address that the kernel chooses touches no existing
    // memory.
    ask(Call::Map, || unsafe {
        mm::mmap_anonymous(ptr::null_mut(), len, ProtFlags::empty(), UNCOMMITTED)
    })
}

/// Reserves `len` bytes at a multiple of `align`, without reserving more for a moment: at one of
/// the addresses below the place that the kernel would choose, where mappings grow downwards.
#[cold]
pub(crate) fn reserve_aligned(len: usize, align: usize) -> Option<NonNull<u8>> {
    /// Each is twice as far away as the one before.
    const ATTEMPTS: u32 = 14;
    let chosen = reserve_anywhere(len).ok()?;
    // SAFETY: mapped above, and never handed out.
    let _ = unsafe { mm::munmap(chosen, len) };
    let highest = chosen.addr() & !(align - 1);
    let distances = (0..ATTEMPTS).map(|attempt| align.saturating_mul((1 << attempt) - 1));
    let places = distances.map_while(|distance| highest.checked_sub(distance));
    places.take_while(|&place| place > 0).find_map(|place| {
        let flags = UNCOMMITTED | FIXED_NOREPLACE;
        let place = ptr::without_provenance_mut(place);
        // SAFETY: replaces nothing: the kernel refuses where anything is mapped.
        let start = ask(Call::Map, || unsafe {
            mm::mmap_anonymous(place, len, ProtFlags::empty(), flags)
        });
        let start = start.ok()?;
        if start != place {
            // The address may be taken for a hint.
            // SAFETY: mapped just now, elsewhere, and nobody else's.
            let _ = unsafe { mm::munmap(start, len) };
            return None;
        }
        NonNull::new(start.cast())
    })
}

/// Keeps `len` bytes at the first multiple of `align` in a new mapping, unmaps the rest, and
/// returns where they start.
///
/// # Safety
/// The caller owns `whole`, which nobody uses, and which has room for `len` bytes at a multiple of
/// `align`.
unsafe fn trim(whole: Pages, len: usize, align: usize) -> NonNull<u8> {
    let address = whole.start.addr().get();
    let head = address.next_multiple_of(align) - address;
    let tail = whole.len - head - len;
    // SAFETY: inside `whole` (caller).
    let kept = unsafe { whole.start.add(head) };
    // SAFETY: as above; `tail` is what remains.
    let end = unsafe { kept.add(len) };
    for (start, excess) in [(whole.start, head), (end, tail)] {
        if excess > 0 {
            // SAFETY: part of `whole`, outside of what is kept. A refusal leaves it reserved, which
            // is harmless.
            let _ = unsafe { mm::munmap(start.as_ptr().cast(), excess) };
        }
    }
    kept
}
