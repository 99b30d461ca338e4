//! Columns of numbers in the caller's memory: arrays, or one field of an array of structures.
//!
//! Stands on `pointers`. Numbers are read one by one wherever they lie, so a field of a packed
//! structure will do. Invariant: a [`Column`] is made only of a pointer that is not null, a stride
//! of at least a number's size, and a length that memory can have.

use std::ffi::{c_char, c_void};
use std::marker::PhantomData;

use crate::failure::Failure;
use crate::pointers::check_length;

/// A column of values: the first one, and how many bytes after it the next one comes.
///
/// For an array `uint64_t sizes[]` it is `{sizes, 0}`; for a field of an array of structures it is
/// `{&rows[0].size, sizeof rows[0]}`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct orionrt_column {
    /// The first value; null if the column is left out. It need not be aligned.
    pub data: *const c_void,
    /// From one value to the next, in bytes; 0 if they follow each other as in an array.
    pub stride: usize,
}

/// Tensors as columns. All columns have `count` values. Zero the structure before you fill it, so
/// that columns which a later version of this header adds are left out once your source is compiled
/// with it. That helps sources, not binaries: a new column is a new `ORIONRT_ABI_VERSION`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct orionrt_columns {
    /// The number of tensors.
    pub count: usize,
    /// `int64_t`: the first step at which each tensor is alive.
    pub lower: orionrt_column,
    /// `int64_t`: the first step at which it is no longer alive.
    pub upper: orionrt_column,
    /// `uint64_t`: its size in bytes.
    pub size: orionrt_column,
    /// `uint64_t`: its alignment in bytes, a power of two up to 2^62. Left out: 1.
    pub alignment: orionrt_column,
    /// `uint64_t`: the offset in bytes that it must have, or `ORIONRT_NOT_FIXED` if the planner may
    /// choose. Left out: the planner chooses all.
    pub fixed_offset: orionrt_column,
    /// `size_t`: the number of the tensor whose bytes it lies within, as a view does, or
    /// `ORIONRT_NONE` if it has its own. Left out: all have their own.
    pub root: orionrt_column,
    /// `uint64_t`: where in the root it begins, in bytes. Left out: at its first byte.
    pub root_offset: orionrt_column,
    /// `const char *`: its name in UTF-8, each one once. Left out: "0", "1", "2" and so on.
    pub name: orionrt_column,
}

/// "Not fixed" in a column of fixed offsets: the largest `uint64_t`.
///
/// cbindgen:ignore
pub const ORIONRT_NOT_FIXED: u64 = u64::MAX;

/// A value that a column may have: any bytes make one.
pub(crate) trait Number: Copy {}

impl Number for i64 {}
impl Number for u64 {}
impl Number for usize {}
impl Number for *const c_char {}

/// A column whose pointer and length were checked.
pub(crate) struct Column<T> {
    data: *const u8,
    stride: usize,
    count: usize,
    values: PhantomData<T>,
}

impl<T: Number> Column<T> {
    /// A column of `count` values; `None` if it is left out.
    ///
    /// # Safety
    /// The column is left out, or its values are there and stay as they are as long as this one.
    pub(crate) unsafe fn new(
        column: orionrt_column,
        count: usize,
        what: &str,
    ) -> Result<Option<Self>, Failure> {
        if column.data.is_null() {
            return Ok(None);
        }
        let size = size_of::<T>();
        let stride = match column.stride {
            0 => size,
            stride if stride < size => {
                let what = format!("the stride of {what}");
                let expected = format!("0, or at least {size} bytes");
                return Err(Failure::invalid(&what, stride, &expected));
            }
            stride => stride,
        };
        check_length(count, stride, what)?;
        Ok(Some(Self {
            data: column.data.cast(),
            stride,
            count,
            values: PhantomData,
        }))
    }

    /// A column of `count` values, which may be left out if there are none.
    ///
    /// # Safety
    /// As for [`new`](Self::new).
    pub(crate) unsafe fn needed(
        column: orionrt_column,
        count: usize,
        what: &str,
    ) -> Result<Self, Failure> {
        // SAFETY: the caller says of the column what `new` asks for.
        match unsafe { Self::new(column, count, what) }? {
            Some(column) => Ok(column),
            None if count > 0 => Err(Failure::null(what)),
            None => Ok(Self {
                data: std::ptr::dangling(),
                stride: 0,
                count,
                values: PhantomData,
            }),
        }
    }

    /// The value at a position.
    pub(crate) fn get(&self, index: usize) -> T {
        assert!(index < self.count, "a position within the column");
        // SAFETY: `new` checked that all strides together are bytes that memory can have, and its
        // caller says that a value is at each of them. Any bytes are a value, aligned or not.
        unsafe {
            self.data
                .add(index * self.stride)
                .cast::<T>()
                .read_unaligned()
        }
    }
}
