//! One owned range of OS memory: the only file that asks the operating system for memory (Linux).
//!
//! A [`Mapping`] is address space first (`reserve`), memory later (`commit`), and goes back as a whole when
//! dropped. All ranges are byte offsets from its base and are rounded outwards to whole pages, except in
//! `discard`, which rounds inwards so that it never touches a byte outside its range.
//!
//! Every call that can be refused goes through `ask`, so that tests can refuse each of them in turn. Giving address space back
//! (`munmap`) does not: its caller could only ignore the refusal.
//!
//! Invariant: `base..base + len` is mapped, and nobody else's, from `reserve` to `drop`.

mod error;
#[cfg(any(test, feature = "fault-injection"))]
pub mod faults;
#[cfg(test)]
mod tests;

use core::{
    ffi::{c_ulong, c_void},
    ops::Range,
    ptr::NonNull,
};

pub use error::{MapCall, MapError};
use rustix::{
    io::Errno,
    mm::{Advice, MapFlags, MprotectFlags, MremapFlags, ProtFlags},
};

/// A multiple of every page size that the target can run with, known without asking anyone: asking
/// may allocate, and this file is used inside the global allocator.
pub const PAGE: usize = if cfg!(any(target_arch = "x86_64", target_arch = "x86")) {
    4096
} else {
    65536
};

/// The least page size of any target: one write per so many bytes touches every page.
const LEAST_PAGE: usize = 4096;

/// The size of a transparent huge page, in bytes, where the processor has 4 KiB pages.
pub const HUGE_PAGE: usize = 2 << 20;

const READ_WRITE: MprotectFlags = MprotectFlags::READ.union(MprotectFlags::WRITE);

/// NUMA nodes are numbered below 1024 on every Linux.
const NODE_WORDS: usize = 1024 / c_ulong::BITS as usize;

/// Makes one call that the operating system may refuse. Outside of unit tests it is nothing but the call.
#[inline(always)]
fn ask<T>(call: impl FnOnce() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    #[cfg(any(test, feature = "fault-injection"))]
    faults::pass()?;
    call()
}

/// Why the last call through `libc` was refused.
fn last_error() -> Errno {
    // SAFETY: the thread's own error number, always there.
    Errno::from_raw_os_error(unsafe { *libc::__errno_location() })
}

/// An owned range of address space.
#[derive(Debug)]
pub struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping belongs to the process, not to a thread; `Mapping` owns it alone.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Reserves `len` bytes of address space at a multiple of `align`, a power of two. No memory yet: touching it
    /// before `commit` is a fault.
    pub fn reserve(len: usize, align: usize) -> Result<Self, MapError> {
        let refused = |errno| MapError::new(MapCall::Reserve, len, errno);
        let align = align.max(PAGE);
        let len = round_up(len.max(1)).ok_or(refused(Errno::NOMEM))?;
        // The kernel's own pages may be smaller than `PAGE`, and what it chooses is aligned to those alone.
        let span = len.checked_add(align - LEAST_PAGE);
        let span = span.ok_or(refused(Errno::NOMEM))?;
        // SAFETY: a new private mapping at an address of the kernel's choice touches no existing memory.
        let raw = ask(|| unsafe {
            rustix::mm::mmap_anonymous(
                core::ptr::null_mut(),
                span,
                ProtFlags::empty(),
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )
        })
        .map_err(refused)?;
        let raw = NonNull::new(raw.cast::<u8>()).ok_or(refused(Errno::NOMEM))?;
        let whole = Self {
            base: raw,
            len: span,
        };
        Ok(whole.trim(len, align))
    }

    /// Keeps `len` bytes at the first multiple of `align` and gives the rest of the address space back.
    fn trim(self, len: usize, align: usize) -> Self {
        let whole = core::mem::ManuallyDrop::new(self);
        let head = whole.base.addr().get().next_multiple_of(align) - whole.base.addr().get();
        let tail = whole.len - head - len;
        // SAFETY: `head` is at most `align - LEAST_PAGE`, and `reserve` made the range `len` longer than that.
        let base = unsafe { whole.base.add(head) };
        // SAFETY: as above; `tail` is what remains.
        let end = unsafe { base.add(len) };
        for (start, excess) in [(whole.base, head), (end, tail)] {
            if excess > 0 {
                // SAFETY: part of the mapping owned by `whole`, outside of what is kept, never handed out.
                // A refusal leaves address space reserved, which is harmless.
                let _ = unsafe { rustix::mm::munmap(start.as_ptr().cast(), excess) };
            }
        }
        Self { base, len }
    }

    /// The address of offset 0.
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The length in bytes: whole pages.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Makes `range` readable and writable; it reads as zeros until written. Pages come when touched.
    pub fn commit(&self, range: Range<usize>) -> Result<(), MapError> {
        let range = self.pages(range, MapCall::Commit)?;
        // SAFETY: only widens access to a range that this mapping owns.
        unsafe { self.access(range, READ_WRITE, MapCall::Commit) }
    }

    /// Makes `range`, none of which is committed yet, readable: zeros, which cost no memory.
    pub fn make_readable(&self, range: Range<usize>) -> Result<(), MapError> {
        let range = self.pages(range, MapCall::Commit)?;
        // SAFETY: only widens access to a range that this mapping owns.
        unsafe { self.access(range, MprotectFlags::READ, MapCall::Commit) }
    }

    /// Makes whole pages of `range`, committed ones, accessible or not. Bytes keep their values, and touching them while they are
    /// not accessible is a fault.
    ///
    /// # Safety
    /// Nobody relies on access that is taken away.
    pub unsafe fn protect(&self, range: Range<usize>, readable: bool) -> Result<(), MapError> {
        let range = self.whole_pages(range, MapCall::Protect)?;
        let access = if readable {
            READ_WRITE
        } else {
            MprotectFlags::empty()
        };
        // SAFETY: a range that this mapping owns; whose access it may take is the caller's duty.
        unsafe { self.access(range, access, MapCall::Protect) }
    }

    /// # Safety
    /// `range` is whole pages inside this mapping, and nobody relies on access that is taken away.
    unsafe fn access(
        &self,
        range: Range<usize>,
        access: MprotectFlags,
        call: MapCall,
    ) -> Result<(), MapError> {
        // SAFETY: the caller's duty.
        ask(|| unsafe { rustix::mm::mprotect(self.at(range.start), range.len(), access) })
            .map_err(|errno| MapError::new(call, range.len(), errno))
    }

    /// Advises the kernel to back `range` with huge pages.
    pub fn advise_huge(&self, range: Range<usize>) -> Result<(), MapError> {
        self.advise(range, Advice::LinuxHugepage, MapCall::HugePages)
    }

    /// Advises the kernel never to back `range` with huge pages. A kernel without them agrees.
    pub fn advise_not_huge(&self, range: Range<usize>) -> Result<(), MapError> {
        let outcome = self.advise(range, Advice::LinuxNoHugepage, MapCall::HugePages);
        outcome.or_else(|error| match error.is_unknown_call() {
            true => Ok(()),
            false => Err(error),
        })
    }

    /// Makes committed pages of `range` resident now. Bytes keep their values.
    ///
    /// Kernels before 5.14 do not know the call; there, a byte of each page that lies wholly inside is written.
    ///
    /// # Safety
    /// Nobody else reads or writes whole pages inside `range` meanwhile, and their contents may become zero.
    pub unsafe fn prefault(&self, range: Range<usize>) -> Result<(), MapError> {
        self.pages(range.clone(), MapCall::Prefault)?;
        let outcome = self.advise(range.clone(), Advice::LinuxPopulateWrite, MapCall::Prefault);
        if outcome.as_ref().is_err_and(MapError::is_unknown_call) {
            for offset in inner_pages(range).step_by(LEAST_PAGE) {
                // SAFETY: a whole page inside the caller's range, committed, and used by nobody else.
                unsafe { self.base.add(offset).write_volatile(0) };
            }
            return Ok(());
        }
        outcome
    }

    /// Page-locks `range`: resident, and never swapped out or moved to disk until unmapped.
    pub fn lock(&self, range: Range<usize>) -> Result<(), MapError> {
        let range = self.pages(range, MapCall::Lock)?;
        // SAFETY: changes residency of a range that this mapping owns, not its contents.
        ask(|| unsafe { rustix::mm::mlock(self.at(range.start), range.len()) })
            .map_err(|errno| MapError::new(MapCall::Lock, range.len(), errno))
    }

    /// Ends the page lock of whole pages inside `range`, where there is one.
    pub fn unlock_whole(&self, range: Range<usize>) -> Result<(), MapError> {
        let range = self.pages(inner_pages(range), MapCall::Lock)?;
        // SAFETY: changes residency of a range that this mapping owns, not its contents.
        ask(|| unsafe { rustix::mm::munlock(self.at(range.start), range.len()) })
            .map_err(|errno| MapError::new(MapCall::Lock, range.len(), errno))
    }

    /// Makes `range`, whole pages, what it was when it was reserved: no memory, no access, no advice.
    ///
    /// On an error part of it may have become so.
    ///
    /// # Safety
    /// Nobody reads or writes the range until it is committed again.
    pub unsafe fn start_over(&self, range: Range<usize>) -> Result<(), MapError> {
        let range = self.whole_pages(range, MapCall::Reserve)?;
        if range.is_empty() {
            return Ok(());
        }
        // SAFETY: replaces a part of this mapping that nobody uses (caller).
        ask(|| unsafe {
            rustix::mm::mmap_anonymous(
                self.at(range.start),
                range.len(),
                ProtFlags::empty(),
                MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED,
            )
        })
        .map(drop)
        .map_err(|errno| MapError::new(MapCall::Reserve, range.len(), errno))
    }

    /// Gives the memory of whole pages inside `range` back; they read as zeros when touched again. Returns how many bytes.
    ///
    /// # Safety
    /// Nobody relies on the contents of `range`.
    pub unsafe fn discard(&self, range: Range<usize>) -> Result<usize, MapError> {
        let range = inner_pages(range);
        if range.is_empty() {
            return Ok(0);
        }
        self.advise(range.clone(), Advice::LinuxDontNeed, MapCall::Discard)?;
        Ok(range.len())
    }

    /// Moves the memory of `from` to offset `to`, without a copy. What was at `to` is discarded; `from` stays committed and reads as
    /// zeros. Whole committed pages; the ranges do not overlap.
    ///
    /// On an error `from` is as it was, but what was at `to` may be gone. The kernel refuses a range whose pages have come
    /// together from several moves: they are several mappings to it.
    ///
    /// # Safety
    /// Nobody reads or writes either range meanwhile, or relies on what was at `to`.
    pub unsafe fn remap(&self, from: Range<usize>, to: usize) -> Result<(), MapError> {
        let from = self.whole_pages(from, MapCall::Move)?;
        let (bytes, to_end) = (from.len(), to.saturating_add(from.len()));
        let refused = |errno| MapError::new(MapCall::Move, bytes, errno);
        let to = self.whole_pages(to..to_end, MapCall::Move)?;
        if from.start < to.end && to.start < from.end {
            return Err(refused(Errno::INVAL));
        }
        if bytes == 0 {
            return Ok(());
        }
        // In two steps. Moving to a fixed address unmaps what is there before the kernel (before 6.16) has even looked whether
        // the source can be moved, and a hole in this mapping is anyone's. The first step can be refused without harm, and leaves one
        // mapping, which the second can always move.
        // SAFETY: a range that this mapping owns and nobody uses (caller); its pages go to fresh address space.
        // (Not rustix: it passes no fifth argument, and with this flag the kernel reads one.)
        let between = ask(|| unsafe {
            let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_DONTUNMAP;
            let anywhere = core::ptr::null_mut::<c_void>();
            match libc::mremap(self.at(from.start), bytes, bytes, flags, anywhere) {
                libc::MAP_FAILED => Err(last_error()),
                between => Ok(between),
            }
        })
        .map_err(refused)?;
        // SAFETY: `between` is a mapping of `bytes` bytes made above; the target is this mapping's own, and unused (caller).
        let moved = ask(|| unsafe {
            rustix::mm::mremap_fixed(
                between,
                bytes,
                bytes,
                MremapFlags::MAYMOVE,
                self.at(to.start),
            )
        });
        let Err(errno) = moved else {
            return Ok(());
        };
        // SAFETY: both hold `bytes` committed bytes, and nobody uses `from` (caller).
        unsafe {
            self.base
                .add(from.start)
                .copy_from_nonoverlapping(NonNull::new_unchecked(between.cast()), bytes);
        }
        // SAFETY: made above, copied, and never handed out. A refusal leaks it.
        let _ = unsafe { rustix::mm::munmap(between, bytes) };
        self.mend(to);
        Err(refused(errno))
    }

    /// Maps `range` again, in case that a refused move has left a hole there. Where none is left this does nothing.
    #[cold]
    fn mend(&self, range: Range<usize>) {
        // SAFETY: replaces nothing: the kernel refuses where anything is mapped.
        let _ = unsafe {
            rustix::mm::mmap_anonymous(
                self.at(range.start),
                range.len(),
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED_NOREPLACE,
            )
        };
    }

    /// Has the memory of `range` come from one NUMA node alone, if nothing there has been touched yet.
    pub fn bind(&self, range: Range<usize>, node: u32) -> Result<(), MapError> {
        let range = self.pages(range, MapCall::Bind)?;
        let mut nodes: [c_ulong; NODE_WORDS] = [0; NODE_WORDS];
        let word = nodes.get_mut((node / c_ulong::BITS) as usize);
        *word.ok_or(MapError::new(MapCall::Bind, range.len(), Errno::INVAL))? |=
            1 << (node % c_ulong::BITS);
        // The kernel takes the number of bits to be one less than it is told.
        let bits = NODE_WORDS * c_ulong::BITS as usize + 1;
        // SAFETY: sets the policy of a range that this mapping owns, and reads `bits - 1` bits of `nodes`.
        ask(|| unsafe {
            let outcome = libc::syscall(
                libc::SYS_mbind,
                self.at(range.start),
                range.len(),
                libc::MPOL_BIND,
                nodes.as_ptr(),
                bits,
                0,
            );
            match outcome {
                0 => Ok(()),
                _ => Err(last_error()),
            }
        })
        .map_err(|errno| MapError::new(MapCall::Bind, range.len(), errno))
    }

    fn advise(&self, range: Range<usize>, advice: Advice, call: MapCall) -> Result<(), MapError> {
        let range = self.pages(range, call)?;
        if range.is_empty() {
            return Ok(());
        }
        // SAFETY: a range that this mapping owns; `discard` alone passes advice that changes contents, and
        // its caller vouches for that.
        ask(|| unsafe { rustix::mm::madvise(self.at(range.start), range.len(), advice) })
            .map_err(|errno| MapError::new(call, range.len(), errno))
    }

    /// `range` rounded outwards to pages. Out of bounds is a bug of the caller in this crate; an error all the same, since the
    /// global allocator must not panic.
    fn pages(&self, range: Range<usize>, call: MapCall) -> Result<Range<usize>, MapError> {
        if range.start > range.end || range.end > self.len {
            return Err(MapError::new(call, range.len(), Errno::INVAL));
        }
        let end = range.end.next_multiple_of(PAGE);
        Ok((range.start & !(PAGE - 1)).min(end)..end)
    }

    /// `range`, which must be whole pages already: rounding it could reach bytes that its caller does not own.
    fn whole_pages(&self, range: Range<usize>, call: MapCall) -> Result<Range<usize>, MapError> {
        let pages = self.pages(range.clone(), call)?;
        if pages == range {
            return Ok(pages);
        }
        Err(MapError::new(call, range.len(), Errno::INVAL))
    }

    fn at(&self, offset: usize) -> *mut c_void {
        debug_assert!(offset <= self.len);
        // SAFETY: `pages` keeps offsets within the mapping, its end included.
        unsafe { self.base.add(offset) }.as_ptr().cast()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is owned, and whoever handed out pointers into it has ended (the owner's duty).
        // A refusal leaks the range; there is nothing better to do in a destructor.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.len) };
    }
}

/// `bytes` rounded up to whole pages.
pub fn round_up(bytes: usize) -> Option<usize> {
    bytes.checked_next_multiple_of(PAGE)
}

/// The whole pages inside `range`.
fn inner_pages(range: Range<usize>) -> Range<usize> {
    let start = range.start.next_multiple_of(PAGE);
    start..(range.end & !(PAGE - 1)).max(start)
}
