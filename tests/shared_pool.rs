//! Active models run in one region, interleaved in any way that their schedule allows: what they
//! write stays as they wrote it.
//!
//! Every tensor is filled with bytes of its own when it is born, and compared when it dies. Also
//! checked: which models may be active together, from several threads, too; and that claims guard
//! bytes whichever models are active.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use allocator_api2::vec::Vec as SlotVec;
use orionrt::{
    Arena, Lifetimes, ModelSet, Planner, Schedule, SharedPool, TensorId,
    models::{ModelId, SharedPlan},
    slots::{ActivateError, ModelGuard, SlotError, SlotIn},
};
use orionrt_testing::model_sets::{ModelSetCase, TensorIndex, Timing, model_set_cases};
use proptest::prelude::*;

type Pool = SharedPool<Arena>;

/// An active model, and the contents of its live tensors.
struct Running {
    guard: ModelGuard,
    alive: BTreeMap<TensorIndex, SlotVec<u8, SlotIn<ModelGuard>>>,
}

fn model(index: usize) -> ModelId {
    ModelId::new(index as u32)
}

fn pattern(at: TensorIndex, round: usize, index: usize) -> u8 {
    (at.0 * 31 + at.1 * 7 + round * 13 + index * 3 + 1) as u8
}

impl Running {
    fn new(pool: &Pool, index: usize) -> Result<Self, ActivateError> {
        let guard = pool.activate(model(index))?;
        let alive = BTreeMap::new();
        Ok(Self { guard, alive })
    }

    fn bear(&mut self, case: &ModelSetCase, at: TensorIndex, round: usize) {
        let size = case.row(at).2 as usize;
        let slot = self.guard.owned_slot(TensorId::new(at.1 as u32)).unwrap();
        let mut tensor = SlotVec::new_in(slot);
        let had = tensor.try_reserve_exact(size);
        assert!(had.is_ok(), "{at:?}'s bytes are in use");
        tensor.extend((0..size).map(|i| pattern(at, round, i)));
        self.alive.insert(at, tensor);
    }

    fn bury(&mut self, at: TensorIndex, round: usize) {
        let tensor = self.alive.remove(&at).expect("born before");
        for (i, &byte) in tensor.iter().enumerate() {
            assert_eq!(byte, pattern(at, round, i), "byte {i} of {at:?}");
        }
    }
}

fn plan(case: &ModelSetCase) -> SharedPlan {
    let planner = Planner::new().nodes(2000);
    case.model_set().plan(&case.schedule(), &planner).unwrap()
}

fn pool(case: &ModelSetCase) -> Pool {
    let arena = Arena::builder().build().unwrap();
    SharedPool::new(arena, &plan(case)).unwrap()
}

/// The births and deaths of one run of a model; deaths come first at each step.
fn events(case: &ModelSetCase, index: usize) -> Vec<(i64, bool, TensorIndex)> {
    let rows = (0..case.models[index].len()).map(|t| (index, t));
    let own = rows.filter(|&at| case.occupies(at));
    let mut events: Vec<_> = own
        .flat_map(|at| {
            let (lower, upper, ..) = case.row(at);
            [(lower, true, at), (upper, false, at)]
        })
        .collect();
    events.sort();
    events
}

/// Runs the models interleaved: `choices` says which one starts or does its next step.
fn interleave(case: &ModelSetCase, choices: &[usize]) {
    let pool = pool(case);
    let count = case.models.len();
    let events: Vec<_> = (0..count).map(|m| events(case, m)).collect();
    let mut running: Vec<Option<(Running, usize)>> = (0..count).map(|_| None).collect();
    for (round, choice) in choices.iter().enumerate() {
        let index = choice % count;
        let excluding = (0..count).find(|&other| {
            other != index && running[other].is_some() && !case.together(index, other)
        });
        let Some((active, next)) = &mut running[index] else {
            match (Running::new(&pool, index), excluding) {
                (Ok(started), None) => running[index] = Some((started, 0)),
                (Err(error), Some(by)) => {
                    let (model, by) = (format!("m{index}"), format!("m{by}"));
                    assert_eq!(error, ActivateError::Excluded { model, by });
                }
                (activated, excluding) => panic!("{:?}, {excluding:?}", activated.err()),
            }
            continue;
        };
        let again = pool.activate(model(index)).unwrap_err();
        assert_eq!(
            again,
            ActivateError::AlreadyActive {
                model: format!("m{index}")
            }
        );
        match events[index].get(*next) {
            Some(&(_, true, at)) => active.bear(case, at, 0),
            Some(&(_, false, at)) => active.bury(at, 0),
            None => {
                assert!(pool.is_active(model(index)), "round {round}");
                running[index] = None;
                assert!(!pool.is_active(model(index)));
                continue;
            }
        }
        *next += 1;
    }
}

/// Does all runs on the common clock.
fn on_the_clock(case: &ModelSetCase, starts: &[Vec<i64>]) {
    let pool = pool(case);
    // Deaths come first at each step, then ends of runs, then their starts, then births.
    let mut all: Vec<(i64, u8, usize, Option<TensorIndex>, usize)> = Vec::new();
    for (index, starts) in starts.iter().enumerate() {
        let events = events(case, index);
        let alive = case.models[index].iter().filter(|row| row.0 < row.1);
        let lower = alive.clone().map(|row| row.0).min();
        let upper = alive.map(|row| row.1).max();
        let (Some(lower), Some(upper)) = (lower, upper) else {
            continue;
        };
        for (round, &start) in starts.iter().enumerate() {
            all.push((start + lower, 2, index, None, round));
            all.push((start + upper, 1, index, None, round));
            for &(step, is_birth, at) in &events {
                let kind = if is_birth { 3 } else { 0 };
                all.push((start + step, kind, index, Some(at), round));
            }
        }
    }
    all.sort();
    let mut running: Vec<Option<Running>> = case.models.iter().map(|_| None).collect();
    let mut runs = vec![0; case.models.len()];
    for (_, kind, index, at, round) in all {
        match (kind, at) {
            (2, _) => {
                runs[index] += 1;
                if runs[index] == 1 {
                    running[index] = Some(Running::new(&pool, index).unwrap());
                }
            }
            (1, _) => {
                runs[index] -= 1;
                if runs[index] == 0 {
                    running[index] = None;
                }
            }
            (0, Some(at)) => running[index].as_mut().unwrap().bury(at, round),
            (_, Some(at)) => running[index].as_mut().unwrap().bear(case, at, round),
            _ => unreachable!(),
        }
    }
}

proptest! {
    #[test]
    fn nothing_that_runs_as_the_schedule_allows_is_overwritten(
        case in model_set_cases(5, 5, 40),
        choices in prop::collection::vec(0..1000usize, 60..300),
    ) {
        match &case.timing {
            Timing::Starts(starts) => on_the_clock(&case, starts),
            _ => interleave(&case, &choices),
        }
    }
}

fn three() -> ModelSet {
    let mut set = ModelSet::new();
    for (name, size) in [("a", 64u64), ("b", 32), ("c", 48)] {
        let rows = Lifetimes::from_rows([("x", 0, 2, size, 8), ("never", 1, 1, 8, 8)]);
        set.add(name, rows.unwrap()).unwrap();
    }
    set
}

fn pool_of(schedule: &Schedule) -> Pool {
    let shared = three().plan(schedule, &Planner::new()).unwrap();
    let arena = Arena::builder().build().unwrap();
    SharedPool::new(arena, &shared).unwrap()
}

#[test]
fn threads_never_activate_two_models_that_exclude_each_other() {
    let [a, b, c] = [0, 1, 2].map(model);
    let schedule = Schedule::pairs([(a, b)]);
    let pool = pool_of(&schedule);
    let active: [AtomicBool; 3] = Default::default();
    let (activated, excluded) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (pool, active, activated, excluded) = (&pool, &active, &activated, &excluded);
            scope.spawn(move || {
                for round in 0..2000 {
                    let index = (round + thread) % 3;
                    let Ok(guard) = pool.activate(model(index)) else {
                        excluded.fetch_add(1, Ordering::Relaxed);
                        continue;
                    };
                    activated.fetch_add(1, Ordering::Relaxed);
                    assert!(!active[index].swap(true, Ordering::SeqCst));
                    let is_active = |other: usize| active[other].load(Ordering::SeqCst);
                    assert!(if index == 2 {
                        !is_active(0) && !is_active(1)
                    } else {
                        !is_active(2)
                    });
                    let tensor = guard.slot(TensorId::new(0)).unwrap();
                    let tensor = tensor.filled(thread as u8).unwrap();
                    if round % 8 == 0 {
                        std::thread::yield_now();
                    }
                    assert!(tensor.iter().all(|&byte| byte == thread as u8));
                    active[index].store(false, Ordering::SeqCst);
                }
            });
        }
    });
    assert!(activated.into_inner() > 0);
    assert!([a, b, c].iter().all(|&model| !pool.is_active(model)));
    assert!(pool.activate(c).is_ok());
}

#[test]
fn a_clone_of_a_guard_and_an_owned_tensor_keep_a_model_active() {
    let pool = pool_of(&Schedule::OneAtATime);
    let guard = pool.activate(model(1)).unwrap();
    let clone = guard.clone();
    drop(guard);
    let slot = clone.owned_slot(TensorId::new(0)).unwrap();
    drop(clone);
    let tensor: SlotVec<u8, SlotIn<ModelGuard>> = SlotVec::with_capacity_in(32, slot);
    let (model_a, by) = ("a".to_string(), "b".to_string());
    let excluded = ActivateError::Excluded { model: model_a, by };
    assert_eq!(pool.activate(model(0)).unwrap_err(), excluded);
    drop(tensor);
    assert!(pool.activate(model(0)).is_ok());
}

#[test]
fn claims_guard_bytes_whichever_models_are_active() {
    let pool = pool_of(&Schedule::OneAtATime);
    let x = TensorId::new(0);
    // Without a guard: the first tensor of the joint plan is a's.
    let held = pool.pool().filled(x, 1u8).unwrap();
    let guard = pool.activate(model(2)).unwrap();
    let refused = guard.slot(x).unwrap().filled(2u8).unwrap_err();
    let (name, by) = ("c/x".to_string(), Some("a/x".to_string()));
    assert_eq!(refused, SlotError::InUse { name, by });
    assert!(held.iter().all(|&byte| byte == 1));
    drop(held);
    let mine = guard.slot(x).unwrap().uninit::<u32>().unwrap();
    assert_eq!((mine.len(), guard.is_live(x)), (12, true));
    assert!(pool.pool().filled(x, 1u8).is_err());
}

#[test]
fn a_guard_knows_the_tensors_of_its_model_only() {
    let pool = pool_of(&Schedule::AnyTogether);
    let [first, second] = [0, 1].map(|index| pool.activate(model(index)).unwrap());
    assert_eq!(first.joint_id(TensorId::new(1)), Ok(TensorId::new(1)));
    assert_eq!(second.joint_id(TensorId::new(0)), Ok(TensorId::new(2)));
    assert_eq!(second.model(), model(1));
    let (id, tensors) = (TensorId::new(2), 2);
    assert_eq!(
        first.slot(id).unwrap_err(),
        SlotError::Unknown { id, tensors }
    );
    assert!(!first.is_live(id));
    let name = "a/never".to_string();
    assert_eq!(
        first.slot(TensorId::new(1)).unwrap_err(),
        SlotError::NeverAlive { name }
    );
    let unknown = ActivateError::Unknown {
        model: model(3),
        models: 3,
    };
    assert_eq!(pool.activate(model(3)).unwrap_err(), unknown);
    let shown = format!("{pool:?} {first:?}");
    assert!(
        shown.contains(r#"active: ["a", "b"]"#) && shown.contains(r#"model: "a""#),
        "{shown}"
    );
}
