//! Python's mappings, and the views of their keys, values and items.
//!
//! Stands on nothing. Python's own views need of a mapping that it can be iterated, indexed and
//! counted.

use pyo3::{PyTypeInfo, prelude::*};

/// Makes a class one of Python's mappings.
pub(crate) fn register<T: PyTypeInfo>(py: Python<'_>) -> PyResult<()> {
    let mapping = py.import("collections.abc")?.getattr("Mapping")?;
    mapping.call_method1("register", (py.get_type::<T>(),))?;
    Ok(())
}

/// A view of a mapping: `KeysView`, `ValuesView` or `ItemsView`.
pub(crate) fn view<'py>(mapping: &Bound<'py, PyAny>, kind: &str) -> PyResult<Bound<'py, PyAny>> {
    let views = mapping.py().import("collections.abc")?;
    views.getattr(kind)?.call1((mapping,))
}
