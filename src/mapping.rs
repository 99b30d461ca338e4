//! One owned range of OS memory: the only file that asks the operating system for memory (Linux).
//!
//! A [`Mapping`] is address space first (`reserve`), memory later (`commit`), and goes back as a whole when
//! dropped. All ranges are byte offsets from its base and are rounded outwards to whole pages, except in
//! `discard`, which rounds inwards so that it never touches a byte outside its range.
//!
//! Invariant: `base..base + len` is one mapping that nobody else owns, from `reserve` to `drop`.

use core::{ffi::c_void, fmt, ops::Range, ptr::NonNull};

use rustix::{
    io::Errno,
    mm::{Advice, MapFlags, MprotectFlags, ProtFlags},
    process::{Resource, getrlimit},
};

/// A multiple of every page size that the target can run with, known without asking anyone: asking
/// may allocate, and this file is used inside the global allocator.
pub(crate) const PAGE: usize = if cfg!(any(target_arch = "x86_64", target_arch = "x86")) {
    4096
} else {
    65536
};

/// The least page size of any target: one write per so many bytes touches every page.
const LEAST_PAGE: usize = 4096;

/// The size of a transparent huge page, in bytes, where the processor has 4 KiB pages.
pub(crate) const HUGE_PAGE: usize = 2 << 20;

/// An owned range of address space.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping belongs to the process, not to a thread; `Mapping` owns it alone.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Reserves `len` bytes of address space at a multiple of `align`, a power of two. No memory yet: touching it
    /// before `commit` is a fault.
    pub(crate) fn reserve(len: usize, align: usize) -> Result<Self, MapError> {
        let refused = |errno| MapError::new(MapCall::Reserve, len, errno);
        let align = align.max(PAGE);
        let len = round_up(len.max(1)).ok_or(refused(Errno::NOMEM))?;
        let span = len.checked_add(align - PAGE);
        let span = span.ok_or(refused(Errno::NOMEM))?;
        // SAFETY: a new private mapping at an address of the kernel's choice touches no existing memory.
        let raw = unsafe {
            rustix::mm::mmap_anonymous(
                core::ptr::null_mut(),
                span,
                ProtFlags::empty(),
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )
        }
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
        // SAFETY: `reserve` made the range `len + align - PAGE` long, so `head + len` lies within it.
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
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The length in bytes: whole pages.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Makes `range` readable and writable; it reads as zeros until written. Pages come when touched.
    pub(crate) fn commit(&self, range: Range<usize>) -> Result<(), MapError> {
        let range = self.pages(range, MapCall::Commit)?;
        // SAFETY: only widens access to a range that this mapping owns.
        unsafe {
            rustix::mm::mprotect(
                self.at(range.start),
                range.len(),
                MprotectFlags::READ | MprotectFlags::WRITE,
            )
        }
        .map_err(|errno| MapError::new(MapCall::Commit, range.len(), errno))
    }

    /// Advises the kernel to back `range` with huge pages.
    pub(crate) fn advise_huge(&self, range: Range<usize>) -> Result<(), MapError> {
        self.advise(range, Advice::LinuxHugepage, MapCall::HugePages)
    }

    /// Makes committed pages of `range` resident now. Bytes keep their values.
    ///
    /// Kernels before 5.14 do not know the call; there, a byte of each page that lies wholly inside is written.
    ///
    /// # Safety
    /// Nobody else reads or writes whole pages inside `range` meanwhile, and their contents may become zero.
    pub(crate) unsafe fn prefault(&self, range: Range<usize>) -> Result<(), MapError> {
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
    pub(crate) fn lock(&self, range: Range<usize>) -> Result<(), MapError> {
        let range = self.pages(range, MapCall::Lock)?;
        // SAFETY: changes residency of a range that this mapping owns, not its contents.
        unsafe { rustix::mm::mlock(self.at(range.start), range.len()) }
            .map_err(|errno| MapError::new(MapCall::Lock, range.len(), errno))
    }

    /// Gives the memory of whole pages inside `range` back; they read as zeros when touched again. Returns how many bytes.
    ///
    /// # Safety
    /// Nobody relies on the contents of `range`.
    pub(crate) unsafe fn discard(&self, range: Range<usize>) -> Result<usize, MapError> {
        let range = inner_pages(range);
        if range.is_empty() {
            return Ok(0);
        }
        self.advise(range.clone(), Advice::LinuxDontNeed, MapCall::Discard)?;
        Ok(range.len())
    }

    fn advise(&self, range: Range<usize>, advice: Advice, call: MapCall) -> Result<(), MapError> {
        let range = self.pages(range, call)?;
        if range.is_empty() {
            return Ok(());
        }
        // SAFETY: a range that this mapping owns; `discard` alone passes advice that changes contents, and
        // its caller vouches for that.
        unsafe { rustix::mm::madvise(self.at(range.start), range.len(), advice) }
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
pub(crate) fn round_up(bytes: usize) -> Option<usize> {
    bytes.checked_next_multiple_of(PAGE)
}

/// The whole pages inside `range`.
fn inner_pages(range: Range<usize>) -> Range<usize> {
    let start = range.start.next_multiple_of(PAGE);
    start..(range.end & !(PAGE - 1)).max(start)
}

/// What was asked of the operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MapCall {
    /// Reserving address space (`mmap`).
    Reserve,
    /// Making reserved address space usable (`mprotect`).
    Commit,
    /// Asking for huge pages (`madvise`).
    HugePages,
    /// Making memory resident ahead of time (`madvise`).
    Prefault,
    /// Page-locking (`mlock`).
    Lock,
    /// Giving memory back (`madvise`).
    Discard,
}

/// The operating system refused memory.
///
/// For a refused page lock, [`limit`](Self::limit) is the limit in force, and the message says how to raise it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MapError {
    call: MapCall,
    bytes: usize,
    errno: Errno,
    limit: Option<u64>,
}

impl MapError {
    fn new(call: MapCall, bytes: usize, errno: Errno) -> Self {
        let limit = match call {
            MapCall::Lock => getrlimit(Resource::Memlock).current,
            _ => None,
        };
        Self {
            call,
            bytes,
            errno,
            limit,
        }
    }

    /// What was asked.
    #[must_use]
    pub fn call(&self) -> MapCall {
        self.call
    }

    /// For how many bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The error number that the operating system gave.
    #[must_use]
    pub fn raw_os_error(&self) -> i32 {
        self.errno.raw_os_error()
    }

    /// For [`MapCall::Lock`]: the page-lock limit of the process in bytes, if it has one.
    #[must_use]
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// The kernel does not know this advice (as opposed to: refuses it here).
    fn is_unknown_call(&self) -> bool {
        self.errno == Errno::INVAL
    }
}

impl fmt::Debug for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapError")
            .field("call", &self.call)
            .field("bytes", &self.bytes)
            .field("os_error", &self.raw_os_error())
            .field("limit", &self.limit)
            .finish()
    }
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.call {
            MapCall::Reserve => "reserve address space",
            MapCall::Commit => "commit memory",
            MapCall::HugePages => "advise huge pages",
            MapCall::Prefault => "make memory resident",
            MapCall::Lock => "page-lock memory",
            MapCall::Discard => "give memory back",
        };
        let reason = std::io::Error::from_raw_os_error(self.raw_os_error());
        write!(f, "cannot {what}: {} bytes: {reason}", self.bytes)?;
        if let (MapCall::Lock, Some(limit)) = (self.call, self.limit) {
            let need = self.bytes.div_ceil(1024);
            write!(
                f,
                "; the limit of locked memory (RLIMIT_MEMLOCK) is {limit} bytes for the whole process, this arena needs {} bytes. \
                 Raise it with `ulimit -l {need}` (KiB), LimitMEMLOCK= in a systemd unit, a memlock line in /etc/security/limits.conf, \
                 or grant CAP_IPC_LOCK",
                self.bytes
            )?;
        }
        Ok(())
    }
}

impl core::error::Error for MapError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_aligned_zero_and_writable_once_committed() {
        let mapping = Mapping::reserve(100, 1 << 24).unwrap();
        assert_eq!(mapping.base().addr().get() % (1 << 24), 0);
        assert_eq!(mapping.len(), PAGE);
        mapping.commit(0..1).unwrap();
        let byte = mapping.base();
        // SAFETY: committed above, owned by this test alone.
        unsafe {
            assert_eq!(byte.read(), 0);
            byte.write(7);
            mapping.prefault(0..PAGE).unwrap();
            assert_eq!(byte.read(), 7);
            assert_eq!(mapping.discard(1..PAGE), Ok(0));
            assert_eq!(mapping.discard(0..PAGE), Ok(PAGE));
            assert_eq!(byte.read(), 0);
        }
    }

    #[test]
    fn too_much_address_space_is_an_error() {
        let error = Mapping::reserve(1 << 60, PAGE).unwrap_err();
        assert_eq!((error.call(), error.bytes()), (MapCall::Reserve, 1 << 60));
        assert!(Mapping::reserve(usize::MAX, PAGE).is_err());
    }

    #[test]
    fn a_refused_lock_says_limit_need_and_remedy() {
        let error = MapError {
            call: MapCall::Lock,
            bytes: 64 << 20,
            errno: Errno::NOMEM,
            limit: Some(8 << 20),
        };
        let text = error.to_string();
        for part in ["8388608", "67108864", "RLIMIT_MEMLOCK", "ulimit -l 65536"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
