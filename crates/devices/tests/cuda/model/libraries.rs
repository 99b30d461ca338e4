//! Libraries of kernels that the model of NVRTC has compiled for the host.

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    fs,
};

#[link(name = "dl")]
unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlclose(library: *mut c_void) -> c_int;
}

const RTLD_NOW: c_int = 2;

/// What calls a kernel for each thread: the numbers of blocks and of threads, and the addresses
/// that the kernel is given.
pub type Launch = extern "C" fn(*const [u32; 3], *const [u32; 3], *const u64);

/// A library that is loaded until it is closed.
pub struct Library(usize);

/// A kernel of a library.
#[derive(Clone, Copy)]
pub struct Kernel {
    pub launch: Launch,
    /// How many addresses it is given.
    pub parameters: usize,
}

impl Library {
    /// Loads the library that a text names, if it does, and removes the file.
    pub fn named_in(text: &CStr) -> Option<Result<Self, ()>> {
        let text = text.to_str().ok()?;
        let path = text.strip_prefix("// library: ")?.trim_end();
        let name = CString::new(path).ok()?;
        // SAFETY: the model of the compiler has made it for this, of a text of the test's own.
        let library = unsafe { dlopen(name.as_ptr(), RTLD_NOW) } as usize;
        let removed = fs::remove_file(path);
        let loaded = library != 0 && removed.is_ok();
        Some(loaded.then_some(Self(library)).ok_or(()))
    }

    pub fn kernel(&self, name: &str) -> Option<Kernel> {
        let [launch, parameters] = ["launch", "parameters"].map(|what| {
            let symbol = CString::new(format!("{name}_{what}")).unwrap_or_default();
            // SAFETY: the library is loaded, and the name ends with a zero byte.
            unsafe { dlsym(self.0 as *mut c_void, symbol.as_ptr()) }
        });
        if launch.is_null() || parameters.is_null() {
            return None;
        }
        // SAFETY: the compiler's model defines both of these for each kernel.
        unsafe {
            let parameters: extern "C" fn() -> u32 = std::mem::transmute(parameters);
            Some(Kernel {
                launch: std::mem::transmute::<*mut c_void, Launch>(launch),
                parameters: parameters() as usize,
            })
        }
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: it was loaded once, and its module is not there any more.
        unsafe { dlclose(self.0 as *mut c_void) };
    }
}
