//! How much memory this process has, by what the operating system says.

#[cfg(not(windows))]
pub use by_kernel::{process_anonymous, process_reserved, process_resident};
#[cfg(windows)]
pub use by_windows::process_resident;

/// Linux; elsewhere there is no such file, and the functions panic.
#[cfg(not(windows))]
mod by_kernel {
    use std::fs;

    /// Bytes of address space that this process has reserved.
    pub fn process_reserved() -> usize {
        status_bytes("VmSize:")
    }

    /// Bytes that this process has in memory.
    pub fn process_resident() -> usize {
        status_bytes("VmRSS:")
    }

    /// Bytes of them that are not pages of files.
    pub fn process_anonymous() -> usize {
        status_bytes("RssAnon:")
    }

    fn status_bytes(name: &str) -> usize {
        let text = fs::read_to_string("/proc/self/status").expect("the kernel's counts");
        let line = text.lines().find(|line| line.starts_with(name));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        kib.and_then(|kib| kib.parse::<usize>().ok())
            .expect("a number")
            << 10
    }
}

#[cfg(windows)]
mod by_windows {
    use std::ffi::c_void;

    /// `PROCESS_MEMORY_COUNTERS` of Windows.
    #[repr(C)]
    #[derive(Default)]
    struct Counters {
        /// The length of this structure in bytes.
        len: u32,
        page_faults: u32,
        peak_working_set: usize,
        working_set: usize,
        /// Quotas of the pools of the kernel, and what is committed.
        others: [usize; 6],
    }

    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn GetCurrentProcess() -> *mut c_void;
        fn K32GetProcessMemoryInfo(process: *mut c_void, counters: *mut Counters, len: u32) -> i32;
    }

    /// Bytes that this process has in memory: its working set.
    pub fn process_resident() -> usize {
        let mut counters = Counters {
            len: size_of::<Counters>() as u32,
            ..Counters::default()
        };
        // SAFETY: writes to the counters alone, whose length it is told.
        let told = unsafe {
            K32GetProcessMemoryInfo(GetCurrentProcess(), &raw mut counters, counters.len)
        };
        assert_ne!(told, 0, "{}", std::io::Error::last_os_error());
        counters.working_set
    }
}
