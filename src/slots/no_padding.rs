//! Element types whose values are fully described by their bytes.
//!
//! Stands on nothing. Invariant, kept by whoever implements [`NoPadding`]: every byte of a value is
//! initialised, and a copy of these bytes is the same value.

/// An element type whose bytes can be read, stored elsewhere, and put back: it has no padding and
/// no pointers. Numbers are of such types, arrays of them, and structures of your own without
/// padding.
///
/// # Safety
/// Every byte of every value of the type is initialised, padding included, so there is none. The
/// type has no pointers or references, which bytes alone do not keep valid.
pub unsafe trait NoPadding: Copy {}

macro_rules! no_padding {
    ($($number:ty)*) => {
        $(
            // SAFETY: numbers, truth values and characters have no padding and no pointers.
            unsafe impl NoPadding for $number {}
        )*
    };
}

no_padding! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 bool char }

// SAFETY: an array has its elements one after the other, and nothing between them.
unsafe impl<T: NoPadding, const N: usize> NoPadding for [T; N] {}

/// The bytes of some elements.
pub(crate) fn bytes_of<T: NoPadding>(elements: &[T]) -> &[u8] {
    // SAFETY: all bytes of the elements are initialised (`NoPadding`), and borrowed as long as the
    // elements are; any alignment is enough for bytes.
    unsafe { core::slice::from_raw_parts(elements.as_ptr().cast(), size_of_val(elements)) }
}
