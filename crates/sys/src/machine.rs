//! What the machine has, and how much of it the process may use.

#![forbid(unsafe_code)]

use crate::os::{Os, System};

/// The bytes of memory and swap space together; `None` where the system does not tell. Allocates
/// nothing.
///
/// ```
/// if let Some(bytes) = orionrt_sys::machine::memory_and_swap() {
///     assert!(bytes > 1 << 20);
/// }
/// ```
#[must_use]
pub fn memory_and_swap() -> Option<u64> {
    Os::memory_and_swap()
}

/// How many bytes of address space the process may have; `None` where there is no limit, or the
/// system does not tell. Allocates nothing.
///
/// ```
/// let limit = orionrt_sys::machine::address_space_limit();
/// assert!(limit.is_none_or(|bytes| bytes > 1 << 20));
/// ```
#[must_use]
pub fn address_space_limit() -> Option<u64> {
    Os::address_space_limit()
}

/// How much address space to reserve for memory of which nobody knows yet how much is needed, in
/// bytes: a power of two.
///
/// It is at least twice the memory and swap space of the machine, so that free space between blocks
/// does no harm; but at most `most`, and at most a quarter of the address space that the process
/// may have, because others need some, too. Where the system does not tell, it is `most`. Allocates
/// nothing.
///
/// ```
/// let bytes = orionrt_sys::machine::reservation(1 << 30);
/// assert!(bytes.is_power_of_two() && bytes <= 1 << 30);
/// ```
#[must_use]
pub fn reservation(most: usize) -> usize {
    reservation_for(memory_and_swap(), address_space_limit(), most)
}

fn reservation_for(memory: Option<u64>, limit: Option<u64>, most: usize) -> usize {
    let most = most.max(1);
    let useful = memory.and_then(|bytes| bytes.checked_mul(2)?.checked_next_power_of_two());
    let allowed = limit.map_or(u64::MAX, |bytes| bytes / 4).max(1);
    let bytes = useful.unwrap_or(u64::MAX).min(allowed);
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).min(most);
    1 << bytes.ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_reservation_is_twice_the_memory_within_a_quarter_of_the_limit() {
        let mib = |memory, limit| reservation_for(memory, limit, 64 << 20) >> 20;
        assert_eq!(mib(Some(23 * MIB), None), 64);
        assert_eq!(mib(Some(8 * MIB), None), 16);
        assert_eq!(mib(Some(9 * MIB), None), 32);
        assert_eq!(mib(Some(4096 * MIB), None), 64);
        assert_eq!(mib(None, None), 64);
        assert_eq!(mib(Some(23 * MIB), Some(100 * MIB)), 16);
        assert_eq!(mib(Some(u64::MAX), Some(u64::MAX)), 64);
    }

    #[test]
    fn it_is_never_zero() {
        assert_eq!(reservation_for(Some(0), Some(0), 0), 1);
        assert_eq!(reservation_for(None, Some(100_000_000), 64 << 20), 16 << 20);
    }
}
