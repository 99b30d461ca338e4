//! A system that refuses calls, each call for each reason, once and for ever.
//!
//! Checked: what is only an optimisation is done without; anything else is an error of the right
//! type. There is no panic and no wrong content, and once the system grants calls again, everything
//! works. Faults are injected, so every machine refuses alike; `tests/seccomp.rs` has a kernel do
//! it.
#![cfg(any(target_os = "linux", windows))]

mod scenarios;

use std::alloc::System;

use orionrt::{ArenaError, OrionAlloc, ReplayAlloc};
use orionrt_sys::mapping::{
    MapCall,
    faults::{self, Call, Refusal},
};
use scenarios::{BACKINGS, Backing, arenas, use_arena, use_heap, use_sessions};

/// Error numbers that say that the call is forbidden, and that there is no memory.
#[cfg(target_os = "linux")]
const FORBIDDEN_AND_NO_MEMORY: [i32; 2] = [libc::EPERM, libc::ENOMEM];
/// `ERROR_ACCESS_DENIED` and `ERROR_COMMITMENT_LIMIT`.
#[cfg(windows)]
const FORBIDDEN_AND_NO_MEMORY: [i32; 2] = [5, 1455];

/// Whether pages are written to where a call that makes them resident is refused so.
#[cfg(target_os = "linux")]
fn is_written_instead(error_number: i32) -> bool {
    ![libc::ENOMEM, libc::EFAULT, libc::EHWPOISON].contains(&error_number)
}

/// There is no such call.
#[cfg(windows)]
fn is_written_instead(_error_number: i32) -> bool {
    false
}

/// Whether a program does not notice that a call is refused for such a reason.
fn is_optional(call: Call, error_number: i32) -> bool {
    match call {
        Call::HugePages | Call::NoHugePages | Call::Unlock => true,
        Call::Move | Call::MachineMemory => true,
        Call::Populate => is_written_instead(error_number),
        _ => false,
    }
}

/// Calls `scenario` with each call refused for each reason: always, and the first few times alone.
fn refuse_each(mut scenario: impl FnMut(Call, i32, Refusal)) {
    for call in Call::ALL {
        for &number in call.error_numbers() {
            let refusal = Refusal::of(call).with_error_number(number);
            scenario(call, number, refusal.clone());
            if FORBIDDEN_AND_NO_MEMORY.contains(&number) {
                (0..4).for_each(|only| scenario(call, number, refusal.clone().only(only)));
            }
        }
    }
}

/// Whether this process may lock as much memory as the scenarios do.
fn may_lock() -> bool {
    arenas().all(|arena| use_arena(arena).is_ok())
}

#[test]
fn arenas_do_without_what_they_can_do_without() {
    let may_lock = may_lock();
    for (number_of_arena, builder) in arenas().enumerate() {
        refuse_each(|call, number, refusal| {
            faults::refuse(refusal.clone());
            let outcome = use_arena(builder.clone());
            faults::refuse_after(None);
            let said = || format!("arena {number_of_arena}: {refusal:?}: {outcome:?}");
            match &outcome {
                Ok(refused) => assert!(*refused == 0 || !is_optional(call, number), "{}", said()),
                Err(ArenaError::Memory(error)) if may_lock || error.call() != MapCall::Lock => {
                    assert!(!is_optional(call, number), "{}", said());
                    assert_eq!(error.raw_os_error(), Some(number), "{}", said());
                }
                Err(ArenaError::Memory(_)) => {}
                Err(ArenaError::CannotBind { .. }) => assert_eq!(call, Call::Bind),
                Err(_) => panic!("{}", said()),
            }
        });
        let now = use_arena(builder);
        assert!(!may_lock || now == Ok(0), "{now:?}");
    }
}

#[test]
fn heaps_do_without_what_they_can_do_without() {
    refuse_each(|call, number, refusal| {
        let alloc = OrionAlloc::new().with_first_zone(8 << 20);
        faults::refuse(refusal.clone());
        let refused = use_heap(&alloc, || faults::refuse(refusal.clone()));
        faults::refuse_after(None);
        // Pages that the system does not take back are used again.
        let is_optional = is_optional(call, number) || call == Call::Discard;
        assert!(refused == 0 || !is_optional, "{refusal:?}: {refused}");
        assert_eq!(use_heap(&alloc, || {}), 0, "after {refusal:?}");
    });
}

#[test]
fn sessions_do_without_what_they_can_do_without() {
    let pinned = Backing {
        is_pinned: true,
        ..BACKINGS[0]
    };
    let may_lock = use_sessions(&ReplayAlloc::new(System), pinned).0 == 0;
    let backings = BACKINGS
        .iter()
        .filter(|backing| may_lock || !backing.is_pinned);
    for &backing in backings {
        refuse_each(|call, number, refusal| {
            let alloc = ReplayAlloc::new(System);
            faults::refuse(refusal.clone());
            let (refused, hits) = use_sessions(&alloc, backing);
            faults::refuse_after(None);
            let said = format!("{backing:?}: {refusal:?}: {refused} refused, {hits} hits");
            if is_optional(call, number) || call == Call::Discard {
                assert!(refused == 0 && hits > 0, "{said}");
            }
            let (refused, hits) = use_sessions(&alloc, backing);
            assert!(refused == 0 && hits > 0, "after {said}: {refused}, {hits}");
        });
    }
}
