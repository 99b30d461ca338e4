//! Planned memory: an arena whose tensors are lent to views, one at a time for each byte.
//!
//! Stands on `buffers`, `plan` and `raise`. A slot holds the claim on its tensor's bytes, and every
//! view of it (a `memoryview`, an array of NumPy) holds the slot. So the bytes are free again when
//! the last view is gone.
//!
//! ```text
//! arena ◄── slot ◄── ndarray ◄── ndarray[1:]      another tensor with these bytes is refused
//! ```
//!
//! Invariant: two slots that share a byte are never held at the same time, and memory is not
//! returned before the last slot.

use std::{
    ffi::c_int,
    mem::{ManuallyDrop, MaybeUninit},
    ptr::NonNull,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use orionrt::{
    Arena, TensorId, TensorPool,
    slots::{OwnedSlot, SlotBox, SlotError},
};
use pyo3::{
    exceptions::{PyBufferError, PyKeyError},
    ffi,
    prelude::*,
    sync::MutexExt,
    types::PyList,
};

use crate::{
    buffers::{Elements, lend},
    plan::PyPlan,
    raise::Exception,
};

/// The bytes of a tensor, and the claim on them.
type Bytes = SlotBox<MaybeUninit<u8>, Arc<TensorPool<Arena>>>;

/// A plan in memory: one region of `plan.peak` bytes from the operating system that never moves.
///
/// `arena[name]` lends the bytes of a tensor as a `Slot`. While it or a view of it is alive, a
/// tensor that shares bytes with it is refused with a `LeaseError`. The bytes are those that the
/// last tensor left there; those of a new arena are zero.
#[pyclass(frozen, mapping, name = "Arena", module = "orionrt")]
pub(crate) struct PyArena {
    pool: Arc<TensorPool<Arena>>,
    plan: Py<PyPlan>,
}

#[pymethods]
impl PyArena {
    /// An arena for a plan. `pinned` locks its pages in memory, `prefault` makes them resident at
    /// once, `huge_pages` asks for pages of 2 MiB, and `numa_node` chooses where they come from.
    #[new]
    #[pyo3(signature = (plan, *, pinned=false, prefault=false, huge_pages=false, numa_node=None))]
    fn new(
        py: Python<'_>,
        plan: Py<PyPlan>,
        pinned: bool,
        prefault: bool,
        huge_pages: bool,
        numa_node: Option<u32>,
    ) -> PyResult<Self> {
        let refused = |message: String| Exception::new(py, "ArenaError", message).error();
        let planned = Arc::clone(&plan.get().plan);
        let size = |bytes: u64| {
            let message = format!("{bytes} bytes are more than this machine can address");
            usize::try_from(bytes).map_err(|_| refused(message))
        };
        let capacity = size(planned.peak())?.max(1);
        let mut builder = Arena::builder().capacity(capacity);
        builder = builder.base_alignment(size(planned.alignment())?);
        builder = builder.pinned(pinned).prefault(prefault);
        if huge_pages {
            builder = builder.huge_pages(true);
        }
        if let Some(node) = numa_node {
            builder = builder.numa_node(node);
        }
        let pool = py.detach(|| {
            let arena = builder.build().map_err(|error| error.to_string())?;
            TensorPool::new(arena, &planned).map_err(|error| error.to_string())
        });
        let pool = Arc::new(pool.map_err(refused)?);
        Ok(Self { pool, plan })
    }

    /// The plan.
    #[getter]
    fn plan(&self, py: Python<'_>) -> Py<PyPlan> {
        self.plan.clone_ref(py)
    }

    /// The size of the region in bytes.
    #[getter]
    fn size(&self) -> usize {
        self.pool.region_bytes()
    }

    /// The address of the region: a tensor is at this address plus its offset.
    #[getter]
    fn address(&self) -> usize {
        self.pool.base().addr().get()
    }

    /// The names of the tensors that are lent now.
    #[getter]
    fn live(&self) -> Vec<String> {
        let all = self.pool.plan().lifetimes().iter();
        let live = all.filter(|(id, ..)| self.pool.is_live(*id));
        live.map(|(_, name, _)| name.to_string()).collect()
    }

    fn __getitem__(&self, py: Python<'_>, name: &str) -> PyResult<Slot> {
        let id = self.plan.get().find(name);
        let id = id.ok_or_else(|| PyKeyError::new_err(name.to_string()))?;
        let slot = self.pool.owned_slot(id).and_then(OwnedSlot::uninit);
        match slot {
            Ok(bytes) => Ok(Slot::new(name, bytes)),
            Err(error) => Err(self.refused(py, id, name, &error)),
        }
    }

    fn __contains__(&self, name: &Bound<'_, PyAny>) -> bool {
        let name = name.extract::<&str>();
        name.is_ok_and(|name| self.plan.get().find(name).is_some())
    }

    fn __len__(&self) -> usize {
        self.pool.plan().len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let names = self.pool.plan().lifetimes().iter().map(|(_, name, _)| name);
        Ok(PyList::new(py, names)?.try_iter()?.into_any())
    }

    fn __repr__(&self) -> String {
        let (size, count, live) = (self.size(), self.pool.plan().len(), self.count_live());
        format!("<Arena: {size} bytes for {count} tensors, of which {live} are lent>")
    }
}

impl PyArena {
    fn count_live(&self) -> usize {
        let ids = self.pool.plan().lifetimes().iter().map(|(id, ..)| id);
        ids.filter(|id| self.pool.is_live(*id)).count()
    }

    /// Why a tensor is not lent.
    fn refused(&self, py: Python<'_>, id: TensorId, name: &str, error: &SlotError) -> PyErr {
        let by = match error {
            SlotError::InUse { by, .. } => by.clone(),
            _ => None,
        };
        let exception = Exception::new(py, "LeaseError", error).with("name", name);
        exception.with("by", by).with("id", id.index()).error()
    }
}

/// The bytes of a tensor in an arena, with the buffer protocol: `numpy.asarray(slot)` has them as
/// `uint8`, and `slot.view(dtype)` as elements of any type.
///
/// They are lent until the last view of them is gone, or until `release`. At the end of a `with`
/// block there are no new views, and the bytes are given back with the last one.
#[pyclass(frozen, module = "orionrt")]
pub(crate) struct Slot {
    name: String,
    shape: [ffi::Py_ssize_t; 1],
    state: Mutex<State>,
}

struct State {
    lease: Option<Lease>,
    views: usize,
    /// Whether a `with` block has ended: there are no new views, and the lease goes with the last.
    is_closed: bool,
}

impl Slot {
    fn new(name: &str, bytes: Bytes) -> Self {
        let lease = Some(Lease::new(bytes));
        let count = lease.as_ref().map_or(0, |lease| lease.bytes.len());
        Self {
            name: name.to_string(),
            // The bytes of an allocation, which are at most `isize::MAX`.
            shape: [count as ffi::Py_ssize_t],
            state: Mutex::new(State {
                lease,
                views: 0,
                is_closed: false,
            }),
        }
    }

    fn state(&self, py: Python<'_>) -> MutexGuard<'_, State> {
        let state = self.state.lock_py_attached(py);
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Slot {
    /// The name of the tensor.
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    /// The size in bytes.
    #[getter]
    fn nbytes(&self) -> isize {
        self.shape[0]
    }

    /// Whether the bytes are still lent.
    #[getter]
    fn live(&self, py: Python<'_>) -> bool {
        self.state(py).lease.is_some()
    }

    /// The bytes as a one-dimensional array of NumPy: `slot.view(numpy.float32).reshape(2, 3)`.
    #[pyo3(signature = (dtype=None))]
    fn view<'py>(
        slf: &Bound<'py, Self>,
        dtype: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let numpy = slf.py().import("numpy")?;
        let bytes = numpy.call_method1("asarray", (slf,))?;
        match dtype {
            Some(dtype) => bytes.call_method1("view", (dtype,)),
            None => Ok(bytes),
        }
    }

    /// Gives the bytes back before the slot is gone. Raises a `BufferError` while a view has them.
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        let views = {
            let mut state = self.state(py);
            if state.views == 0 {
                state.lease = None;
            }
            state.views
        };
        match views {
            0 => Ok(()),
            _ => Err(PyBufferError::new_err(format!(
                "tensor '{}' has {views} views",
                self.name
            ))),
        }
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Never raises, so that an exception of the block comes out: while a view has the bytes, they
    /// are given back with the last one.
    fn __exit__(
        &self,
        py: Python<'_>,
        _kind: &Bound<'_, PyAny>,
        _value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) {
        let mut state = self.state(py);
        state.is_closed = true;
        if state.views == 0 {
            state.lease = None;
        }
    }

    fn __len__(&self) -> usize {
        self.shape[0] as usize
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let state = if self.live(py) { "" } else { ", released" };
        format!("<Slot {:?}: {} bytes{state}>", self.name, self.shape[0])
    }

    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let this = slf.get();
        let bytes = {
            let mut state = this.state(slf.py());
            let lease = state.lease.as_ref().filter(|_| !state.is_closed);
            let bytes = lease.map(|lease| lease.bytes);
            state.views += usize::from(bytes.is_some());
            bytes
        };
        let Some(bytes) = bytes else {
            let message = format!("tensor '{}' was released", this.name);
            return Err(PyBufferError::new_err(message));
        };
        let elements = Elements {
            start: bytes.cast().as_ptr(),
            format: c"B",
            item_bytes: 1,
            shape: &this.shape,
            strides: STRIDES,
            is_writable: true,
        };
        // SAFETY: Python calls this with a view to fill in. The bytes stay claimed while the slot
        // lives, as a slot with views is not released; its shape is its own.
        let lent = unsafe { lend(slf.clone().into_any(), &elements, view, flags) };
        if lent.is_err() {
            this.end_view(slf.py());
        }
        lent
    }

    unsafe fn __releasebuffer__(&self, py: Python<'_>, _view: *mut ffi::Py_buffer) {
        self.end_view(py);
    }
}

impl Slot {
    /// One view fewer; the last one after a `with` block takes the lease with it.
    fn end_view(&self, py: Python<'_>) {
        let mut state = self.state(py);
        state.views -= 1;
        if state.views == 0 && state.is_closed {
            state.lease = None;
        }
    }
}

/// The bytes from one element to the next one.
const STRIDES: &[ffi::Py_ssize_t; 1] = &[1];

/// A claim on the bytes of a tensor. They are used through `bytes` alone.
struct Lease {
    bytes: NonNull<[MaybeUninit<u8>]>,
    slot: ManuallyDrop<OwnedSlot>,
}

/// The rest of a lease may change threads by itself.
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<OwnedSlot>();
};

// SAFETY: the claim makes the bytes this lease's alone, and the slot is `Send`.
unsafe impl Send for Lease {}

impl Lease {
    fn new(bytes: Bytes) -> Self {
        let (bytes, slot) = Bytes::into_raw_with_allocator(bytes);
        // SAFETY: it comes from a box.
        let bytes = unsafe { NonNull::new_unchecked(bytes) };
        let slot = ManuallyDrop::new(slot);
        Self { bytes, slot }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // SAFETY: the slot is taken once, here.
        let slot = unsafe { ManuallyDrop::take(&mut self.slot) };
        // SAFETY: both come from one box, which `new` has taken apart. No view has the bytes: each
        // holds the slot object that this lease belongs to.
        drop(unsafe { Bytes::from_raw_in(self.bytes.as_ptr(), slot) });
    }
}
