//! Waiting on a word by `os_sync_wait_on_address`, which is public since macOS 14.4 and iOS 17.4.
//!
//! The functions are looked up when a thread is first about to sleep. On older systems nobody
//! sleeps on a word, and waiters yield or nap. (`__ulock_wait`, which older systems have, is not
//! public: the App Store refuses its users.)
//!
//! Invariant: the address in a `Function` is null, that of `MISSING`, or that of the function of
//! its name.

use core::{
    ffi::{CStr, c_int, c_void},
    mem, ptr,
    sync::atomic::{AtomicPtr, AtomicU32, Ordering},
    time::Duration,
};

/// `os_sync_wait_on_address`: the word, its value, its size, flags.
type Wait = unsafe extern "C" fn(*mut c_void, u64, usize, u32) -> c_int;
/// `os_sync_wait_on_address_with_timeout`: besides, a clock and nanoseconds.
type WaitFor = unsafe extern "C" fn(*mut c_void, u64, usize, u32, u32, u64) -> c_int;
/// `os_sync_wake_by_address_any`: the word, its size, flags.
type Wake = unsafe extern "C" fn(*mut c_void, usize, u32) -> c_int;

/// The threads are those of this process.
const NO_FLAGS: u32 = 0;
/// `OS_CLOCK_MACH_ABSOLUTE_TIME`, the only clock there is.
const CLOCK: u32 = 32;

/// The longest sleep: it may end early, and no clock counts that far in nanoseconds.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A function of the C library that not every version has.
struct Function {
    name: &'static CStr,
    /// Null before it is looked up; the address of [`MISSING`] where there is none.
    address: AtomicPtr<c_void>,
}

static MISSING: u8 = 0;

impl Function {
    const fn new(name: &'static CStr) -> Self {
        Self {
            name,
            address: AtomicPtr::new(ptr::null_mut()),
        }
    }

    fn find(&self) -> Option<*mut c_void> {
        let missing = (&raw const MISSING).cast_mut().cast();
        let mut address = self.address.load(Ordering::Relaxed);
        if address.is_null() {
            // SAFETY: a name that ends with a zero.
            address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, self.name.as_ptr()) };
            if address.is_null() {
                address = missing;
            }
            self.address.store(address, Ordering::Relaxed);
        }
        (address != missing).then_some(address)
    }
}

static WAIT: Function = Function::new(c"os_sync_wait_on_address");
static WAIT_FOR: Function = Function::new(c"os_sync_wait_on_address_with_timeout");
static WAKE: Function = Function::new(c"os_sync_wake_by_address_any");

pub(super) fn wait_while(word: &AtomicU32, value: u32, timeout: Option<Duration>) -> bool {
    // Whoever could not be woken must not sleep.
    if WAKE.find().is_none() {
        return false;
    }
    let (place, size) = (word.as_ptr().cast::<c_void>(), size_of::<u32>());
    match timeout {
        None => WAIT.find().is_some_and(|wait| {
            // SAFETY: the function of that name has this type (os/os_sync_wait_on_address.h).
            let wait = unsafe { mem::transmute::<*mut c_void, Wait>(wait) };
            // SAFETY: the word outlives the call, which reads it.
            unsafe { wait(place, value.into(), size, NO_FLAGS) };
            true
        }),
        Some(timeout) => WAIT_FOR.find().is_some_and(|wait| {
            // No time at all is refused.
            let nanoseconds = timeout.min(LONGEST).as_nanos().max(1) as u64;
            // SAFETY: the function of that name has this type (os/os_sync_wait_on_address.h).
            let wait = unsafe { mem::transmute::<*mut c_void, WaitFor>(wait) };
            // SAFETY: the word outlives the call, which reads it.
            unsafe { wait(place, value.into(), size, NO_FLAGS, CLOCK, nanoseconds) };
            true
        }),
    }
}

pub(super) fn wake_one(word: &AtomicU32) {
    let Some(wake) = WAKE.find() else {
        return;
    };
    // SAFETY: the function of that name has this type (os/os_sync_wait_on_address.h).
    let wake = unsafe { mem::transmute::<*mut c_void, Wake>(wake) };
    // SAFETY: the address is looked up among those that are waited for, and not read.
    unsafe { wake(word.as_ptr().cast(), size_of::<u32>(), NO_FLAGS) };
}
