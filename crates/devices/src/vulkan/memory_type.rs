//! The memory type of a block.
//!
//! Invariant: a type is chosen whose heap is large enough for the block, if an allowed one has such
//! a heap and the flags that the block cannot do without.

use ash::vk::{self, MemoryPropertyFlags as Flags};

/// Where a block is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// In the device's fastest memory, if a heap of it is large enough.
    Device,
    /// In memory that the host can map, rather where it reads fast, and always where it needs not
    /// flush.
    Host,
}

/// The memory type for a block of `bytes` bytes among those of the bit set `allowed`: of the types
/// with large enough heaps the first with all that is wished; if no heap is large enough, the first
/// at all, for the error to name its heap.
pub(super) fn memory_type(
    memory: &vk::PhysicalDeviceMemoryProperties,
    allowed: u32,
    bytes: u64,
    home: Home,
) -> Option<u32> {
    let mapped = Flags::HOST_VISIBLE | Flags::HOST_COHERENT;
    let wishes = match home {
        Home::Device => [Flags::DEVICE_LOCAL, Flags::empty()],
        Home::Host => [mapped | Flags::HOST_CACHED, mapped],
    };
    let types = || {
        let types = (0_u32..).zip(memory.memory_types_as_slice());
        let allowed = types.filter(|(index, _)| allowed & (1 << index) != 0);
        let usable = allowed.filter(|(_, kind)| is_usable(kind.property_flags));
        wishes.into_iter().flat_map(move |flags| {
            let wished = usable.clone();
            wished.filter(move |(_, kind)| kind.property_flags.contains(flags))
        })
    };
    let enough = |&(index, _): &(u32, _)| heap_of(memory, index) >= Some(bytes);
    let found = types().find(enough).or_else(|| types().next());
    found.map(|(index, _)| index)
}

/// The size of the heap of a memory type.
pub(super) fn heap_of(
    memory: &vk::PhysicalDeviceMemoryProperties,
    memory_type: u32,
) -> Option<u64> {
    let heap = heap_number(memory, memory_type)?;
    memory
        .memory_heaps_as_slice()
        .get(heap)
        .map(|heap| heap.size)
}

/// The number of the heap of a memory type.
pub(super) fn heap_number(
    memory: &vk::PhysicalDeviceMemoryProperties,
    memory_type: u32,
) -> Option<usize> {
    let memory_type = memory.memory_types_as_slice().get(memory_type as usize)?;
    Some(memory_type.heap_index as usize)
}

/// Whether kernels and copies of ordinary queues can use memory of a type, without features that a
/// device has to be made with.
fn is_usable(flags: Flags) -> bool {
    !flags.intersects(Flags::PROTECTED | Flags::LAZILY_ALLOCATED | Flags::DEVICE_COHERENT_AMD)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;
    const LOCAL: Flags = Flags::DEVICE_LOCAL;
    const MAPPED: Flags =
        Flags::from_raw(Flags::HOST_VISIBLE.as_raw() | Flags::HOST_COHERENT.as_raw());
    const CACHED: Flags = Flags::from_raw(MAPPED.as_raw() | Flags::HOST_CACHED.as_raw());

    /// Types with their flags and heaps, whose sizes are given.
    fn memory(types: &[(Flags, u32)], heaps: &[u64]) -> vk::PhysicalDeviceMemoryProperties {
        let mut memory = vk::PhysicalDeviceMemoryProperties::default();
        for (to, &(property_flags, heap_index)) in memory.memory_types.iter_mut().zip(types) {
            *to = vk::MemoryType {
                property_flags,
                heap_index,
            };
        }
        for (to, &size) in memory.memory_heaps.iter_mut().zip(heaps) {
            to.size = size;
        }
        memory.memory_type_count = types.len() as u32;
        memory.memory_heap_count = heaps.len() as u32;
        memory
    }

    #[test]
    fn a_type_with_a_large_enough_heap_is_chosen() {
        // A small window of fast memory, the host's memory, and all of the fast memory.
        let types = [
            (LOCAL | MAPPED, 0),
            (MAPPED, 1),
            (CACHED, 1),
            (LOCAL, 2),
            (LOCAL | Flags::PROTECTED, 1),
        ];
        let memory = memory(&types, &[GIB / 4, 32 * GIB, 8 * GIB]);
        let all = 0b11111;
        let cases = [
            (all, GIB / 8, Home::Device, Some(0)),
            // A later type of the same sort.
            (all, GIB, Home::Device, Some(3)),
            // Other memory, as the fastest has not enough.
            (all, 10 * GIB, Home::Device, Some(1)),
            // None has enough.
            (all, 64 * GIB, Home::Device, Some(0)),
            (0b10000, GIB, Home::Device, None),
            (0b00110, GIB, Home::Device, Some(1)),
            (all, GIB / 8, Home::Host, Some(2)),
            (0b01011, GIB, Home::Host, Some(1)),
            (0b01001, GIB / 8, Home::Host, Some(0)),
            (0b01000, GIB / 8, Home::Host, None),
        ];
        for (allowed, bytes, home, expected) in cases {
            let found = memory_type(&memory, allowed, bytes, home);
            assert_eq!(found, expected, "{allowed:b} {bytes} {home:?}");
        }
    }
}
