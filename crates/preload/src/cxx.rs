//! C++'s `operator new` and `operator delete`, in all of their forms, by their mangled names.
//!
//! Where there is no memory, `new` calls the program's handler until there is or until none is set,
//! and then throws `std::bad_alloc`. Handler and exception are the C++ library's; they are looked
//! up when they are needed, so that a program without C++ does not need that library. The forms
//! that do not throw return null and call no handler: it may throw, which these could not catch.
//!
//! A program may replace any of the forms, and C++ has the others call the replaced one: array
//! forms call plain ones, sized and `nothrow` forms those without. So they call what the loader has
//! bound these names to, see [`Bound`]. What a replaced `new` throws, Rust cannot catch: there the
//! `nothrow` forms are left to the C++ library.

use core::{
    arch::global_asm,
    ffi::{CStr, c_void},
    mem, ptr,
    sync::atomic::{AtomicU8, Ordering},
};

use orionrt_sys::process::abort_with;

use crate::heap::{ALIGN, HEAP};

type Handler = unsafe extern "C-unwind" fn();

/// `std::nothrow_t`, of which only the address is passed.
type NoThrow = *const c_void;

type New = unsafe extern "C-unwind" fn(usize) -> *mut c_void;
type NewAligned = unsafe extern "C-unwind" fn(usize, usize) -> *mut c_void;
type Delete = unsafe extern "C" fn(*mut c_void);
type DeleteAligned = unsafe extern "C" fn(*mut c_void, usize);

/// The forms that others forward to, as the loader has bound their names: to those of this file, or
/// to those that the program has instead.
#[repr(C)]
struct Bound {
    new: New,
    new_array: New,
    new_aligned: NewAligned,
    new_array_aligned: NewAligned,
    delete: Delete,
    delete_array: Delete,
    delete_aligned: DeleteAligned,
    delete_array_aligned: DeleteAligned,
}

// In assembly, since a compiler that sees the definitions of these names may call those directly.
global_asm!(
    ".pushsection .data.rel.ro.orionrt_bound,\"aw\",%progbits",
    ".balign 8",
    ".globl orionrt_bound",
    ".hidden orionrt_bound",
    "orionrt_bound:",
    ".quad _Znwm",
    ".quad _Znam",
    ".quad _ZnwmSt11align_val_t",
    ".quad _ZnamSt11align_val_t",
    ".quad _ZdlPv",
    ".quad _ZdaPv",
    ".quad _ZdlPvSt11align_val_t",
    ".quad _ZdaPvSt11align_val_t",
    ".popsection",
);

unsafe extern "C" {
    #[link_name = "orionrt_bound"]
    safe static BOUND: Bound;
}

/// Whether a function is of this library, not one that the program has instead.
fn is_own(function: *const c_void) -> bool {
    object_of(function) == object_of(ptr::from_ref(&BOUND).cast())
}

/// Where the program or library begins in memory that an address lies in.
fn object_of(address: *const c_void) -> *mut c_void {
    // SAFETY: of numbers and pointers, for which zeros are a value.
    let mut found = unsafe { mem::zeroed::<libc::Dl_info>() };
    // SAFETY: any address may be asked about; `found` is valid for a write.
    unsafe { libc::dladdr(address, &mut found) };
    found.dli_fbase
}

/// A function of the C++ library; `None` if the program has none.
fn library_function(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: the name ends with a zero.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    if !found.is_null() {
        return Some(found);
    }
    // A program in C may have loaded a library in C++ for itself alone, with `RTLD_LOCAL`.
    let libraries = [c"libstdc++.so.6", c"libc++.so.1", c"libc++abi.so.1"];
    libraries.iter().find_map(|library| {
        // SAFETY: the names end with a zero; nothing is loaded, so no initialiser runs.
        let found = unsafe {
            let library = libc::dlopen(library.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD);
            if library.is_null() {
                return None;
            }
            // It stays referred to: its functions are about to be called.
            libc::dlsym(library, name.as_ptr())
        };
        (!found.is_null()).then_some(found)
    })
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
    // The names of GNU's and of LLVM's library.
    let names = [
        c"_ZSt17__throw_bad_allocv",
        c"_ZNSt3__117__throw_bad_allocEv",
    ];
    if let Some(throw) = names.into_iter().find_map(library_function) {
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

/// Defines forms of `operator new`: what is passed behind the size, and what makes the block.
macro_rules! throwing {
    ($(
        $(#[$doc:meta])* $name:ident($size:ident $(, $extra:ident: $type:ty)?) = $block:expr;
    )*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// Only C++ may call it, which can catch what it throws.
        #[unsafe(no_mangle)]
        #[allow(non_snake_case)]
        pub unsafe extern "C-unwind" fn $name($size: usize $(, $extra: $type)?) -> *mut c_void {
            // SAFETY: the caller's duty.
            unsafe { $block }
        }
    )*};
}

throwing! {
    /// `operator new(size_t)`
    _Znwm(size) = new(size, ALIGN);
    /// `operator new[](size_t)`
    _Znam(size) = (BOUND.new)(size);
    /// `operator new(size_t, align_val_t)`
    _ZnwmSt11align_val_t(size, alignment: usize) = new(size, alignment);
    /// `operator new[](size_t, align_val_t)`
    _ZnamSt11align_val_t(size, alignment: usize) = (BOUND.new_aligned)(size, alignment);
}

/// Defines forms of `operator new` that return null where there is no memory: what is passed behind
/// the size, the alignment, and the forms they forward to if one of these is the program's.
macro_rules! nonthrowing {
    ($(
        $(#[$doc:meta])*
        $name:ident($($extra:ident: $type:ty)?) at $alignment:expr, $base:ident $(, $plain:ident)?;
    )*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// Only C++ may call it.
        #[unsafe(no_mangle)]
        #[allow(non_snake_case)]
        pub unsafe extern "C-unwind" fn $name(
            size: usize, $($extra: $type,)? no_throw: NoThrow,
        ) -> *mut c_void {
            type Form = unsafe extern "C-unwind" fn(usize, $($type,)? NoThrow) -> *mut c_void;
            static OWN: Own = Own::new();
            if OWN.get(|| is_own(BOUND.$base as _) $(&& is_own(BOUND.$plain as _))?) {
                return HEAP.allocate_aligned(size, $alignment).cast();
            }
            let name = concat!(stringify!($name), "\0");
            // SAFETY: the name ends with a zero, and the C++ library's form has this type. The base
            // is the program's, and C++ calls it.
            unsafe {
                let next = libc::dlsym(libc::RTLD_NEXT, name.as_ptr().cast());
                if next.is_null() {
                    return (BOUND.$base)(size $(, $extra)?);
                }
                mem::transmute::<*mut c_void, Form>(next)(size, $($extra,)? no_throw)
            }
        }
    )*};
}

/// Whether what a form forwards to is this library's, once it is known.
struct Own(AtomicU8);

impl Own {
    const fn new() -> Self {
        Self(AtomicU8::new(0))
    }

    #[inline(always)]
    fn get(&self, find_out: impl FnOnce() -> bool) -> bool {
        match self.0.load(Ordering::Relaxed) {
            0 => {
                let is_own = find_out();
                self.0.store(1 + u8::from(is_own), Ordering::Relaxed);
                is_own
            }
            known => known == 2,
        }
    }
}

nonthrowing! {
    /// `operator new(size_t, const nothrow_t&)`
    _ZnwmRKSt9nothrow_t() at ALIGN, new;
    /// `operator new[](size_t, const nothrow_t&)`
    _ZnamRKSt9nothrow_t() at ALIGN, new_array, new;
    /// `operator new(size_t, align_val_t, const nothrow_t&)`
    _ZnwmSt11align_val_tRKSt9nothrow_t(alignment: usize) at alignment, new_aligned;
    /// `operator new[](size_t, align_val_t, const nothrow_t&)`
    _ZnamSt11align_val_tRKSt9nothrow_t(alignment: usize) at alignment,
        new_array_aligned, new_aligned;
}

/// Defines forms of `operator delete`: what is passed behind the block, and what frees it.
macro_rules! deletes {
    ($(
        $(#[$doc:meta])* $name:ident($block:ident $(, $extra:ident: $type:ty)*) = $free:expr;
    )*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// `block` is null or a live block of the form of `operator new` that belongs to this one.
        #[unsafe(no_mangle)]
        #[allow(non_snake_case)]
        pub unsafe extern "C" fn $name($block: *mut c_void $(, $extra: $type)*) {
            // SAFETY: the caller's duty.
            unsafe { $free }
        }
    )*};
}

deletes! {
    /// `operator delete(void*)`
    _ZdlPv(block) = HEAP.free(block.cast());
    /// `operator delete[](void*)`
    _ZdaPv(block) = (BOUND.delete)(block);
    /// `operator delete(void*, size_t)`
    _ZdlPvm(block, _size: usize) = (BOUND.delete)(block);
    /// `operator delete[](void*, size_t)`
    _ZdaPvm(block, _size: usize) = (BOUND.delete_array)(block);
    /// `operator delete(void*, align_val_t)`
    _ZdlPvSt11align_val_t(block, _alignment: usize) = HEAP.free(block.cast());
    /// `operator delete[](void*, align_val_t)`
    _ZdaPvSt11align_val_t(block, alignment: usize) = (BOUND.delete_aligned)(block, alignment);
    /// `operator delete(void*, size_t, align_val_t)`
    _ZdlPvmSt11align_val_t(block, _size: usize, alignment: usize) =
        (BOUND.delete_aligned)(block, alignment);
    /// `operator delete[](void*, size_t, align_val_t)`
    _ZdaPvmSt11align_val_t(block, _size: usize, alignment: usize) =
        (BOUND.delete_array_aligned)(block, alignment);
    /// `operator delete(void*, const nothrow_t&)`
    _ZdlPvRKSt9nothrow_t(block, _no_throw: NoThrow) = (BOUND.delete)(block);
    /// `operator delete[](void*, const nothrow_t&)`
    _ZdaPvRKSt9nothrow_t(block, _no_throw: NoThrow) = (BOUND.delete_array)(block);
    /// `operator delete(void*, align_val_t, const nothrow_t&)`
    _ZdlPvSt11align_val_tRKSt9nothrow_t(block, alignment: usize, _no_throw: NoThrow) =
        (BOUND.delete_aligned)(block, alignment);
    /// `operator delete[](void*, align_val_t, const nothrow_t&)`
    _ZdaPvSt11align_val_tRKSt9nothrow_t(block, alignment: usize, _no_throw: NoThrow) =
        (BOUND.delete_array_aligned)(block, alignment);
}
