//! What only a system call can show: mappings against the kernel that runs the tests.

use orionrt_testing::machine::skipped;

use super::*;
use crate::{
    mapping::{MapCall, Mapping, PAGE},
    os::posix::reserve::reserve_aligned,
};

fn committed(pages: usize) -> Mapping {
    let mapping = Mapping::reserve(pages * PAGE, PAGE).unwrap();
    mapping.commit(0..mapping.len()).unwrap();
    mapping
}

/// Page number `page` of a mapping.
fn page(mapping: &Mapping, page: usize) -> Pages {
    // SAFETY: the tests stay inside of their mappings.
    let start = unsafe { mapping.base().add(page * PAGE) };
    Pages { start, len: PAGE }
}

fn write(page: Pages, byte: u8) {
    // SAFETY: the test has committed the page and refers to no byte of it.
    unsafe { page.start.write(byte) };
}

fn read(page: Pages) -> u8 {
    // SAFETY: the test has committed the page.
    unsafe { page.start.read() }
}

#[test]
fn addresses_are_aligned_without_reserving_more() {
    for align in [1 << 21, 1 << 29, 1 << 30] {
        let start = reserve_aligned(PAGE, align).unwrap();
        assert_eq!(start.addr().get() % align, 0);
        let second = reserve_aligned(PAGE, align).unwrap();
        assert_ne!(start, second);
        for start in [start, second] {
            // SAFETY: reserved above, and used by nobody.
            unsafe { Linux::release(Pages { start, len: PAGE }) };
        }
    }
}

/// A refused move may leave a hole, which must become part of the mapping again.
#[test]
fn a_hole_is_remapped_and_nothing_else_is_touched() {
    let mapping = committed(4);
    let [hole, neighbour] = [1, 2].map(|number| page(&mapping, number));
    write(neighbour, 9);
    // SAFETY: the page is this test's own; no reference into it is alive.
    unsafe { mm::munmap(at(hole), PAGE) }.unwrap();
    assert!(remap_hole(hole));
    assert!(!remap_hole(neighbour), "whose it is cannot be known");
    assert_eq!((read(hole), read(neighbour)), (0, 9));
}

/// Whether the kernel can read a byte of this process.
fn is_readable(address: NonNull<u8>) -> bool {
    let mut byte = 0u8;
    let one = |base: *mut u8| libc::iovec {
        iov_base: base.cast(),
        iov_len: 1,
    };
    let (local, remote) = (one(&raw mut byte), one(address.as_ptr()));
    // SAFETY: writes to `byte` alone; the kernel copies from the address, or refuses.
    let copied = unsafe {
        libc::process_vm_readv(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0)
    };
    copied == 1
}

#[test]
fn a_guard_page_keeps_its_bytes() {
    let mapping = committed(4);
    write(page(&mapping, 1), 3);
    // SAFETY: this test's own mapping, and no reference into it is alive.
    unsafe { mapping.protect(PAGE..2 * PAGE, false) }.unwrap();
    let readable = [0, 1, 2].map(|number| is_readable(page(&mapping, number).start));
    assert_eq!(readable, [true, false, true]);
    // SAFETY: as above.
    unsafe { mapping.protect(PAGE..2 * PAGE, true) }.unwrap();
    assert_eq!(read(page(&mapping, 1)), 3);
    // SAFETY: as above.
    let error = unsafe { mapping.protect(1..PAGE, false) }.unwrap_err();
    assert_eq!(error.call(), MapCall::Protect);
}

#[test]
fn decommitted_pages_have_no_access_and_come_back_as_zeros() {
    let mapping = committed(4);
    for number in [1, 2] {
        write(page(&mapping, number), 5);
    }
    // SAFETY: this test's own mapping, and no reference into it is alive.
    unsafe { mapping.decommit(PAGE..2 * PAGE) }.unwrap();
    assert!(!is_readable(page(&mapping, 1).start));
    mapping.commit(PAGE..2 * PAGE).unwrap();
    assert_eq!([1, 2].map(|number| read(page(&mapping, number))), [0, 5]);
}

/// Kernels without NUMA do not have the call, and containers may forbid it.
#[test]
fn memory_binds_to_a_node_that_exists() {
    let mapping = Mapping::reserve(PAGE, PAGE).unwrap();
    if let Err(error) = mapping.bind(0..PAGE, 0) {
        let unavailable = [Errno::NOSYS, Errno::PERM].map(|errno| Some(errno.raw_os_error()));
        assert!(unavailable.contains(&error.raw_os_error()), "{error}");
        skipped(error);
    }
    mapping.commit(0..PAGE).unwrap();
    write(page(&mapping, 0), 1);
}

#[test]
fn memory_does_not_bind_to_a_node_that_does_not_exist() {
    let mapping = committed(1);
    for node in [63, 1023, 1024, u32::MAX] {
        let error = mapping.bind(0..PAGE, node).unwrap_err();
        assert_eq!((error.call(), error.bytes()), (MapCall::Bind, PAGE));
    }
}
