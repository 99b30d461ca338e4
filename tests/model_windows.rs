//! Joint plans of models whose tensors have windows, by their definition: at no time are two runs
//! beside each other that need the same byte. Every byte of every step is looked at by itself.
//!
//! Checked: that joint plans are plans; that their bounds are not above the lowest peak there is;
//! that the best plan is named where none is within a capacity; where windows are used, and where
//! they are not.

use orionrt::{
    Lifetimes, ModelSet, Plan, Planner, Schedule, TensorId,
    lifetimes::Piece,
    models::{ModelId, ModelTensor, SharedPlan, SharingError},
    planner::PlannerError,
};
use orionrt_testing::window_oracle::{WindowRow, lifetimes, window_rows};
use proptest::prelude::*;

/// When models run.
#[derive(Clone, Debug)]
enum Timing {
    OneAtATime,
    /// Any two at any time.
    AnyTogether,
    /// The first model beside each of the others, which never run together.
    Star,
    /// The steps at which the runs of each model start.
    Starts(Vec<Vec<i64>>),
}

#[derive(Clone, Debug)]
struct Case {
    models: Vec<Vec<WindowRow>>,
    timing: Timing,
}

/// A tensor of a case, with its offset.
type Placed<'c> = (usize, &'c WindowRow, u64);

impl Case {
    fn schedule(&self) -> Schedule {
        match &self.timing {
            Timing::OneAtATime => Schedule::OneAtATime,
            Timing::AnyTogether => Schedule::AnyTogether,
            Timing::Star => {
                let id = |model: usize| ModelId::new(model as u32);
                Schedule::pairs((1..self.models.len()).map(|other| (id(0), id(other))))
            }
            Timing::Starts(starts) => Schedule::starts(starts.clone()),
        }
    }

    fn planned(&self) -> SharedPlan {
        let mut set = ModelSet::new();
        for (m, rows) in self.models.iter().enumerate() {
            set.add(format!("m{m}"), lifetimes(rows)).unwrap();
        }
        let planner = Planner::new().nodes(3000);
        set.plan(&self.schedule(), &planner).unwrap()
    }

    fn rows(&self) -> Vec<(usize, &WindowRow)> {
        let models = self.models.iter().enumerate();
        models
            .flat_map(|(m, rows)| rows.iter().map(move |row| (m, row)))
            .collect()
    }

    fn has_fixed(&self) -> bool {
        let mut rows = self.models.iter().flatten();
        rows.any(|row| row.lifetime.fixed_offset.is_some())
    }

    /// Whether two tensors at these offsets need a common byte at the same time.
    fn clash(&self, (m, a, x): Placed<'_>, (n, b, y): Placed<'_>) -> bool {
        let together = match &self.timing {
            Timing::Starts(starts) => {
                return starts[m].iter().any(|s| {
                    let mut others = starts[n].iter();
                    others.any(|t| need_the_same((a, x), (b, y), t - s))
                });
            }
            _ if m == n => return need_the_same((a, x), (b, y), 0),
            Timing::OneAtATime => false,
            Timing::AnyTogether => true,
            Timing::Star => m.min(n) == 0,
        };
        let is_alive = |row: &WindowRow| row.lifetime.steps().any(|step| row.bytes_at(step) > 0);
        let meet = x < y + b.lifetime.size && y < x + a.lifetime.size;
        together && meet && is_alive(a) && is_alive(b)
    }

    /// The lowest peak that there is, by trying all offsets.
    fn optimum(&self) -> u64 {
        let mut peaks = 0..;
        let fits = |&peak: &u64| self.fits(peak, &mut Vec::new());
        peaks.find(fits).expect("some peak is high enough")
    }

    fn fits(&self, peak: u64, placed: &mut Vec<u64>) -> bool {
        let rows = self.rows();
        let Some(&(m, row)) = rows.get(placed.len()) else {
            return true;
        };
        let is_alive = row.lifetime.steps().any(|step| row.bytes_at(step) > 0);
        let highest = match is_alive {
            true => peak.checked_sub(row.lifetime.size),
            false => Some(row.lifetime.fixed_offset.unwrap_or(0)),
        };
        let mut offsets = highest
            .into_iter()
            .flat_map(|highest| (0..=highest).step_by(row.lifetime.alignment as usize))
            .filter(|&offset| {
                row.lifetime
                    .fixed_offset
                    .is_none_or(|fixed| fixed == offset)
            });
        offsets.any(|offset| {
            let mut others = rows.iter().zip(placed.iter());
            let is_free =
                others.all(|(&(n, other), &at)| !self.clash((m, row, offset), (n, other, at)));
            if !is_free {
                return false;
            }
            placed.push(offset);
            let fits = self.fits(peak, placed);
            placed.pop();
            fits
        })
    }
}

/// Whether two tensors need a common byte at a step, if the second one is so much later.
fn need_the_same((a, x): (&WindowRow, u64), (b, y): (&WindowRow, u64), later: i64) -> bool {
    a.lifetime.steps().any(|step| {
        let mut bytes = 0..a.lifetime.size;
        bytes.any(|byte| {
            let of_b = (x + byte).checked_sub(y);
            a.needs(step, byte) && of_b.is_some_and(|byte| b.needs(step - later, byte))
        })
    })
}

/// Up to three models of `most` rows. No two runs of a model are nearer than its tensors live. In
/// the first model, tensors have fixed offsets, but not where models run again: fixed tensors that
/// share bytes by their windows are refused there.
fn cases(most: usize, steps: i64, size: u64) -> impl Strategy<Value = Case> {
    let models = prop::collection::vec(window_rows(most, steps, size), 1..4);
    (
        models,
        0..5u8,
        prop::collection::vec((-5..5i64, 0..4i64), 3),
    )
        .prop_map(move |(mut models, timing, starts)| {
            let free = if timing < 4 { 1 } else { 0 };
            for row in models[free..].iter_mut().flatten() {
                row.lifetime.fixed_offset = None;
            }
            let starts = starts.into_iter().take(models.len());
            let timing = match timing {
                0 => Timing::OneAtATime,
                1 => Timing::AnyTogether,
                2 => Timing::Star,
                3 => Timing::Starts(starts.map(|(first, _)| vec![first]).collect()),
                _ => {
                    let again = |(first, gap)| vec![first, first + steps + gap];
                    Timing::Starts(starts.map(again).collect())
                }
            };
            Case { models, timing }
        })
}

fn offsets(case: &Case, shared: &SharedPlan) -> Vec<u64> {
    let mut all = Vec::new();
    for (m, rows) in case.models.iter().enumerate() {
        for t in 0..rows.len() {
            let (model, tensor) = (ModelId::new(m as u32), TensorId::new(t as u32));
            all.extend(shared.offset(ModelTensor { model, tensor }));
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_two_runs_need_the_same_byte(case in cases(5, 9, 5)) {
        let shared = case.planned();
        let (rows, offsets) = (case.rows(), offsets(&case, &shared));
        for (i, (&(m, a), &x)) in rows.iter().zip(&offsets).enumerate() {
            prop_assert_eq!(x % a.lifetime.alignment, 0);
            prop_assert_eq!(a.lifetime.fixed_offset.unwrap_or(x), x);
            for (&(n, b), &y) in rows[..i].iter().zip(&offsets) {
                prop_assert!(!case.clash((m, a, x), (n, b, y)), "{} at {}, {}", i, x, y);
            }
        }
        let plan = shared.plan();
        prop_assert!(plan.lower_bound() <= plan.peak());
        prop_assert!(case.has_fixed() || plan.peak() <= shared.isolated_sum());
        for (model, _) in shared.models() {
            prop_assert!(shared.part(model).is_some());
        }
    }

    #[test]
    fn no_plan_is_below_the_bound(case in cases(2, 6, 4)) {
        let runs_again = matches!(&case.timing, Timing::Starts(starts) if starts[0].len() > 1);
        if !runs_again && case.rows().len() <= 5 {
            let (plan, optimum) = (case.planned(), case.optimum());
            prop_assert!(plan.plan().lower_bound() <= optimum);
            prop_assert!(optimum <= plan.plan().peak());
        }
    }
}

/// Of the table, only ten bytes are needed while the work is done.
fn with_table(work: u64) -> Lifetimes {
    let rows = [("table", 0, 6, 100, 1), ("work", 2, 4, work, 1)];
    let lifetimes = Lifetimes::from_rows(rows).unwrap();
    let table = lifetimes.find("table").unwrap();
    let window = Piece::new(2..4, 0..10);
    lifetimes.with_windows(table, [window]).unwrap()
}

#[test]
fn windows_are_used_within_models() {
    let mut set = ModelSet::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| set.add(name, with_table(90)).unwrap());
    let peak = |schedule: Schedule| {
        let shared = set.plan(&schedule, &Planner::new()).unwrap();
        assert!(shared.plan().is_optimal());
        shared.plan().peak()
    };
    assert_eq!(peak(Schedule::OneAtATime), 100);
    assert_eq!(peak(Schedule::AnyTogether), 300);
    assert_eq!(peak(Schedule::pairs([(a, b), (b, c)])), 200);
}

#[test]
fn gaps_and_windows_that_come_later_lower_the_bound() {
    let rows = [
        ("table", 0, 6, 100, 1),
        ("work", 2, 4, 60, 1),
        ("more", 2, 4, 30, 1),
    ];
    let mut set = ModelSet::new();
    set.add("m", Lifetimes::from_rows(rows).unwrap()).unwrap();
    set.add("n", Lifetimes::from_rows([("x", 0, 1, 1, 1)]).unwrap())
        .unwrap();
    let shared = set.plan(&Schedule::AnyTogether, &Planner::new()).unwrap();
    assert_eq!(shared.plan().lower_bound(), 191);
    let table = TensorId::new(0);
    let whole = || shared.plan().lifetimes().clone();
    let windows = whole().with_windows(table, [Piece::new(2..4, 0..10)]);
    let gaps = whole().with_gaps(table, std::iter::once(2..4));
    for lifetimes in [windows, gaps] {
        let plan = Plan::new(lifetimes.unwrap(), vec![0, 10, 70, 100]).unwrap();
        assert_eq!(plan.peak(), 101);
        assert!(plan.lower_bound() <= 101, "{}", plan.lower_bound());
    }
}

#[test]
fn tensors_without_bytes_let_their_models_plan_move() {
    // The plan of 5 bytes lies at the bottom of the stack, so the other begins at an odd offset.
    let rows = [
        ("big", 4, 8, 4, 1),
        ("late", 5, 6, 1, 1),
        ("early", 0, 6, 1, 1),
    ];
    let lifetimes = Lifetimes::from_rows(rows).unwrap();
    let big = lifetimes.find("big").unwrap();
    let lifetimes = lifetimes
        .with_windows(big, [Piece::new(5..8, 1..4)])
        .unwrap();
    let mut set = ModelSet::new();
    let empty = [("x", 0, 1, 2, 1), ("empty", 0, 0, 0, 2)];
    set.add("empty", Lifetimes::from_rows(empty).unwrap())
        .unwrap();
    set.add("windows", lifetimes).unwrap();
    let shared = set
        .plan(&Schedule::AnyTogether, &Planner::new().nodes(3000))
        .unwrap();
    assert_eq!((shared.plan().peak(), shared.isolated_sum()), (7, 7));
}

#[test]
fn windows_are_used_between_models_that_run_once_on_a_common_clock() {
    let mut set = ModelSet::new();
    set.add("table", with_table(60)).unwrap();
    let guest = Lifetimes::from_rows([("guest", 0, 1, 30, 1)]).unwrap();
    set.add("guest", guest).unwrap();
    let peak = |starts: [Vec<i64>; 2]| {
        let shared = set.plan(&Schedule::starts(starts), &Planner::new());
        shared.unwrap().plan().peak()
    };
    // While the work is done, and after it.
    assert_eq!(peak([vec![0], vec![3]]), 100);
    assert_eq!(peak([vec![0], vec![5]]), 130);
    // Later runs that are like the first ones tell nothing new.
    assert_eq!(peak([vec![0, 100, 200], vec![3, 103, 203]]), 100);
    // A later run is another one, so the table counts as needed whole.
    assert_eq!(peak([vec![0, 6], vec![3, 10]]), 190);
}

#[test]
fn the_stack_is_the_best_plan_if_none_that_is_found_is_within_the_capacity() {
    let mut set = ModelSet::new();
    let ids = [0, 1, 2, 3, 4].map(|m| set.add(format!("m{m}"), with_table(90)).unwrap());
    let ring = Schedule::pairs((0..5).map(|m| (ids[m], ids[(m + 1) % 5])));
    let planner = Planner::new().nodes(20_000);
    assert_eq!(set.plan(&ring, &planner).unwrap().plan().peak(), 300);
    let failed = set.plan(&ring, &planner.capacity(250)).unwrap_err();
    let SharingError::Planning { error, .. } = failed else {
        panic!("{failed}");
    };
    assert!(
        matches!(*error, PlannerError::Capacity { capacity: 250, ref best }
        if best.peak() == 300),
        "{error}"
    );
}
