//! Any use of a pool's slots: an allocation succeeds exactly if its bytes are free, a transfer
//! exactly if the new owners lie within the tensor, apart from each other; contents survive.
#![no_main]

use allocator_api2::vec::Vec as SlotVec;
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use orionrt::{
    Arena, Lifetimes, Planner, TensorId, TensorPool,
    lifetimes::Lifetime,
    slots::{Slot, SlotBox},
};
use orionrt_testing::slot_oracle::can_split;

#[derive(Arbitrary, Debug)]
enum Op {
    Allocate(u16, u16),
    Grow(u8, u16),
    Shrink(u8, u16),
    Drop(u8),
    Transfer(u8, Vec<u16>),
}

#[derive(Arbitrary, Debug)]
struct Case {
    rows: Vec<(u8, u8, u16)>,
    /// For each view, the row that it lies within, its offset there and its size.
    views: Vec<(u8, u16, u16)>,
    fallback: bool,
    ops: Vec<Op>,
}

type Pool<'a> = TensorPool<&'a Arena>;

/// A tensor filled with a mark.
struct Live<'p, 'a> {
    mark: u8,
    bytes: SlotVec<u8, Slot<'p, &'a Arena>>,
}

impl Live<'_, '_> {
    fn is_whole(&self) -> bool {
        self.bytes.iter().all(|&byte| byte == self.mark)
    }
}

fn lifetimes(case: &Case) -> Lifetimes {
    let roots = case.rows.iter().take(200).map(|&(lower, length, size)| {
        let lower = i64::from(lower);
        Lifetime::new(lower, lower + i64::from(length), size.into())
    });
    let mut rows: Vec<Lifetime> = roots.collect();
    let roots = rows.len();
    for &(root, offset, size) in case.views.iter().take(200).filter(|_| roots > 0) {
        let root = usize::from(root) % roots;
        let whole = rows[root];
        let offset = u64::from(offset) % (whole.size + 1);
        let size = u64::from(size) % (whole.size - offset + 1);
        let view = Lifetime::new(whole.lower, whole.upper, size);
        rows.push(view.with_root(TensorId::new(root as u32), offset));
    }
    let rows = rows
        .into_iter()
        .enumerate()
        .map(|(i, row)| (i.to_string(), row));
    Lifetimes::from_named(rows).expect("small rows, and views within them")
}

/// Transfers a tensor to others and checks the verdict. Returns the new owners, or the tensor.
fn transfer<'p, 'a>(
    pool: &'p Pool<'a>,
    Live { mark, bytes }: Live<'p, 'a>,
    to: &[u16],
) -> Vec<Live<'p, 'a>> {
    let plan = pool.plan();
    let to: Vec<TensorId> = to
        .iter()
        .take(8)
        .map(|&id| TensorId::new(u32::from(id) % plan.len() as u32))
        .collect();
    let from = bytes.allocator().tensor();
    let tensor: SlotBox<u8, &'p Pool<'a>> = bytes.into_boxed_slice();
    let is_in_place = tensor.len() == pool.slot(from).expect("it is alive").planned_bytes()
        && (tensor.is_empty()
            || Some(tensor.as_ptr()) == pool.as_ptr(from).map(|p| p.as_ptr().cast_const()));
    let expected = is_in_place && can_split(plan, from, &to);
    let owners = match Slot::split_into(tensor, &to) {
        Ok(parts) => {
            assert!(expected);
            let owners = parts
                .iter()
                .map(|part| allocator_api2::boxed::Box::allocator(part).tensor());
            assert!(owners.eq(to));
            parts
        }
        Err(refused) => {
            assert!(!expected, "{refused}");
            vec![refused.tensor]
        }
    };
    let owners = owners.into_iter().map(|owner| owner.into_vec());
    owners.map(|bytes| Live { mark, bytes }).collect()
}

fuzz_target!(|case: Case| {
    let plan = Planner::new()
        .nodes(1000)
        .plan(&lifetimes(&case))
        .expect("a plan");
    let arena = Arena::builder().capacity(32 << 20).build().expect("32 MiB");
    let pool = if case.fallback {
        TensorPool::with_fallback(&arena, &plan)
    } else {
        TensorPool::new(&arena, &plan)
    }
    .expect("room");
    let mut live: Vec<Live<'_, '_>> = Vec::new();
    for op in case.ops {
        match op {
            Op::Allocate(tensor, size) if !plan.is_empty() => {
                let id = TensorId::new(u32::from(tensor) % plan.len() as u32);
                let Ok(slot) = pool.slot(id) else { continue };
                let (size, planned) = (usize::from(size), slot.planned_bytes());
                let mut bytes = SlotVec::new_in(slot);
                let blocked = pool.in_the_way(id).is_some();
                let got = bytes.try_reserve_exact(size);
                let expected = size == 0
                    || if size <= planned {
                        !blocked
                    } else {
                        case.fallback
                    };
                assert_eq!(got.is_ok(), expected);
                if got.is_ok() {
                    let mark = id.index() as u8;
                    bytes.resize(size, mark);
                    live.push(Live { mark, bytes });
                }
            }
            Op::Grow(index, more) if !live.is_empty() => {
                let index = usize::from(index) % live.len();
                let Live { mark, bytes } = &mut live[index];
                if bytes.try_reserve_exact(more.into()).is_ok() {
                    bytes.resize(bytes.len() + usize::from(more), *mark);
                }
            }
            Op::Shrink(index, size) if !live.is_empty() => {
                let index = usize::from(index) % live.len();
                let bytes = &mut live[index].bytes;
                bytes.truncate(size.into());
                bytes.shrink_to_fit();
            }
            Op::Drop(index) if !live.is_empty() => {
                let index = usize::from(index) % live.len();
                assert!(live.swap_remove(index).is_whole());
            }
            Op::Transfer(index, to) if !live.is_empty() => {
                let index = usize::from(index) % live.len();
                let owners = transfer(&pool, live.swap_remove(index), &to);
                assert!(owners.iter().all(Live::is_whole));
                live.extend(owners);
            }
            _ => {}
        }
    }
    assert!(live.iter().all(Live::is_whole));
});
