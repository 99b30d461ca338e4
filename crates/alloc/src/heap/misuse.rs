//! The end of a process that has given back memory which is not allocated: going on could hand out memory in use.

use super::depot::Misuse;

/// Memory was given back that is not allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign;

impl From<Misuse> for Foreign {
    fn from(_: Misuse) -> Self {
        Self
    }
}

const FOREIGN: &str = "orionrt: memory was given back that this allocator has not allocated (freed twice, or with another layout)\n";

/// Says why on stderr and ends the process, without allocating or unwinding.
#[cold]
pub fn die<T>(_: Foreign) -> T {
    orionrt_sys::process::abort_with(FOREIGN)
}
