//! A tensor of a plan.
//!
//! Stands on `parts`. Plain values.

use orionrt::{Plan, TensorId};
use pyo3::{
    prelude::*,
    types::{PyRange, PyType},
};

use crate::parts::{Window, windows};

/// A tensor of a plan: where it is, and when it is alive. Offsets, sizes and alignments are in
/// bytes, and steps are half-open.
#[pyclass(frozen, eq, hash, get_all, skip_from_py_object, module = "orionrt")]
#[derive(Clone, PartialEq, Hash)]
pub(crate) struct Tensor {
    /// The name.
    name: String,
    /// The offset in bytes from the start of the planned region.
    offset: u64,
    /// The size in bytes.
    size: u64,
    /// The first step at which the tensor is alive.
    lower: i64,
    /// The first step at which the tensor is no longer alive.
    upper: i64,
    /// The power of two, in bytes, that the offset is a multiple of.
    alignment: u64,
    /// The offset that was asked for, if any was.
    fixed_offset: Option<u64>,
    /// The name of the tensor that this one lies within, and where in its bytes it begins; `None`
    /// for a tensor with bytes of its own.
    within: Option<(String, u64)>,
    /// Steps of the lifetime at which the bytes are not needed, as pairs `(lower, upper)`.
    gaps: Vec<(i64, i64)>,
    /// Where only some bytes are needed at some steps: all that is needed, as steps and bytes
    /// `(lower, upper, first, end)`, counted from the start of the tensor. Empty for a tensor that
    /// is needed whole whenever it is alive.
    windows: Vec<Window>,
}

impl Tensor {
    /// The tensor of a plan, if the plan has it.
    pub(crate) fn of(plan: &Plan, id: TensorId) -> Option<Self> {
        let lifetimes = plan.lifetimes();
        let row = lifetimes.get(id)?;
        let name = |id| lifetimes.name(id).unwrap_or_default().to_string();
        Some(Self {
            name: name(id),
            offset: plan.offset(id)?,
            size: row.size,
            lower: row.lower,
            upper: row.upper,
            alignment: row.alignment,
            fixed_offset: row.fixed_offset,
            within: row.within.map(|within| (name(within.root), within.offset)),
            gaps: lifetimes.gaps(id).map(|gap| (gap.start, gap.end)).collect(),
            windows: windows(lifetimes, id),
        })
    }
}

/// The fields of a tensor, from its name to its windows.
type Fields = (
    String,
    u64,
    u64,
    i64,
    i64,
    u64,
    Option<u64>,
    Option<(String, u64)>,
    Vec<(i64, i64)>,
    Vec<Window>,
);

#[pymethods]
impl Tensor {
    /// The bytes of the tensor in the planned region.
    #[getter]
    fn bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyRange>> {
        PyRange::new(py, self.offset as isize, (self.offset + self.size) as isize)
    }

    /// The steps at which the tensor is alive, gaps included.
    #[getter]
    fn steps<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyRange>> {
        PyRange::new(py, self.lower as isize, self.upper as isize)
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Fields)> {
        let this = slf.get().clone();
        let fields = (
            this.name,
            this.offset,
            this.size,
            this.lower,
            this.upper,
            this.alignment,
            this.fixed_offset,
            this.within,
            this.gaps,
            this.windows,
        );
        Ok((slf.get_type().getattr("_from_pickle")?, fields))
    }

    /// The tensor that `__reduce__` has taken apart; pickles of earlier versions have no windows.
    #[classmethod]
    #[pyo3(signature = (
        name, offset, size, lower, upper, alignment, fixed_offset, within, gaps, windows=vec![]
    ))]
    #[allow(clippy::too_many_arguments)]
    fn _from_pickle(
        _class: &Bound<'_, PyType>,
        name: String,
        offset: u64,
        size: u64,
        lower: i64,
        upper: i64,
        alignment: u64,
        fixed_offset: Option<u64>,
        within: Option<(String, u64)>,
        gaps: Vec<(i64, i64)>,
        windows: Vec<Window>,
    ) -> Self {
        Self {
            name,
            offset,
            size,
            lower,
            upper,
            alignment,
            fixed_offset,
            within,
            gaps,
            windows,
        }
    }

    fn __repr__(&self) -> String {
        let Self {
            name,
            offset,
            size,
            lower,
            upper,
            ..
        } = self;
        format!("<Tensor {name:?}: {size} bytes at {offset}, alive in steps {lower}..{upper}>")
    }
}
