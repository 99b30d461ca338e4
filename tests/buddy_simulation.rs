//! `Lifetimes::simulate_buddy` against a real arena: both reach the same peak.

use orionrt::{Arena, Lifetimes, lifetimes::Lifetime};
use proptest::prelude::*;

/// The highest end of a grant in a real arena.
fn peak_in_an_arena(rows: &[Lifetime]) -> u64 {
    let arena = Arena::builder().capacity(1 << 20).build().unwrap();
    let mut held: Vec<_> = rows.iter().map(|_| None).collect();
    let mut peak = 0;
    for step in -5..60 {
        for (held, _) in held
            .iter_mut()
            .zip(rows)
            .filter(|(_, row)| row.upper == step)
        {
            *held = None;
        }
        let born = |row: &Lifetime| row.lower == step && row.occupies();
        for (held, row) in held.iter_mut().zip(rows).filter(|(_, row)| born(row)) {
            let bytes = row.size as usize;
            let bytes = allocator_api2::vec::Vec::<u8, _>::with_capacity_in(bytes, &arena);
            let offset = bytes.as_ptr().addr() - arena.base().addr().get();
            peak = peak.max(offset as u64 + row.size.next_multiple_of(64));
            *held = Some(bytes);
        }
    }
    peak
}

proptest! {
    #[test]
    fn an_arena_with_room_to_spare_has_the_peak_of_the_simulation(
        rows in prop::collection::vec((-5i64..30, 0i64..12, 0u64..5000), 1..60),
    ) {
        let rows = rows.iter().enumerate();
        let rows = rows.map(|(i, &(lower, length, size))| {
            (i.to_string(), lower, lower + length, size, 1)
        });
        let lifetimes = Lifetimes::from_rows(rows).unwrap();
        let simulated = lifetimes.simulate_buddy(64).unwrap().peak;
        prop_assert_eq!(simulated, peak_in_an_arena(lifetimes.rows()));
    }
}
