//! Random model sets with a schedule, and what they demand of a joint plan by its definition: every
//! two tensors are compared in all of their runs.
//!
//! Shares no code with the library's schedules and joint lifetimes, and computes with wider
//! integers.

use orionrt_plan::{
    Lifetimes, Plan,
    multi_model::{ModelId, ModelSet, Schedule},
};
use proptest::prelude::*;

/// The tensors of a model: rows `(lower, upper, size, alignment)`.
pub type Rows = Vec<(i64, i64, u64, u64)>;

/// When the models of a case run.
#[derive(Clone, Debug)]
pub enum Timing {
    /// No two at the same time.
    OneAtATime,
    /// All at any time.
    AnyTogether,
    /// One mask for each model: bit `a` of mask `b > a` says that `a` and `b` may run together.
    Pairs(Vec<u32>),
    /// The steps at which each model's runs start.
    Starts(Vec<Vec<i64>>),
}

/// Models with a schedule.
#[derive(Clone, Debug)]
pub struct ModelSetCase {
    /// One entry for each model.
    pub models: Vec<Rows>,
    /// When they run.
    pub timing: Timing,
}

/// A tensor: the index of its model, and its index in that model.
pub type TensorIndex = (usize, usize);

impl ModelSetCase {
    /// The models as the library's set, named `m0`, `m1`, ...; their tensors `t0`, `t1`, ...
    pub fn model_set(&self) -> ModelSet {
        let mut set = ModelSet::new();
        for (m, rows) in self.models.iter().enumerate() {
            let rows = rows.iter().enumerate();
            let rows = rows.map(|(i, &(lower, upper, size, alignment))| {
                (format!("t{i}"), lower, upper, size, alignment)
            });
            let added = set.add(format!("m{m}"), Lifetimes::from_rows(rows).unwrap());
            assert_eq!(added, Ok(ModelId::new(m as u32)));
        }
        set
    }

    /// The timing as the library's schedule.
    pub fn schedule(&self) -> Schedule {
        match &self.timing {
            Timing::OneAtATime => Schedule::OneAtATime,
            Timing::AnyTogether => Schedule::AnyTogether,
            Timing::Pairs(masks) => {
                let all = (0..masks.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
                let paired = all.filter(|&(a, b)| masks[b] >> a & 1 == 1);
                let ids = paired.map(|(a, b)| (ModelId::new(a as u32), ModelId::new(b as u32)));
                Schedule::pairs(ids)
            }
            Timing::Starts(starts) => Schedule::starts(starts.clone()),
        }
    }

    /// Whether two different models may run at the same time.
    pub fn together(&self, a: usize, b: usize) -> bool {
        match &self.timing {
            Timing::OneAtATime => false,
            Timing::AnyTogether => true,
            Timing::Pairs(masks) => masks[a.max(b)] >> a.min(b) & 1 == 1,
            Timing::Starts(starts) => {
                let runs = |m: usize| {
                    let alive = self.models[m].iter().filter(|row| row.0 < row.1);
                    let lower = alive.clone().map(|row| i128::from(row.0)).min();
                    let upper = alive.map(|row| i128::from(row.1)).max();
                    let hull = lower.zip(upper).into_iter();
                    let starts = starts[m].iter().map(|&start| i128::from(start));
                    let runs = hull.flat_map(move |(lower, upper)| {
                        starts.clone().map(move |s| (lower + s, upper + s))
                    });
                    runs.collect::<Vec<_>>()
                };
                runs(a)
                    .iter()
                    .any(|x| runs(b).iter().any(|y| x.0 < y.1 && y.0 < x.1))
            }
        }
    }

    /// The row of a tensor.
    pub fn row(&self, (model, tensor): TensorIndex) -> (i64, i64, u64, u64) {
        self.models[model][tensor]
    }

    /// All tensors, model after model.
    pub fn tensors(&self) -> Vec<TensorIndex> {
        let models = self.models.iter().enumerate();
        models
            .flat_map(|(m, rows)| (0..rows.len()).map(move |t| (m, t)))
            .collect()
    }

    /// Whether the tensor has bytes at some step.
    pub fn occupies(&self, tensor: TensorIndex) -> bool {
        let (lower, upper, size, _) = self.row(tensor);
        lower < upper && size > 0
    }

    fn lives(&self, (model, tensor): TensorIndex) -> Vec<(i128, i128)> {
        let (lower, upper, ..) = self.models[model][tensor];
        let lives = |starts: &[i64]| -> Vec<(i128, i128)> {
            let starts = starts.iter().map(|&start| i128::from(start));
            let moved = starts.map(|s| (i128::from(lower) + s, i128::from(upper) + s));
            moved.collect()
        };
        match &self.timing {
            Timing::Starts(starts) => lives(&starts[model]),
            _ => lives(&[0]),
        }
    }

    /// Whether two tensors may have bytes at the same time.
    pub fn conflict(&self, a: TensorIndex, b: TensorIndex) -> bool {
        if a == b || !self.occupies(a) || !self.occupies(b) {
            return false;
        }
        match &self.timing {
            Timing::Starts(_) => {}
            _ if a.0 != b.0 => return self.together(a.0, b.0),
            _ => {}
        }
        let theirs = self.lives(b);
        self.lives(a)
            .iter()
            .any(|x| theirs.iter().any(|y| x.0 < y.1 && y.0 < x.1))
    }

    /// The peak of offsets in the order of [`tensors`](Self::tensors), or why they are not a plan.
    pub fn peak(&self, offsets: &[u64]) -> Result<u64, String> {
        let tensors = self.tensors();
        if tensors.len() != offsets.len() {
            return Err(format!("{} offsets", offsets.len()));
        }
        let mut peak = 0;
        for (i, (&a, &at)) in tensors.iter().zip(offsets).enumerate() {
            let (_, _, size, alignment) = self.row(a);
            if at % alignment != 0 {
                return Err(format!("{a:?} is not aligned"));
            }
            if self.occupies(a) {
                peak = peak.max(at + size);
            }
            for (&b, &other) in tensors[..i].iter().zip(offsets) {
                let meet = at.max(other) < (at + size).min(other + self.row(b).2);
                if meet && self.conflict(a, b) {
                    return Err(format!("{b:?} and {a:?} share bytes"));
                }
            }
        }
        Ok(peak)
    }

    /// The lowest peak of any joint plan, by trying all offsets; for a few small tensors only.
    pub fn optimum(&self) -> u64 {
        (0..)
            .find(|&peak| self.fits(peak, &mut Vec::new()))
            .unwrap()
    }

    fn fits(&self, peak: u64, placed: &mut Vec<u64>) -> bool {
        let tensors = self.tensors();
        let Some(&next) = tensors.get(placed.len()) else {
            return true;
        };
        let (_, _, size, alignment) = self.row(next);
        let highest = match self.occupies(next) {
            true => peak.checked_sub(size),
            false => Some(0),
        };
        let Some(highest) = highest else {
            return false;
        };
        (0..=highest).step_by(alignment as usize).any(|at| {
            let mut others = tensors.iter().zip(placed.iter());
            let blocked = others.any(|(&other, &theirs)| {
                let meet = at.max(theirs) < (at + size).min(theirs + self.row(other).2);
                meet && self.conflict(next, other)
            });
            if blocked {
                return false;
            }
            placed.push(at);
            let fits = self.fits(peak, placed);
            placed.pop();
            fits
        })
    }

    /// The bytes of all models' own plans laid one behind the other.
    pub fn sum(&self, isolated: &[Plan]) -> u64 {
        isolated.iter().fold(0, |end: u64, plan| {
            end.next_multiple_of(plan.alignment()) + plan.peak()
        })
    }
}

/// Cases of at most `models` models with at most `rows` tensors each, in few steps, so that many
/// tensors are live together.
pub fn model_set_cases(
    models: usize,
    rows: usize,
    largest: u64,
) -> impl Strategy<Value = ModelSetCase> {
    let size = prop_oneof![1 => Just(0u64), 9 => 1..=largest];
    let row = (
        -4..12i64,
        prop_oneof![1 => Just(0i64), 9 => 1..7i64],
        size,
        0..4u32,
    );
    let row = row.prop_map(|(lower, length, size, log)| (lower, lower + length, size, 1u64 << log));
    let rows = prop::collection::vec(row, 0..=rows);
    let models = prop::collection::vec(rows, 1..=models);
    models.prop_flat_map(|models| {
        let count = models.len();
        let masks = prop::collection::vec(any::<u32>(), count);
        let gaps = prop::collection::vec(prop_oneof![0..4i64, 0..30i64], 0..4);
        let starts = prop::collection::vec((-20..20i64, gaps), count);
        let longest: Vec<i64> = models
            .iter()
            .map(|rows| rows.iter().map(|row| row.1 - row.0).max().unwrap_or(0))
            .collect();
        let starts = starts.prop_map(move |starts| {
            let starts = starts.into_iter().zip(&longest);
            Timing::Starts(
                starts
                    .map(|((first, gaps), &longest)| runs(first, gaps, longest))
                    .collect(),
            )
        });
        let once = prop::collection::vec((-20..20i64).prop_map(|start| vec![start]), count);
        let timing = prop_oneof![
            1 => Just(Timing::OneAtATime),
            1 => Just(Timing::AnyTogether),
            3 => masks.prop_map(Timing::Pairs),
            2 => once.prop_map(Timing::Starts),
            3 => starts,
        ];
        timing.prop_map(move |timing| ModelSetCase {
            models: models.clone(),
            timing,
        })
    })
}

/// The starts of one run, and of one more after each gap, in no order.
///
/// Two runs are so far apart that no tensor, whose life has at most `longest` steps, is live twice
/// at a step.
pub(crate) fn runs(first: i64, gaps: Vec<i64>, longest: i64) -> Vec<i64> {
    let mut starts = vec![first];
    for gap in gaps {
        starts.push(starts[starts.len() - 1] + longest + gap);
    }
    let half = starts.len() / 2;
    starts.rotate_left(half);
    starts
}
