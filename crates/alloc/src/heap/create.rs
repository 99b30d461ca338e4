//! Making a heap: in a mapping of its own, and known to `fork` from the start.

use super::{config::Config, fork, heap::Heap, limits::Limits};
use orionrt_sys::mapping::Mapping;

impl Heap {
    /// Makes a heap that stays for ever; `None` if there is no memory. To be called within
    /// [`fork::with_heaps_locked`].
    #[cold]
    pub(crate) fn create(config: Config) -> Option<&'static Self> {
        let mut config = config;
        if config.limits.block == usize::MAX {
            config.limits.block = Limits::block_of_this_machine();
        }
        let mapping = Mapping::reserve(size_of::<Self>(), align_of::<Self>()).ok()?;
        let bytes = mapping.len();
        mapping.commit(0..mapping.len()).ok()?;
        let memory = mapping.base().cast::<Self>();
        core::mem::forget(mapping);
        // SAFETY: new memory of the right size and alignment, zero, and kept for ever.
        let heap = unsafe {
            Self::write_to(memory.as_ptr(), config);
            memory.as_ref()
        };
        heap.pages.with(|pages| pages.note_tables(bytes));
        fork::register(heap);
        Some(heap)
    }
}
