//! C++'s `operator new` and `operator delete`, in all of their forms, by their mangled names.
//!
//! Where there is no memory, `new` calls the program's handler until there is or until none is set,
//! and then throws `std::bad_alloc`. Handler and exception are the C++ library's; they are looked
//! up when they are needed, so that a program without C++ does not need that library. The forms
//! that do not throw return null and call no handler: it may throw, which these could not catch.

use core::{
    ffi::{CStr, c_void},
    mem,
};

use orionrt_sys::process::abort_with;

use crate::heap::{ALIGN, HEAP};

type Handler = unsafe extern "C-unwind" fn();

/// `std::nothrow_t`, of which only the address is passed.
type NoThrow = *const c_void;

/// A function of the C++ library; `None` if the program has none.
fn library_function(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: the name ends with a zero.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

/// The program's handler of refusals.
fn handler() -> Option<Handler> {
    let get = library_function(c"_ZSt15get_new_handlerv")?;
    // SAFETY: `std::get_new_handler`, which has this type.
    unsafe { mem::transmute::<*mut c_void, extern "C" fn() -> Option<Handler>>(get)() }
}

/// Throws `std::bad_alloc`.
///
/// # Safety
/// The caller was called by C++.
unsafe fn throw() -> ! {
    if let Some(throw) = library_function(c"_ZSt17__throw_bad_allocv") {
        // SAFETY: `std::__throw_bad_alloc`, which has this type; nothing here has to be dropped.
        unsafe { mem::transmute::<*mut c_void, extern "C-unwind" fn() -> !>(throw)() }
    }
    abort_with(&["orionrt: operator new: there is no memory, and no C++ library to throw\n"])
}

/// A block, or what the handler makes of it.
///
/// # Safety
/// The caller was called by C++.
#[inline(always)]
unsafe fn new(size: usize, alignment: usize) -> *mut c_void {
    let block = HEAP.allocate_aligned(size, alignment);
    if block.is_null() {
        // SAFETY: the caller's duty.
        return unsafe { new_after_refusal(size, alignment) };
    }
    block.cast()
}

#[cold]
unsafe fn new_after_refusal(size: usize, alignment: usize) -> *mut c_void {
    while let Some(handler) = handler() {
        // SAFETY: a function of the program for this purpose; it may throw.
        unsafe { handler() };
        let block = HEAP.allocate_aligned(size, alignment);
        if !block.is_null() {
            return block.cast();
        }
    }
    // SAFETY: the caller's duty.
    unsafe { throw() }
}

/// Defines forms of `operator new`: name, what is passed behind the size, and the alignment.
macro_rules! throwing {
    ($($(#[$doc:meta])* $name:ident($($extra:ident: $type:ty)?) at $alignment:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// Only C++ may call it, which can catch what it throws.
        #[unsafe(no_mangle)]
        #[allow(non_snake_case)]
        pub unsafe extern "C-unwind" fn $name(size: usize $(, $extra: $type)?) -> *mut c_void {
            // SAFETY: the caller's duty.
            unsafe { new(size, $alignment) }
        }
    )*};
}

throwing! {
    /// `operator new(size_t)`
    _Znwm() at ALIGN;
    /// `operator new[](size_t)`
    _Znam() at ALIGN;
    /// `operator new(size_t, align_val_t)`
    _ZnwmSt11align_val_t(alignment: usize) at alignment;
    /// `operator new[](size_t, align_val_t)`
    _ZnamSt11align_val_t(alignment: usize) at alignment;
}

/// Defines forms of `operator new` that return null where there is no memory.
macro_rules! nonthrowing {
    ($($(#[$doc:meta])* $name:ident($($extra:ident: $type:ty)?) at $alignment:expr;)*) => {$(
        $(#[$doc])*
        #[unsafe(no_mangle)]
        #[allow(non_snake_case)]
        pub extern "C" fn $name(
            size: usize, $($extra: $type,)? _no_throw: NoThrow,
        ) -> *mut c_void {
            HEAP.allocate_aligned(size, $alignment).cast()
        }
    )*};
}

nonthrowing! {
    /// `operator new(size_t, const nothrow_t&)`
    _ZnwmRKSt9nothrow_t() at ALIGN;
    /// `operator new[](size_t, const nothrow_t&)`
    _ZnamRKSt9nothrow_t() at ALIGN;
    /// `operator new(size_t, align_val_t, const nothrow_t&)`
    _ZnwmSt11align_val_tRKSt9nothrow_t(alignment: usize) at alignment;
    /// `operator new[](size_t, align_val_t, const nothrow_t&)`
    _ZnamSt11align_val_tRKSt9nothrow_t(alignment: usize) at alignment;
}

/// Defines forms of `operator delete`, none of which needs what is passed behind the block.
macro_rules! deletes {
    ($($(#[$doc:meta])* $name:ident($($extra:ident: $type:ty),*);)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// `block` is null or a live block of these functions.
        #[unsafe(no_mangle)]
        #[allow(non_snake_case)]
        pub unsafe extern "C" fn $name(block: *mut c_void $(, $extra: $type)*) {
            // SAFETY: the caller's duty.
            unsafe { HEAP.free(block.cast()) };
        }
    )*};
}

deletes! {
    /// `operator delete(void*)`
    _ZdlPv();
    /// `operator delete[](void*)`
    _ZdaPv();
    /// `operator delete(void*, size_t)`
    _ZdlPvm(_size: usize);
    /// `operator delete[](void*, size_t)`
    _ZdaPvm(_size: usize);
    /// `operator delete(void*, align_val_t)`
    _ZdlPvSt11align_val_t(_alignment: usize);
    /// `operator delete[](void*, align_val_t)`
    _ZdaPvSt11align_val_t(_alignment: usize);
    /// `operator delete(void*, size_t, align_val_t)`
    _ZdlPvmSt11align_val_t(_size: usize, _alignment: usize);
    /// `operator delete[](void*, size_t, align_val_t)`
    _ZdaPvmSt11align_val_t(_size: usize, _alignment: usize);
    /// `operator delete(void*, const nothrow_t&)`
    _ZdlPvRKSt9nothrow_t(_no_throw: NoThrow);
    /// `operator delete[](void*, const nothrow_t&)`
    _ZdaPvRKSt9nothrow_t(_no_throw: NoThrow);
    /// `operator delete(void*, align_val_t, const nothrow_t&)`
    _ZdlPvSt11align_val_tRKSt9nothrow_t(_alignment: usize, _no_throw: NoThrow);
    /// `operator delete[](void*, align_val_t, const nothrow_t&)`
    _ZdaPvSt11align_val_tRKSt9nothrow_t(_alignment: usize, _no_throw: NoThrow);
}
