//! The buffer protocol: numbers that come in, and memory that is lent to views.
//!
//! Stands on `errors` and `raise`. A column of numbers is read as a whole, without an object for
//! each of them. Invariant: memory that is lent stays where it is as long as the object that lends
//! it lives, and each view holds that object.

use std::ffi::{CStr, c_int, c_void};

use pyo3::{
    buffer::{Element, ElementType, PyUntypedBuffer},
    exceptions::{PyBufferError, PyTypeError},
    ffi,
    prelude::*,
};

use crate::{errors::column_error, raise::instead};

/// Steps from a buffer of whole numbers.
pub(crate) fn steps(py: Python<'_>, name: &str, column: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
    match Numbers::read(py, name, column)? {
        Numbers::Signed(numbers) => Ok(numbers),
        Numbers::Unsigned(numbers) => converted(numbers, |row, number| {
            refused(py, name, row, number, "a number below 2^63")
        }),
    }
}

/// Bytes from a buffer of whole numbers.
pub(crate) fn bytes(py: Python<'_>, name: &str, column: &Bound<'_, PyAny>) -> PyResult<Vec<u64>> {
    whole_numbers(py, name, column, |row, number| {
        refused(py, name, row, number, "a number of bytes, 0 or more")
    })
}

/// Numbers of a buffer, of which `negative` refuses one below 0.
pub(crate) fn whole_numbers(
    py: Python<'_>,
    name: &str,
    column: &Bound<'_, PyAny>,
    negative: impl Fn(usize, i64) -> PyErr,
) -> PyResult<Vec<u64>> {
    match Numbers::read(py, name, column)? {
        Numbers::Signed(numbers) => converted(numbers, negative),
        Numbers::Unsigned(numbers) => Ok(numbers),
    }
}

fn converted<F: Copy, T: TryFrom<F>>(
    numbers: Vec<F>,
    refused: impl Fn(usize, F) -> PyErr,
) -> PyResult<Vec<T>> {
    let each = numbers.into_iter().enumerate();
    let each = each.map(|(row, number)| T::try_from(number).map_err(|_| refused(row, number)));
    each.collect()
}

/// A number that no row may have.
fn refused(
    py: Python<'_>,
    name: &str,
    row: usize,
    number: impl std::fmt::Display,
    expected: &str,
) -> PyErr {
    let message = format!("row {row}: {name} is {number}, expected {expected}");
    column_error(py, row, name, message)
}

/// Whole numbers of any width.
enum Numbers {
    Signed(Vec<i64>),
    Unsigned(Vec<u64>),
}

impl Numbers {
    fn read(py: Python<'_>, name: &str, column: &Bound<'_, PyAny>) -> PyResult<Self> {
        let refused = |found: &str| {
            let expected = "expected a one-dimensional buffer of whole numbers";
            PyTypeError::new_err(format!("{name}: {expected}, such as int64; found {found}"))
        };
        let buffer = PyUntypedBuffer::get(column).map_err(|error| {
            let kind = column.get_type().name().map(|name| name.to_string());
            instead(py, error, || refused(&kind.unwrap_or_default()))
        })?;
        if buffer.dimensions() != 1 {
            return Err(refused(&format!("{} dimensions", buffer.dimensions())));
        }
        if buffer.item_count() == 0 {
            // Of no elements, the address may be any.
            return Ok(Self::Unsigned(Vec::new()));
        }
        match ElementType::from_format(buffer.format()) {
            ElementType::SignedInteger { bytes: 8 } => signed::<i64>(py, buffer),
            ElementType::SignedInteger { bytes: 4 } => signed::<i32>(py, buffer),
            ElementType::SignedInteger { bytes: 2 } => signed::<i16>(py, buffer),
            ElementType::SignedInteger { bytes: 1 } => signed::<i8>(py, buffer),
            ElementType::UnsignedInteger { bytes: 8 } => unsigned::<u64>(py, buffer),
            ElementType::UnsignedInteger { bytes: 4 } => unsigned::<u32>(py, buffer),
            ElementType::UnsignedInteger { bytes: 2 } => unsigned::<u16>(py, buffer),
            ElementType::UnsignedInteger { bytes: 1 } => unsigned::<u8>(py, buffer),
            _ => {
                let format = buffer.format().to_string_lossy().into_owned();
                Err(refused(&format!("elements of the format '{format}'")))
            }
        }
    }
}

fn signed<T: Element + Into<i64>>(py: Python<'_>, buffer: PyUntypedBuffer) -> PyResult<Numbers> {
    let numbers = buffer.into_typed::<T>()?.to_vec(py)?;
    Ok(Numbers::Signed(numbers.into_iter().map(T::into).collect()))
}

fn unsigned<T: Element + Into<u64>>(py: Python<'_>, buffer: PyUntypedBuffer) -> PyResult<Numbers> {
    let numbers = buffer.into_typed::<T>()?.to_vec(py)?;
    Ok(Numbers::Unsigned(
        numbers.into_iter().map(T::into).collect(),
    ))
}

/// A row of elements that is lent to views.
pub(crate) struct Elements<'a> {
    /// The first element.
    pub(crate) start: *mut c_void,
    /// The format of an element, as in the module `struct`.
    pub(crate) format: &'static CStr,
    /// The bytes of an element.
    pub(crate) item_bytes: isize,
    /// The number of elements, at an address that stays.
    pub(crate) shape: &'a [ffi::Py_ssize_t; 1],
    /// The bytes from one element to the next one, at an address that stays.
    pub(crate) strides: &'a [ffi::Py_ssize_t; 1],
    /// Whether views may write.
    pub(crate) is_writable: bool,
}

/// Fills in the view that Python asks for.
///
/// # Safety
/// `view` is Python's. The elements, their shape and their strides stay where they are as long as
/// `owner` lives.
pub(crate) unsafe fn lend(
    owner: Bound<'_, PyAny>,
    elements: &Elements<'_>,
    view: *mut ffi::Py_buffer,
    flags: c_int,
) -> PyResult<()> {
    if view.is_null() {
        return Err(PyBufferError::new_err("no view to fill in"));
    }
    let wants = |flag: c_int| flags & flag == flag;
    if wants(ffi::PyBUF_WRITABLE) && !elements.is_writable {
        return Err(PyBufferError::new_err("the elements cannot be written"));
    }
    let pointer = |wanted: bool, values: &[ffi::Py_ssize_t; 1]| match wanted {
        true => values.as_ptr().cast_mut(),
        false => std::ptr::null_mut(),
    };
    let format = match wants(ffi::PyBUF_FORMAT) {
        true => elements.format.as_ptr().cast_mut(),
        false => std::ptr::null_mut(),
    };
    // SAFETY: `view` is not null and Python's to be filled in (caller). What it points to lives as
    // long as `owner`, of which the view gets a reference.
    unsafe {
        (*view).buf = elements.start;
        (*view).len = elements.shape[0] * elements.item_bytes;
        (*view).readonly = c_int::from(!elements.is_writable);
        (*view).itemsize = elements.item_bytes;
        (*view).format = format;
        (*view).ndim = 1;
        (*view).shape = pointer(wants(ffi::PyBUF_ND), elements.shape);
        (*view).strides = pointer(wants(ffi::PyBUF_STRIDES), elements.strides);
        (*view).suboffsets = std::ptr::null_mut();
        (*view).internal = std::ptr::null_mut();
        (*view).obj = owner.into_ptr();
    }
    Ok(())
}
