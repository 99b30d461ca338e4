//! The environment variables of this process, as it was started with them.
//!
//! The heap is made by the first allocation, which may come before the C library knows its
//! environment. So the variables are read from the system: `/proc/self/environ`. Where that cannot
//! be read, there are none.
//!
//! Invariant: nothing here allocates, and `errno` stays what it was.

use core::ffi::c_void;

/// Variables of more bytes, with their names, are passed over.
const MOST_BYTES: usize = 512;

/// Calls `visit` with the name and the value of each variable whose name begins with `prefix`.
pub(crate) fn each_variable(prefix: &[u8], mut visit: impl FnMut(&[u8], &[u8])) {
    let mut entry = Entry::new();
    each_byte(|byte| {
        if byte != 0 {
            return entry.push(byte);
        }
        let text = entry.take();
        if let Some(at) = text.iter().position(|&byte| byte == b'=') {
            let (name, value) = (&text[..at], &text[at + 1..]);
            if name.starts_with(prefix) {
                visit(name, value);
            }
        }
    });
}

/// The bytes of one entry so far.
struct Entry {
    bytes: [u8; MOST_BYTES],
    len: usize,
}

impl Entry {
    fn new() -> Self {
        Self {
            bytes: [0; MOST_BYTES],
            len: 0,
        }
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
        }
        self.len += 1;
    }

    /// The entry, which ends here; empty if it was too long.
    fn take(&mut self) -> &[u8] {
        let len = core::mem::take(&mut self.len);
        self.bytes.get(..len).unwrap_or_default()
    }
}

/// Calls `visit` with each byte of the process's environment.
fn each_byte(mut visit: impl FnMut(u8)) {
    let saved = errno();
    // SAFETY: the path ends with a zero.
    let file = unsafe {
        libc::open(
            c"/proc/self/environ".as_ptr(),
            libc::O_RDONLY | libc::O_CLOEXEC,
        )
    };
    if file >= 0 {
        let mut chunk = [0u8; 1024];
        loop {
            // SAFETY: the file was opened above, and `chunk` has so many bytes.
            let read =
                unsafe { libc::read(file, chunk.as_mut_ptr().cast::<c_void>(), chunk.len()) };
            match usize::try_from(read) {
                Err(_) | Ok(0) => break,
                Ok(read) => chunk[..read].iter().for_each(|&byte| visit(byte)),
            }
        }
        // SAFETY: opened above, and used by nobody else.
        unsafe { libc::close(file) };
    }
    set_errno(saved);
}

/// The error number of this thread.
pub(crate) fn errno() -> i32 {
    // SAFETY: the thread's own number, which always exists.
    unsafe { *libc::__errno_location() }
}

/// Sets the error number of this thread.
pub(crate) fn set_errno(number: i32) {
    // SAFETY: as in `errno`.
    unsafe { *libc::__errno_location() = number };
}
