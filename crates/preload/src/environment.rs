//! The environment variables of this process, as it was started with them.
//!
//! The heap is made by the first allocation, which may come before the C library knows its
//! environment. So the variables are read from the system: `/proc/self/environ`. Where that cannot
//! be read, there are none.
//!
//! The system is called directly: another preloaded library may have its own `open`, which may
//! allocate.
//!
//! Invariant: nothing here allocates, and `errno` stays what it was.

use core::ffi::{CStr, c_int, c_long};

/// The most bytes of a value: those of a path.
pub(crate) const MOST_VALUE: usize = 4096;

/// The most bytes of a variable that is read as a whole.
const MOST_BYTES: usize = MOST_VALUE + 32;

/// Calls `visit` with the name and the value of each variable whose name begins with `prefix`. A
/// value that is too long is `None`.
pub(crate) fn each_variable(prefix: &[u8], mut visit: impl FnMut(&[u8], Option<&[u8]>)) {
    let mut entry = Entry::new();
    each_byte(|byte| {
        if byte != 0 {
            return entry.push(byte);
        }
        let (text, is_whole) = entry.take();
        if let Some(at) = text.iter().position(|&byte| byte == b'=') {
            let (name, value) = (&text[..at], &text[at + 1..]);
            if name.starts_with(prefix) {
                let value = Some(value).filter(|value| is_whole && value.len() <= MOST_VALUE);
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

    /// The entry, which ends here, and whether that is all of it.
    fn take(&mut self) -> (&[u8], bool) {
        let len = core::mem::take(&mut self.len);
        (&self.bytes[..len.min(MOST_BYTES)], len <= MOST_BYTES)
    }
}

/// Calls `visit` with each byte of the process's environment.
fn each_byte(mut visit: impl FnMut(u8)) {
    let saved = errno();
    if let Some(file) = open(c"/proc/self/environ") {
        let mut chunk = [0; 1024];
        while let Some(read) = read(file, &mut chunk) {
            read.iter().for_each(|&byte| visit(byte));
        }
        // SAFETY: opened above, and used by nobody else.
        unsafe { libc::syscall(libc::SYS_close, file) };
    }
    set_errno(saved);
}

/// The first bytes of a file, at most as many as there is room for.
pub(crate) fn first_bytes<'a>(path: &CStr, room: &'a mut [u8]) -> &'a [u8] {
    let saved = errno();
    let mut len = 0;
    if let Some(file) = open(path) {
        while let Some(more) = read(file, &mut room[len..]).map(<[u8]>::len) {
            len += more;
        }
        // SAFETY: opened above, and used by nobody else.
        unsafe { libc::syscall(libc::SYS_close, file) };
    }
    set_errno(saved);
    &room[..len]
}

/// Puts the path of the working directory before a path, if that is relative; returns how many
/// bytes the path has then, and `None` if there is no room for it.
pub(crate) fn absolute(path: &[u8], room: &mut [u8]) -> Option<usize> {
    if path.first() == Some(&b'/') {
        room.get_mut(..path.len())?.copy_from_slice(path);
        return Some(path.len());
    }
    let saved = errno();
    // SAFETY: `room` has so many bytes.
    let written = unsafe { libc::syscall(libc::SYS_getcwd, room.as_mut_ptr(), room.len()) };
    set_errno(saved);
    // The zero at the end counts, and gives way to a slash.
    let folder = usize::try_from(written).ok().filter(|&len| len > 1)?;
    room[folder - 1] = b'/';
    let end = folder + path.len();
    room.get_mut(folder..end)?.copy_from_slice(path);
    Some(end)
}

/// Calls `visit` with each line of a file that fits into the room.
pub(crate) fn each_line(path: &CStr, room: &mut [u8], mut visit: impl FnMut(&[u8])) {
    let saved = errno();
    if let Some(file) = open(path) {
        let (mut chunk, mut len) = ([0; 512], 0);
        while let Some(read) = read(file, &mut chunk) {
            for &byte in read {
                if byte != b'\n' {
                    if let Some(place) = room.get_mut(len) {
                        *place = byte;
                    }
                    len += 1;
                    continue;
                }
                if let Some(line) = room.get(..core::mem::take(&mut len)) {
                    visit(line);
                }
            }
        }
        // SAFETY: opened above, and used by nobody else.
        unsafe { libc::syscall(libc::SYS_close, file) };
    }
    set_errno(saved);
}

fn open(path: &CStr) -> Option<c_int> {
    let flags = libc::O_RDONLY | libc::O_CLOEXEC;
    let opened = unless_interrupted(|| {
        // SAFETY: the path ends with a zero.
        unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags) }
    });
    c_int::try_from(opened).ok().filter(|&file| file >= 0)
}

/// The next bytes of a file; `None` at its end, and where it cannot be read.
fn read(file: c_int, chunk: &mut [u8]) -> Option<&[u8]> {
    let read = unless_interrupted(|| {
        // SAFETY: `chunk` has so many bytes.
        unsafe { libc::syscall(libc::SYS_read, file, chunk.as_mut_ptr(), chunk.len()) }
    });
    let read = usize::try_from(read).ok().filter(|&read| read > 0)?;
    Some(&chunk[..read])
}

/// Calls the system until no signal interrupts it.
pub(crate) fn unless_interrupted(mut call: impl FnMut() -> c_long) -> c_long {
    loop {
        let result = call();
        if result != -1 || errno() != libc::EINTR {
            return result;
        }
    }
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
