//! Words of the stack that the thread runs on, and of nothing else.
//!
//! Owns the range of addresses that is known to be readable. It begins with the page of the stack
//! pointer and grows upwards, page by page, for as long as the kernel says that the next one can be
//! read: so it never passes the guard page that ends a stack, nor goes beyond the thread's own
//! variables, which lie above its stack, or [`MOST`]. A word outside is not read, wherever a broken
//! frame says that it is: it may be memory that another thread is about to unmap, or a device's,
//! where to read is to act.
//!
//! A stack that a program made itself may have no guard page. Then words above it can be read, too,
//! but only if the stack is broken.

use super::arch;

const PAGE: usize = 4096;
/// What is looked at of a stack. The first thread's is as large as this by default.
const MOST: usize = 8 << 20;

pub(crate) struct Memory {
    /// The page of the innermost frame.
    start: usize,
    /// How many bytes from there on can be read.
    known: usize,
    /// How many may be asked for.
    most: usize,
}

impl Memory {
    /// Knows the page of `sp`, the stack pointer of a thread that runs.
    pub(crate) fn new(sp: usize) -> Self {
        Memory {
            known: PAGE,
            ..Memory::from(sp)
        }
    }

    /// Knows no page of the stack that is said to begin at `sp`.
    pub(crate) fn from(sp: usize) -> Self {
        let start = sp & !(PAGE - 1);
        let above = arch::thread_pointer().checked_sub(start);
        Memory {
            start,
            known: 0,
            most: above.map_or(MOST, |above| above.min(MOST)),
        }
    }

    /// The word at `address`, a multiple of 8, if it is one of the stack.
    #[inline(always)]
    pub(crate) fn read(&mut self, address: usize) -> Option<usize> {
        if address % 8 != 0 {
            return None;
        }
        self.read_aligned(address)
    }

    /// The word at `address`, which is known to be a multiple of 8, if it is one of the stack.
    #[inline(always)]
    pub(crate) fn read_aligned(&mut self, address: usize) -> Option<usize> {
        debug_assert_eq!(address % 8, 0);
        let offset = address.wrapping_sub(self.start);
        if offset >= self.known {
            self.reach(offset)?;
        }
        // SAFETY: a multiple of 8 (caller) in a page that can be read. Nobody takes away pages of
        // the stack that this thread runs on.
        Some(unsafe { arch::read_word(address) })
    }

    /// Asks for all pages up to the one at that offset.
    #[cold]
    fn reach(&mut self, offset: usize) -> Option<()> {
        if offset >= self.most {
            return None;
        }
        while self.known <= offset {
            if !arch::is_readable(self.start.wrapping_add(self.known)) {
                // It will not be otherwise at the next word.
                self.most = self.known;
                return None;
            }
            self.known += PAGE;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use core::ptr;

    use super::*;

    /// A mapping with each page's address in the page, and one page that cannot be read.
    fn mapping(pages: usize, without: usize) -> usize {
        // SAFETY: a mapping of its own, of which one page is taken away again.
        unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let start = libc::mmap(ptr::null_mut(), pages * PAGE, access, flags, -1, 0);
            assert_ne!(start, libc::MAP_FAILED);
            let start = start as usize;
            for place in (start..start + pages * PAGE).step_by(PAGE) {
                ptr::write(place as *mut usize, place);
            }
            let gap = (start + without * PAGE) as *mut _;
            assert_eq!(libc::mprotect(gap, PAGE, libc::PROT_NONE), 0);
            start
        }
    }

    fn unmap(start: usize, pages: usize) {
        // SAFETY: a mapping of `mapping`, which nobody has a pointer into.
        unsafe { libc::munmap(start as *mut _, pages * PAGE) };
    }

    /// What lies behind it is not the stack's, though it can be read.
    #[test]
    fn words_are_read_up_to_the_page_that_cannot_be_read() {
        let start = mapping(6, 3);
        let mut memory = Memory::new(start + PAGE + 64);
        assert_eq!(memory.read(start + PAGE), Some(start + PAGE));
        assert_eq!(memory.read(start + 3 * PAGE - 8), Some(0));
        assert_eq!(memory.read(start + 2 * PAGE), Some(start + 2 * PAGE));
        assert_eq!(memory.read(start + 2 * PAGE + 4), None);
        for other in [3, 4, 5] {
            assert_eq!(memory.read(start + other * PAGE), None);
        }
        assert_eq!(Memory::new(start).read(start + 4 * PAGE), None);
        // Nor what is below the innermost frame.
        assert_eq!(memory.read(start + PAGE - 8), None);
        assert_eq!(memory.read(0), None);
        assert_eq!(memory.read(usize::MAX - 7), None);

        assert_eq!(Memory::from(start + 3 * PAGE).read(start + 3 * PAGE), None);
        assert_eq!(
            Memory::from(start + 4 * PAGE).read(start + 4 * PAGE),
            Some(start + 4 * PAGE)
        );
        unmap(start, 6);
    }

    #[test]
    fn no_more_is_read_than_a_stack_has() {
        const PAGES: usize = MOST / PAGE + 2;
        let start = mapping(PAGES, PAGES - 1);
        let mut memory = Memory::from(start);
        // The thread's variables may lie within.
        memory.most = MOST;
        assert_eq!(memory.read(start + MOST), None);
        assert_eq!(memory.read(start + MOST - PAGE), Some(start + MOST - PAGE));
        unmap(start, PAGES);
    }

    #[test]
    #[cfg(target_env = "gnu")]
    fn a_stack_ends_below_the_variables_of_its_thread() {
        let read = std::thread::spawn(|| {
            // More than a page below them.
            let local = std::hint::black_box([0_u8; 4 * PAGE]);
            let here = local.as_ptr() as usize;
            let end = arch::thread_pointer();
            assert!(
                here < end && end - here < MOST,
                "a stack of 2 MiB, below them"
            );
            let mut memory = Memory::new(here);
            assert!(arch::is_readable((end & !7) + 64));
            (memory.read(here & !7), memory.read((end & !7) + 64))
        });
        let (local, above) = read.join().unwrap();
        assert!(local.is_some());
        assert_eq!(above, None);
    }
}
