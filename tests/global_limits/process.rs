//! The limit of this process's address space.

use std::io::Error;

/// Limits the address space of this process to so many bytes, or lifts the limit.
pub(crate) fn limit_address_space(bytes: Option<usize>) {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: reads and writes the limit only.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_AS, &raw mut limit), 0);
        limit.rlim_cur = bytes.map_or(limit.rlim_max, |bytes| bytes as libc::rlim_t);
        let outcome = libc::setrlimit(libc::RLIMIT_AS, &raw const limit);
        assert_eq!(outcome, 0, "{}", Error::last_os_error());
    }
}
