//! What only a system call can show: mappings against the system that runs the tests.

use windows_sys::Win32::System::Memory::{
    MEM_COMMIT, MEM_RESERVE, MEMORY_BASIC_INFORMATION, VirtualQuery,
};

use super::*;
use crate::{
    mapping::{MapCall, Mapping, PAGE},
    os::faults::{self, Refusal},
};

fn committed(pages: usize) -> Mapping {
    let mapping = Mapping::reserve(pages * PAGE, PAGE).unwrap();
    mapping.commit(0..mapping.len()).unwrap();
    mapping
}

/// The state of a page, and the access to it.
fn page(mapping: &Mapping, number: usize) -> (u32, u32) {
    // SAFETY: integers and a pointer: zeros are a value.
    let mut page: MEMORY_BASIC_INFORMATION = unsafe { mem::zeroed() };
    // SAFETY: the tests stay inside of their mappings.
    let start = unsafe { mapping.base().add(number * PAGE) };
    // SAFETY: writes to `page` alone, whose size it is told.
    let told = unsafe { VirtualQuery(start.as_ptr().cast(), &raw mut page, size_of_val(&page)) };
    assert_eq!(told, size_of_val(&page));
    (page.State, page.Protect)
}

fn write(mapping: &Mapping, number: usize, byte: u8) {
    // SAFETY: the test has committed the page and refers to no byte of it.
    unsafe { mapping.base().add(number * PAGE).write(byte) };
}

fn read(mapping: &Mapping, number: usize) -> u8 {
    // SAFETY: the test has committed the page.
    unsafe { mapping.base().add(number * PAGE).read() }
}

#[test]
fn addresses_are_aligned_without_reserving_more() {
    for align in [1 << 21, 1 << 26, 1 << 28] {
        let start = reserve::reserve_aligned(PAGE, align, ANY_NODE).unwrap();
        assert_eq!(start.addr().get() % align, 0);
        let second = reserve::reserve_aligned(PAGE, align, ANY_NODE).unwrap();
        assert_ne!(start, second);
        for start in [start, second] {
            // SAFETY: reserved above, and used by nobody.
            unsafe { Windows::release(Pages { start, len: PAGE }) };
        }
    }
}

#[test]
fn a_mapping_is_addresses_before_it_is_committed_and_after_it_is_decommitted() {
    let mapping = Mapping::reserve(4 * PAGE, 1 << 20).unwrap();
    assert_eq!(page(&mapping, 1).0, MEM_RESERVE);
    mapping.commit(PAGE..3 * PAGE).unwrap();
    let states = [0, 1, 2, 3].map(|number| page(&mapping, number).0);
    assert_eq!(states, [MEM_RESERVE, MEM_COMMIT, MEM_COMMIT, MEM_RESERVE]);
    for number in [1, 2] {
        write(&mapping, number, 5);
    }
    // SAFETY: this test's own mapping, and no reference into it is alive.
    unsafe { mapping.decommit(PAGE..2 * PAGE) }.unwrap();
    assert_eq!(page(&mapping, 1).0, MEM_RESERVE);
    mapping.commit(PAGE..2 * PAGE).unwrap();
    assert_eq!([1, 2].map(|number| read(&mapping, number)), [0, 5]);
}

#[test]
fn a_node_is_chosen_for_a_whole_reservation() {
    let mapping = Mapping::reserve_on_node(3 * PAGE, 1 << 21, 0).unwrap();
    assert_eq!(mapping.base().addr().get() % (1 << 21), 0);
    assert_eq!(
        [0, 2].map(|number| page(&mapping, number).0),
        [MEM_RESERVE; 2]
    );
    mapping.commit(0..mapping.len()).unwrap();
    write(&mapping, 2, 4);
    assert_eq!([0, 2].map(|number| read(&mapping, number)), [0, 4]);
}

/// A heap's table of kinds begins as zeros that can only be read, and becomes writable in part.
#[test]
fn pages_that_can_only_be_read_become_writable() {
    let mapping = Mapping::reserve(3 * PAGE, PAGE).unwrap();
    // SAFETY: nothing is committed.
    unsafe { mapping.commit_read_only(0..mapping.len()) }.unwrap();
    assert_eq!([0, 1, 2].map(|number| read(&mapping, number)), [0; 3]);
    mapping.commit(0..2 * PAGE).unwrap();
    let access = [0, 1, 2].map(|number| page(&mapping, number).1);
    assert_eq!(access, [PAGE_READWRITE, PAGE_READWRITE, PAGE_READONLY]);
    write(&mapping, 1, 7);
    mapping.commit(0..2 * PAGE).unwrap();
    assert_eq!(read(&mapping, 1), 7);
}

#[test]
fn a_guard_page_keeps_its_bytes() {
    let mapping = committed(4);
    write(&mapping, 1, 3);
    // SAFETY: this test's own mapping, and no reference into it is alive.
    unsafe { mapping.protect(PAGE..2 * PAGE, false) }.unwrap();
    let access = [0, 1, 2].map(|number| page(&mapping, number).1);
    assert_eq!(access, [PAGE_READWRITE, PAGE_NOACCESS, PAGE_READWRITE]);
    // SAFETY: as above.
    unsafe { mapping.protect(PAGE..2 * PAGE, true) }.unwrap();
    assert_eq!(read(&mapping, 1), 3);
}

#[test]
fn discarded_pages_stay_committed_and_read_as_zeros() {
    let pages = 3 << 20 >> 12;
    let mapping = committed(pages + 2);
    for number in 0..pages + 2 {
        write(&mapping, number, 9);
    }
    // SAFETY: this test's own mapping, and no reference into it is alive.
    unsafe { mapping.discard(PAGE..(pages + 1) * PAGE) }.unwrap();
    for number in 1..=pages {
        assert_eq!(
            (page(&mapping, number).0, read(&mapping, number)),
            (MEM_COMMIT, 0)
        );
    }
    assert_eq!([0, pages + 1].map(|number| read(&mapping, number)), [9, 9]);
    write(&mapping, 1, 1);
}

/// What is refused in one step of several leaves the mapping as usable as it was.
#[test]
fn each_step_of_a_call_can_be_refused() {
    let mapping = Mapping::reserve(4 << 20, PAGE).unwrap();
    let all = 0..mapping.len();
    // Pages are committed, then made accessible.
    for step in 0..2 {
        faults::refuse(Refusal::of(Call::Protect).only(step));
        let error = mapping.commit(all.clone()).unwrap_err();
        assert_eq!(faults::calls_made(), step + 1);
        assert_eq!(error.call(), MapCall::Commit);
    }
    faults::refuse_after(None);
    mapping.commit(all.clone()).unwrap();
    // Memory goes back by the mebibyte: the last one is refused.
    (0..1024).for_each(|number| write(&mapping, number, 9));
    faults::refuse(Refusal::of(Call::Discard).only(0));
    // SAFETY: this test's own mapping, and no reference into it is alive.
    let error = unsafe { mapping.discard(all.clone()) }.unwrap_err();
    assert_eq!((error.call(), faults::calls_made()), (MapCall::Discard, 1));
    assert!((0..1024).all(|number| page(&mapping, number).0 == MEM_COMMIT));
    assert!((0..1024).all(|number| read(&mapping, number) == 0));
    write(&mapping, 0, 1);
    faults::refuse(Refusal::of(Call::Map).only(0));
    // SAFETY: as above.
    let error = unsafe { mapping.decommit(all.clone()) }.unwrap_err();
    faults::refuse_after(None);
    assert_eq!(
        (error.call(), page(&mapping, 0).0),
        (MapCall::Reserve, MEM_COMMIT)
    );
    // SAFETY: as above.
    unsafe { mapping.decommit(all) }.unwrap();
    assert_eq!(page(&mapping, 0).0, MEM_RESERVE);
}

/// An aligned reservation is made in three calls: a larger one, its release, and one inside of it.
#[test]
fn each_step_of_a_reservation_can_be_refused() {
    let reserve = || Mapping::reserve(1 << 20, 4 << 20);
    for call in 0..2 {
        faults::refuse(Refusal::of(Call::Map).only(call));
        // Without room for more, addresses are tried one after the other; and where another thread
        // was faster, again.
        assert_eq!(reserve().unwrap().base().addr().get() % (4 << 20), 0);
    }
    for calls in 0..2 {
        faults::refuse(Refusal::of(Call::Map).after(calls));
        let error = reserve().unwrap_err();
        assert_eq!(error.call(), MapCall::Reserve);
        assert!(error.is_out_of_memory(), "{error}");
    }
    faults::refuse_after(None);
}

/// The system refuses nothing else at once: what is never locked is not unlocked.
#[test]
fn pages_that_are_not_locked_may_be_unlocked() {
    let mapping = committed(2);
    mapping.unlock(0..mapping.len()).unwrap();
}

#[test]
fn what_the_system_lacks_is_refused_as_such() {
    let mapping = committed(4);
    let all = 0..mapping.len();
    // SAFETY: this test's own mapping, and no reference into it is alive.
    let moved = unsafe { mapping.remap(0..PAGE, PAGE) }.unwrap_err();
    assert!(moved.refusal().is_unsupported() && !moved.is_target_lost());
    for error in [
        mapping.advise_huge(all.clone()).unwrap_err(),
        mapping.bind(all.clone(), 0).unwrap_err(),
    ] {
        assert!(error.is_unsupported() && error.is_missing(), "{error}");
    }
    mapping.advise_nohuge(all).unwrap();
}

#[test]
fn the_machine_has_memory_addresses_and_nodes() {
    assert!(Windows::memory_and_swap().unwrap() > 1 << 20);
    assert!(Windows::address_space_limit().unwrap() > 1 << 20);
    assert!(Windows::online_nodes().unwrap().starts_with("0-"));
    assert!(Windows::lock_limit().unwrap() > 0);
}

#[test]
fn the_clock_runs_forward() {
    let start = Windows::monotonic();
    std::thread::sleep(Duration::from_millis(2));
    assert!(Windows::monotonic() > start);
}

#[test]
fn a_reservation_that_is_too_large_is_for_lack_of_addresses() {
    for len in [usize::MAX / 16, usize::MAX & !(PAGE - 1)] {
        let error = Mapping::reserve(len, PAGE).unwrap_err();
        assert!(error.is_out_of_memory(), "{error}");
    }
}
