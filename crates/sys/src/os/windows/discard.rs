//! Giving the memory of committed pages back, which read as zeros afterwards.
//!
//! Windows offers that in two steps: decommit, commit again. Between the two anyone may take what
//! is left below the commit limit; the second one is then refused, and pages of the program are
//! gone. So pages stay committed here. They are written with zeros, then *reset*: what they hold
//! need not be kept. The documentation leaves open whether a page that was reset has its old bytes
//! or new ones: either are zeros. At last they leave the working set, as pages do that are unlocked
//! without having been locked.
//!
//! (`DiscardVirtualMemory` does the last two in one, but not before Windows 8.1, nor in Wine 8.)
//!
//! Invariant: the pages are committed at any time.

use windows_sys::Win32::System::Memory::{MEM_RESET, PAGE_READWRITE, VirtualAlloc, VirtualUnlock};

use super::call::{at, last_error};
use crate::os::{OsError, Pages, faults, faults::Call};

/// The most that is written before its memory goes, in bytes: pages that had none get some
/// meanwhile.
const STEP: usize = 1 << 20;

/// Gives the memory of pages back.
///
/// # Safety
/// The pages are committed, accessible, and the caller's, who gives up their contents.
pub(super) unsafe fn discard(pages: Pages) -> Result<(), OsError> {
    for offset in (0..pages.len).step_by(STEP) {
        // SAFETY: within the pages.
        let start = unsafe { pages.start.add(offset) };
        let len = STEP.min(pages.len - offset);
        let step = Pages { start, len };
        // SAFETY: the caller's duty.
        unsafe { start.write_bytes(0, len) };
        // Tests refuse the last step, when all of the others are done.
        if offset + len == pages.len {
            faults::pass(Call::Discard)?;
        }
        // SAFETY: the caller's duty. The pages stay committed, and as accessible as they are.
        let reset = unsafe { VirtualAlloc(at(step), len, MEM_RESET, PAGE_READWRITE) };
        if reset.is_null() {
            return Err(last_error());
        }
        // It is refused where the pages were not locked, once they have left the working set.
        // SAFETY: changes where the caller's pages are kept, not what they hold.
        unsafe { VirtualUnlock(at(step), len) };
    }
    Ok(())
}
