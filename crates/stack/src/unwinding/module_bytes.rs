//! The bytes of a module, as a reader for `gimli`.
//!
//! Each is copied from within the module, out of a page that the kernel was asked about. So no
//! reference to memory of a module is made: it may have gaps and parts that others write, or what
//! is known of it may be out of date.

use core::cell::Cell;

use gimli::{Error, NativeEndian, Reader, ReaderOffsetId, Result};

use super::arch;
use super::modules::Module;

const PAGE: usize = 4096;

pub(crate) struct ModuleBytes {
    module: Module,
    /// The page that was read last: it can be.
    page: Cell<usize>,
}

impl ModuleBytes {
    pub(crate) fn new(module: Module) -> Self {
        ModuleBytes {
            module,
            // No page begins there.
            page: Cell::new(usize::MAX),
        }
    }

    /// From an address in the module to the module's end. A section's length is not known; its
    /// entries end it.
    pub(crate) fn from(&self, address: usize) -> Option<Bytes<'_>> {
        let Module { start, end, .. } = self.module;
        (start <= address && address < end).then_some(Bytes {
            of: self,
            address,
            length: end.wrapping_sub(address),
        })
    }

    /// The byte at an address, if it can be read.
    #[inline]
    fn byte(&self, address: usize) -> Option<u8> {
        let page = address & !(PAGE - 1);
        if page != self.page.get() {
            if !arch::is_readable(address & !7) {
                return None;
            }
            self.page.set(page);
        }
        // SAFETY: the page can be read.
        Some(unsafe { arch::read_byte(address) })
    }
}

/// A part of a module.
#[derive(Clone)]
pub(crate) struct Bytes<'m> {
    of: &'m ModuleBytes,
    address: usize,
    length: usize,
}

impl core::fmt::Debug for Bytes<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} bytes at {:#x}", self.length, self.address)
    }
}

impl Bytes<'_> {
    fn end_error(&self) -> Error {
        Error::UnexpectedEof(self.offset_id())
    }
}

impl Reader for Bytes<'_> {
    type Endian = NativeEndian;
    type Offset = usize;

    fn endian(&self) -> NativeEndian {
        NativeEndian
    }

    fn len(&self) -> usize {
        self.length
    }

    fn empty(&mut self) {
        self.length = 0;
    }

    fn truncate(&mut self, length: usize) -> Result<()> {
        if length > self.length {
            return Err(self.end_error());
        }
        self.length = length;
        Ok(())
    }

    fn offset_from(&self, base: &Self) -> usize {
        self.address.wrapping_sub(base.address)
    }

    fn offset_id(&self) -> ReaderOffsetId {
        ReaderOffsetId(self.address as u64)
    }

    fn lookup_offset_id(&self, id: ReaderOffsetId) -> Option<usize> {
        let offset = (id.0 as usize).checked_sub(self.address)?;
        (offset <= self.length).then_some(offset)
    }

    fn find(&self, byte: u8) -> Result<usize> {
        for offset in 0..self.length {
            match self.of.byte(self.address + offset) {
                Some(found) if found == byte => return Ok(offset),
                Some(_) => {}
                None => break,
            }
        }
        Err(self.end_error())
    }

    fn skip(&mut self, length: usize) -> Result<()> {
        self.split(length).map(|_| ())
    }

    fn split(&mut self, length: usize) -> Result<Self> {
        let rest = self.length.checked_sub(length);
        let rest = rest.ok_or_else(|| self.end_error())?;
        let first = Bytes { length, ..*self };
        self.address += length;
        self.length = rest;
        Ok(first)
    }

    /// None is borrowed.
    fn to_slice(&self) -> Result<alloc::borrow::Cow<'_, [u8]>> {
        Err(self.end_error())
    }

    fn to_string(&self) -> Result<alloc::borrow::Cow<'_, str>> {
        Err(self.end_error())
    }

    fn to_string_lossy(&self) -> Result<alloc::borrow::Cow<'_, str>> {
        Err(self.end_error())
    }

    fn read_slice(&mut self, into: &mut [u8]) -> Result<()> {
        let from = self.split(into.len())?;
        for (offset, byte) in into.iter_mut().enumerate() {
            let copied = self.of.byte(from.address + offset);
            *byte = copied.ok_or_else(|| from.end_error())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use core::ptr;

    use super::*;

    /// A module of three pages, of which the second cannot be read.
    #[test]
    fn bytes_are_those_of_the_module_that_can_be_read() {
        // SAFETY: a mapping of its own, of which one page is taken away again.
        let start = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let pages = libc::mmap(ptr::null_mut(), 3 * PAGE, access, flags, -1, 0);
            assert_ne!(pages, libc::MAP_FAILED);
            pages.cast::<u8>().write_bytes(7, 3 * PAGE);
            assert_eq!(
                libc::mprotect(pages.byte_add(PAGE), PAGE, libc::PROT_NONE),
                0
            );
            pages as usize
        };
        let end = start + 3 * PAGE - 16;
        let table = start;
        let module = ModuleBytes::new(Module { start, end, table });
        assert!(module.from(start - 1).is_none());
        assert!(module.from(end).is_none());

        let mut bytes = module.from(start + PAGE - 4).unwrap();
        assert_eq!(bytes.read_u32(), Ok(0x0707_0707));
        assert!(bytes.read_u8().is_err());
        let mut bytes = module.from(start + PAGE - 4).unwrap();
        assert!(bytes.read_u64().is_err());
        let mut bytes = module.from(start + 2 * PAGE).unwrap();
        assert_eq!(bytes.read_u8(), Ok(7));
        let mut bytes = module.from(end - 4).unwrap();
        assert!(bytes.clone().read_u64().is_err());
        assert_eq!(bytes.read_u32(), Ok(0x0707_0707));
        assert!(bytes.read_u8().is_err());
        // SAFETY: nobody has a pointer into it.
        unsafe { libc::munmap(start as *mut _, 3 * PAGE) };
    }
}
