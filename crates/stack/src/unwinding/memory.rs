//! Words of the stack, read only where a page can be read.
//!
//! Owns the range of addresses that is known to be readable: that of the page that the thread runs
//! on, to begin with, and that of each page that the kernel was asked about. A stack is walked
//! upwards, so one range is enough.

use super::arch;

const PAGE: usize = 4096;

pub(crate) struct Memory {
    start: usize,
    length: usize,
}

impl Memory {
    /// Knows the page of `sp`, the stack pointer of a thread that runs.
    pub(crate) fn new(sp: usize) -> Self {
        Memory {
            start: sp & !(PAGE - 1),
            length: PAGE,
        }
    }

    /// Knows no page.
    #[cfg(test)]
    pub(crate) fn nowhere() -> Self {
        Memory {
            start: 0,
            length: 0,
        }
    }

    /// The word at `address`, a multiple of 8, if it can be read.
    #[inline(always)]
    pub(crate) fn read(&mut self, address: usize) -> Option<usize> {
        if address % 8 != 0 {
            return None;
        }
        if address.wrapping_sub(self.start) >= self.length {
            self.reach(address)?;
        }
        // SAFETY: a multiple of 8 in a page that can be read. Nobody takes away pages of the stack
        // that this thread runs on.
        Some(unsafe { arch::read_word(address) })
    }

    /// Asks for the page of `address`.
    #[cold]
    fn reach(&mut self, address: usize) -> Option<()> {
        if !arch::is_readable(address) {
            return None;
        }
        let page = address & !(PAGE - 1);
        if page.wrapping_sub(self.start) == self.length {
            self.length += PAGE;
        } else {
            *self = Memory {
                start: page,
                length: PAGE,
            };
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use core::ptr;

    use super::*;

    #[test]
    fn words_are_read_up_to_the_page_that_cannot_be_read() {
        // SAFETY: a mapping of its own, of which one page is taken away again.
        let pages = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let pages = libc::mmap(ptr::null_mut(), 4 * PAGE, access, flags, -1, 0);
            assert_ne!(pages, libc::MAP_FAILED);
            assert_eq!(
                libc::mprotect(pages.byte_add(2 * PAGE), PAGE, libc::PROT_NONE),
                0
            );
            pages as usize
        };
        for place in [PAGE, PAGE + 8, 2 * PAGE - 8, 3 * PAGE] {
            // SAFETY: in the mapping, and not in the page without access.
            unsafe { ptr::write((pages + place) as *mut usize, place) };
        }
        let mut memory = Memory::new(pages);
        for place in [PAGE, PAGE + 8, 2 * PAGE - 8] {
            assert_eq!(memory.read(pages + place), Some(place));
        }
        assert_eq!(memory.read(pages + 2 * PAGE), None);
        assert_eq!(memory.read(pages + 3 * PAGE), Some(3 * PAGE));
        assert_eq!(memory.read(pages + 3 * PAGE + 4), None);
        assert_eq!(memory.read(0), None);
        assert_eq!(memory.read(usize::MAX - 7), None);
        // SAFETY: nobody has a pointer into it.
        unsafe { libc::munmap(pages as *mut _, 4 * PAGE) };
    }
}
