//! Any use of a pool's slots: an allocation succeeds exactly when its bytes are free, and contents survive.
#![no_main]

use allocator_api2::vec::Vec as SlotVec;
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use orionrt::{Arena, Lifetimes, Planner, Slot, TensorId, TensorPool};

#[derive(Arbitrary, Debug)]
enum Op {
    Allocate(u16, u16),
    Grow(u8, u16),
    Shrink(u8, u16),
    Drop(u8),
}

#[derive(Arbitrary, Debug)]
struct Case {
    rows: Vec<(u8, u8, u16)>,
    fallback: bool,
    ops: Vec<Op>,
}

fuzz_target!(|case: Case| {
    let rows = case.rows.iter().take(200).enumerate();
    let rows = rows.map(|(i, &(lower, length, size))| {
        (
            i.to_string(),
            i64::from(lower),
            i64::from(lower) + i64::from(length),
            u64::from(size),
            1,
        )
    });
    let lifetimes = Lifetimes::from_rows(rows).expect("small rows");
    let plan = Planner::new().nodes(1000).plan(&lifetimes).expect("a plan");
    let arena = Arena::builder().capacity(32 << 20).build().expect("32 MiB");
    let pool = if case.fallback {
        TensorPool::with_fallback(&arena, &plan)
    } else {
        TensorPool::new(&arena, &plan)
    }
    .expect("room");
    let mut live: Vec<(TensorId, SlotVec<u8, Slot<'_, &Arena>>)> = Vec::new();
    for op in case.ops {
        match op {
            Op::Allocate(tensor, size) if !plan.is_empty() => {
                let id = TensorId::new(u32::from(tensor) % plan.len() as u32);
                let Ok(slot) = pool.slot(id) else { continue };
                let (size, planned) = (usize::from(size), slot.planned_bytes());
                let mut v = SlotVec::new_in(slot);
                let blocked = pool.in_the_way(id).is_some();
                let got = v.try_reserve_exact(size);
                let expected = size == 0
                    || if size <= planned {
                        !blocked
                    } else {
                        case.fallback
                    };
                assert_eq!(got.is_ok(), expected);
                if got.is_ok() {
                    v.resize(size, id.index() as u8);
                    live.push((id, v));
                }
            }
            Op::Grow(index, more) if !live.is_empty() => {
                let index = usize::from(index) % live.len();
                let (id, v) = &mut live[index];
                if v.try_reserve_exact(more.into()).is_ok() {
                    v.resize(v.len() + usize::from(more), id.index() as u8);
                }
            }
            Op::Shrink(index, size) if !live.is_empty() => {
                let index = usize::from(index) % live.len();
                let v = &mut live[index].1;
                v.truncate(size.into());
                v.shrink_to_fit();
            }
            Op::Drop(index) if !live.is_empty() => {
                let index = usize::from(index) % live.len();
                let (id, v) = live.swap_remove(index);
                assert!(v.iter().all(|&byte| byte == id.index() as u8));
            }
            _ => {}
        }
    }
    for (id, v) in &live {
        assert!(v.iter().all(|&byte| byte == id.index() as u8));
    }
});
