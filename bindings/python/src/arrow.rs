//! Columns of numbers for libraries that speak Arrow: polars, pyarrow, DuckDB.
//!
//! Stands on nothing of this package. The structures are those of Arrow's C data interface, handed
//! over in capsules as its PyCapsule interface says. Invariant: an array keeps its numbers alive
//! until it is released, which may happen on any thread and without the interpreter.

use std::{
    ffi::{CStr, c_char, c_void},
    ptr::{null, null_mut},
    sync::Arc,
};

use pyo3::{prelude::*, types::PyCapsule};

/// The type of an array; see <https://arrow.apache.org/docs/format/CDataInterface.html>.
#[repr(C)]
struct ArrowSchema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    n_children: i64,
    children: *mut *mut ArrowSchema,
    dictionary: *mut ArrowSchema,
    release: Option<unsafe extern "C" fn(*mut ArrowSchema)>,
    private_data: *mut c_void,
}

/// An array: its numbers, and what keeps them alive.
#[repr(C)]
struct ArrowArray {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *mut *const c_void,
    children: *mut *mut ArrowArray,
    dictionary: *mut ArrowArray,
    release: Option<unsafe extern "C" fn(*mut ArrowArray)>,
    private_data: *mut c_void,
}

// SAFETY: what the pointers of a schema point to is never changed.
unsafe impl Send for ArrowSchema {}
// SAFETY: an array owns what its pointers point to, which any thread may use and free.
unsafe impl Send for ArrowArray {}

/// What keeps the numbers of an array alive, and the list of its buffers.
struct Held<T> {
    _owner: Arc<T>,
    /// The validity of each number, which is left out as there are no nulls, and the numbers.
    buffers: [*const c_void; 2],
}

/// Numbers of 8 bytes that an owner keeps where they are.
pub(crate) struct Numbers<T> {
    pub(crate) owner: Arc<T>,
    /// The first number.
    pub(crate) start: *const c_void,
    pub(crate) count: usize,
    /// `l` for numbers with a sign, `L` for those without.
    pub(crate) format: &'static CStr,
}

/// The capsules of a schema and of an array.
pub(crate) type Capsules<'py> = (Bound<'py, PyCapsule>, Bound<'py, PyCapsule>);

/// The capsules of some numbers.
///
/// # Safety
/// `start` points to `count` numbers of that format, which stay there and as they are as long as
/// `owner` has an owner.
pub(crate) unsafe fn capsules<'py, T: Send + Sync + 'static>(
    py: Python<'py>,
    numbers: Numbers<T>,
) -> PyResult<Capsules<'py>> {
    let schema = ArrowSchema {
        format: numbers.format.as_ptr(),
        name: c"".as_ptr(),
        metadata: null(),
        flags: 0,
        n_children: 0,
        children: null_mut(),
        dictionary: null_mut(),
        release: Some(release_schema),
        private_data: null_mut(),
    };
    let held = Box::into_raw(Box::new(Held {
        _owner: numbers.owner,
        buffers: [null(), numbers.start],
    }));
    let array = ArrowArray {
        length: numbers.count as i64,
        null_count: 0,
        offset: 0,
        n_buffers: 2,
        n_children: 0,
        // SAFETY: `held` was just made, and nobody else has it yet.
        buffers: unsafe { (*held).buffers.as_mut_ptr() },
        children: null_mut(),
        dictionary: null_mut(),
        release: Some(release_array::<T>),
        private_data: held.cast(),
    };
    Ok((
        PyCapsule::new_with_value(py, schema, c"arrow_schema")?,
        PyCapsule::new_with_value(py, array, c"arrow_array")?,
    ))
}

/// Releases a schema, which owns nothing.
unsafe extern "C" fn release_schema(schema: *mut ArrowSchema) {
    // SAFETY: whoever releases a schema hands over a valid pointer to it.
    unsafe { (*schema).release = None };
}

/// Releases an array.
unsafe extern "C" fn release_array<T>(array: *mut ArrowArray) {
    // SAFETY: whoever releases an array hands over a valid pointer to it, once; its private data is
    // what `capsules` made for it.
    unsafe {
        drop(Box::from_raw((*array).private_data.cast::<Held<T>>()));
        (*array).release = None;
    }
}

impl Drop for ArrowArray {
    /// A capsule is dropped with its array, unless a reader has moved that out of it.
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: the array has not been released, and nobody else has it.
            unsafe { release(self) };
        }
    }
}
