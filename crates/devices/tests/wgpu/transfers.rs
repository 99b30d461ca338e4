//! Transfers to and from ranges of a block.

use std::sync::{Arc, Mutex};

use orionrt_devices::{
    DeviceArena, DeviceMemory, DeviceMemoryError, StreamId, StreamOrder, wgpu::WgpuMemory,
};
use orionrt_plan::{Lifetimes, Planner, TensorId};
use proptest::prelude::*;

use crate::{
    refusal::refusal,
    support::{device, distance},
};

#[test]
fn transfers_keep_every_byte_and_their_neighbours() {
    let Some(device) = device() else { return };
    let apart = distance(&device);
    let block = 16 * apart;
    // Chunks of 200 bytes, so that many transfers go in several pieces.
    let memory = WgpuMemory::with_staging(&device, block, 200).unwrap();
    let whole = memory.buffer(0..block).unwrap();
    let mut expected = vec![0xa5_u8; block as usize];
    memory.upload(&whole, &expected).unwrap();

    let transfer = (0..16_u64, 0..=apart, any::<u8>());
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(24));
    let expected = Mutex::new(&mut expected);
    let checked = runner.run(&transfer, |(index, size, value)| {
        let (start, size) = (index * apart, size as usize);
        let buffer = memory.buffer(start..start + size as u64).unwrap();
        let data: Vec<u8> = (0..size).map(|at| value.wrapping_add(at as u8)).collect();
        memory.upload(&buffer, &data).unwrap();
        // A copy has a multiple of 4 bytes: up to 3 zeros follow, in the alignment's padding.
        let mut expected = expected.lock().unwrap();
        let (start, padded) = (start as usize, size.next_multiple_of(4));
        expected[start..start + padded].fill(0);
        expected[start..start + size].copy_from_slice(&data);

        let mut part = vec![0; size];
        memory.download(&buffer, &mut part).unwrap();
        prop_assert_eq!(part, data);
        let mut all = vec![0; block as usize];
        memory.download(&whole, &mut all).unwrap();
        prop_assert_eq!(&all, &**expected);
        Ok(())
    });
    checked.unwrap();
}

#[test]
fn ranges_and_slices_that_do_not_fit_are_refused() {
    let Some(device) = device() else { return };
    let apart = distance(&device);
    let memory = WgpuMemory::new(&device, 2 * apart).unwrap();
    let ranges = [(apart, 2 * apart + 4), (u64::MAX, u64::MAX), (apart, 0)];
    for (start, end) in ranges {
        let (error, block) = (memory.buffer(start..end).unwrap_err(), 2 * apart);
        assert_eq!(error, DeviceMemoryError::OutOfBlock { start, end, block });
    }
    let aligned = refusal(memory.buffer(4..apart));
    assert!(
        aligned.contains("does not begin at a multiple of"),
        "{aligned}"
    );

    let x = memory.buffer(0..8).unwrap();
    let long = memory.upload(&x, &[0_u8; 9]).unwrap_err();
    assert_eq!(long, DeviceMemoryError::OtherSize { range: 8, given: 9 });
    let short = memory.download(&x, &mut [0_u32]).unwrap_err();
    assert_eq!(short, DeviceMemoryError::OtherSize { range: 8, given: 4 });
    let other = WgpuMemory::new(&device, 64).unwrap();
    let foreign = refusal(other.upload(&x, &[0_u8; 8]));
    assert!(foreign.ends_with("of another block"), "{foreign}");
    memory.upload(&x, &[0_u64]).unwrap();
}

#[test]
fn a_plan_of_tensors_with_odd_sizes_is_laid_into_an_arena() {
    let Some(device) = device() else { return };
    let align = device.properties().plan_alignment();
    // `c` has the bytes of `a`.
    let rows = [
        ("a", 0, 1, 37, align),
        ("b", 0, 2, 6, align),
        ("c", 1, 2, 35, align),
    ];
    let plan = Planner::new()
        .plan(&Lifetimes::from_rows(rows).unwrap())
        .unwrap();
    let [a, b, c] = [0, 1, 2].map(TensorId::new);
    let arena = DeviceArena::new(WgpuMemory::new(&device, 1 << 16).unwrap()).unwrap();
    let queue = StreamId::new(0);
    let pool = arena.pool(&plan, &StreamOrder::new(1)).unwrap();
    let memory = arena.memory();
    let (first, other) = (pool.slot(a, queue).unwrap(), pool.slot(b, queue).unwrap());
    memory.upload(first.buffer(), &[1_u8; 37]).unwrap();
    memory.upload(other.buffer(), &[2_u8; 6]).unwrap();
    assert!(pool.slot(c, queue).is_err());
    let mut data = [0_u8; 37];
    memory.download(first.buffer(), &mut data).unwrap();
    assert_eq!(data, [1; 37]);
    drop(first);
    let last = pool.slot(c, queue).unwrap();
    memory.upload(last.buffer(), &[3_u8; 35]).unwrap();
    let mut data = [0_u8; 6];
    memory.download(other.buffer(), &mut data).unwrap();
    assert_eq!(data, [2; 6]);
    for data in [&[3_u8; 32][..], &[3; 37]] {
        let error = memory.upload(last.buffer(), data).unwrap_err();
        assert!(
            matches!(error, DeviceMemoryError::OtherSize { .. }),
            "{error}"
        );
    }
}

#[test]
fn threads_share_a_block() {
    let Some(device) = device() else { return };
    let apart = distance(&device);
    let memory = Arc::new(WgpuMemory::with_staging(&device, 4 * apart, 16).unwrap());
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let memory = Arc::clone(&memory);
            scope.spawn(move || {
                let start = u64::from(thread) * apart;
                let buffer = memory.buffer(start..start + apart).unwrap();
                for round in 0..16 {
                    let data = vec![thread * 16 + round; apart as usize];
                    memory.upload(&buffer, &data).unwrap();
                    let mut back = vec![0; apart as usize];
                    memory.download(&buffer, &mut back).unwrap();
                    assert_eq!(back, data);
                }
            });
        }
    });
}
