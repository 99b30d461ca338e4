//! Mappings, against the kernel that runs the tests.

use super::*;

#[test]
fn a_mapping_is_aligned_zero_and_writable_once_committed() {
    let mapping = Mapping::reserve(100, 1 << 24).unwrap();
    assert_eq!(mapping.base().addr().get() % (1 << 24), 0);
    assert_eq!(mapping.len(), PAGE);
    mapping.commit(0..1).unwrap();
    let byte = mapping.base();
    // SAFETY: committed above, owned by this test alone.
    unsafe {
        assert_eq!(byte.read(), 0);
        byte.write(7);
        mapping.prefault(0..PAGE).unwrap();
        // Where there is no call for it, a byte of each page is written.
        assert!(byte.read() == 7 || !cfg!(target_os = "linux"));
        assert_eq!(mapping.discard(1..PAGE), Ok(PAGE - page_size()));
        assert_eq!(mapping.discard(0..PAGE), Ok(PAGE));
        assert_eq!(byte.read(), 0);
    }
}

#[test]
fn too_much_address_space_is_an_error() {
    let much = if cfg!(target_pointer_width = "64") {
        usize::MAX / 16 + 1
    } else {
        3 << 30
    };
    let error = Mapping::reserve(much, PAGE).unwrap_err();
    assert_eq!((error.call(), error.bytes()), (MapCall::Reserve, much));
    assert!(Mapping::reserve(usize::MAX, PAGE).is_err());
}

/// Writes all of page `at` of a test's own mapping.
#[cfg(target_os = "linux")]
fn fill(mapping: &Mapping, at: usize, byte: u8) {
    // SAFETY: the test has committed the page and refers to no byte of it.
    unsafe { mapping.base().add(at * PAGE).write_bytes(byte, PAGE) };
}

/// The last byte of page `at`.
#[cfg(target_os = "linux")]
fn last(mapping: &Mapping, at: usize) -> u8 {
    // SAFETY: the test has committed the page.
    unsafe { mapping.base().add(at * PAGE + PAGE - 1).read() }
}

fn committed(pages: usize) -> Mapping {
    let mapping = Mapping::reserve(pages * PAGE, PAGE).unwrap();
    mapping.commit(0..mapping.len()).unwrap();
    mapping
}

#[cfg(target_os = "linux")]
#[test]
fn moved_pages_arrive_and_leave_zeros() {
    let mapping = committed(16);
    for at in 0..16 {
        fill(&mapping, at, at as u8 + 1);
    }
    // SAFETY: this test's own mapping, and no reference into it is alive.
    unsafe { mapping.remap(PAGE..4 * PAGE, 9 * PAGE) }.unwrap();
    let firsts: Vec<u8> = (0..16).map(|at| last(&mapping, at)).collect();
    assert_eq!(firsts, [1, 0, 0, 0, 5, 6, 7, 8, 9, 2, 3, 4, 13, 14, 15, 16]);
    fill(&mapping, 1, 1);
    fill(&mapping, 9, 1);
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_moved_stays() {
    let mapping = committed(8);
    fill(&mapping, 0, 7);
    for (from, to) in [
        (0..PAGE + 1, 4 * PAGE),
        (0..PAGE, 4 * PAGE + 1),
        (0..2 * PAGE, PAGE),
        (0..PAGE, 8 * PAGE),
        (0..PAGE, usize::MAX & !(PAGE - 1)),
    ] {
        // SAFETY: this test's own mapping, and no reference into it is alive.
        let error = unsafe { mapping.remap(from, to) }.unwrap_err();
        assert_eq!(error.refusal().call(), MapCall::Move);
        assert!(!error.is_target_lost());
    }
    for refused in 0..2 {
        faults::refuse_only(refused);
        // SAFETY: as above.
        let error = unsafe { mapping.remap(0..PAGE, 4 * PAGE) }.unwrap_err();
        let refusal = error.refusal();
        assert_eq!((refusal.call(), refusal.bytes()), (MapCall::Move, PAGE));
        // Once the second step is refused, nobody knows what is at the target.
        assert_eq!(error.is_target_lost(), refused == 1);
        faults::refuse_after(None);
        assert_eq!((last(&mapping, 0), last(&mapping, 4)), (7, 0));
    }
    // SAFETY: as above.
    unsafe { mapping.remap(0..PAGE, 4 * PAGE) }.unwrap();
    assert_eq!((last(&mapping, 0), last(&mapping, 4)), (0, 7));
}

#[test]
fn every_call_can_be_refused() {
    faults::refuse_after(Some(0));
    assert!(Mapping::reserve(PAGE, PAGE).is_err());
    faults::refuse_after(None);
    let mapping = committed(4);
    // Windows commits pages and then makes them accessible.
    assert_eq!(faults::calls_made(), if cfg!(windows) { 3 } else { 2 });
    faults::refuse_after(Some(0));
    let all = 0..mapping.len();
    let outcomes = [
        mapping.commit(all.clone()),
        mapping.advise_huge(all.clone()),
        mapping.advise_nohuge(all.clone()),
        mapping.lock(all.clone()),
        mapping.bind(all.clone(), 0),
        // SAFETY: this test's own mapping, and no reference into it is alive.
        unsafe { mapping.prefault(all.clone()) },
        // SAFETY: as above.
        unsafe { mapping.discard(all.clone()) }.map(drop),
        // SAFETY: as above.
        unsafe { mapping.protect(all.clone(), true) },
        // SAFETY: as above.
        unsafe { mapping.remap(0..PAGE, PAGE) }.map_err(|error| error.refusal()),
    ];
    assert_eq!(faults::calls_made(), outcomes.len());
    assert!(outcomes.iter().all(Result::is_err));
    faults::refuse_after(None);
}

/// Pages become resident by the call or, whatever else a system says than that there is no memory,
/// by being written to.
#[cfg(target_os = "linux")]
#[test]
fn pages_become_resident_where_the_call_for_it_is_forbidden() {
    use faults::{Call, Refusal};

    let mapping = committed(4);
    for &number in Call::Populate.error_numbers() {
        faults::refuse(Refusal::of(Call::Populate).with_error_number(number));
        // SAFETY: this test's own mapping, and no reference into it is alive.
        let outcome = unsafe { mapping.prefault(0..mapping.len()) };
        assert_eq!(faults::calls_made(), 1);
        faults::refuse_after(None);
        let has_no_memory = [libc::ENOMEM, libc::EFAULT, libc::EHWPOISON].contains(&number);
        assert_eq!(outcome.is_err(), has_no_memory, "{number}");
        if let Err(error) = outcome {
            assert_eq!(error.raw_os_error(), Some(number));
            assert_eq!(error.is_out_of_memory(), number == libc::ENOMEM);
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_refusal_concerns_its_kind_of_call_alone() {
    use faults::{Call, Refusal};

    let mapping = committed(4);
    let all = 0..mapping.len();
    let refusal = Refusal::of(Call::Lock).with_error_number(libc::EPERM);
    faults::refuse(refusal.only(1));
    let outcomes = [(); 3].map(|()| {
        mapping.advise_nohuge(all.clone()).unwrap();
        mapping.lock(all.clone())
    });
    assert_eq!(faults::calls_made(), 3);
    faults::refuse_after(None);
    let error = outcomes[1].unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EPERM));
    // The others were up to the machine.
    assert!(outcomes[0] == outcomes[2]);
}
