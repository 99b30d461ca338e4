//! The heap of the system's own allocator, as far as one can ask anything of it.
//!
//! Invariant: only memory that the allocator has free is given back.

/// Gives the free memory of the system's allocator back to the operating system, where that is
/// glibc, which otherwise keeps most of it; returns whether there was any.
pub fn trim() -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
    {
        // SAFETY: takes any number, may be called at any time, and takes the allocator's own locks.
        unsafe { libc::malloc_trim(0) == 1 }
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu", not(miri))))]
    false
}
