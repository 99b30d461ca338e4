//! Random models with a schedule, and what they demand of a plan by its definition: every two tensors in all of their runs. Shares no code
//! with the library, and computes with wider integers.

// Tests include this file, and each of them uses a part of it.
#![allow(dead_code)]

use orionrt::{Lifetimes, ModelSet, Plan, Schedule, models::ModelId};
use proptest::prelude::*;

/// Rows `(lower, upper, size, alignment)`.
pub type Rows = Vec<(i64, i64, u64, u64)>;

#[derive(Clone, Debug)]
pub enum When {
    OneAtATime,
    AnyTogether,
    /// Those with a lower bit set in the mask of the higher one may run together.
    Pairs(Vec<u32>),
    Starts(Vec<Vec<i64>>),
}

#[derive(Clone, Debug)]
pub struct Fleet {
    pub models: Vec<Rows>,
    pub when: When,
}

/// A tensor by its model and its place there.
pub type At = (usize, usize);

impl Fleet {
    pub fn set(&self) -> ModelSet {
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

    pub fn schedule(&self) -> Schedule {
        match &self.when {
            When::OneAtATime => Schedule::OneAtATime,
            When::AnyTogether => Schedule::AnyTogether,
            When::Pairs(masks) => {
                let all = (0..masks.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
                let paired = all.filter(|&(a, b)| masks[b] >> a & 1 == 1);
                let ids = paired.map(|(a, b)| (ModelId::new(a as u32), ModelId::new(b as u32)));
                Schedule::pairs(ids)
            }
            When::Starts(starts) => Schedule::starts(starts.clone()),
        }
    }

    /// Whether two different models may run at the same time.
    pub fn together(&self, a: usize, b: usize) -> bool {
        match &self.when {
            When::OneAtATime => false,
            When::AnyTogether => true,
            When::Pairs(masks) => masks[a.max(b)] >> a.min(b) & 1 == 1,
            When::Starts(starts) => {
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

    pub fn row(&self, (model, tensor): At) -> (i64, i64, u64, u64) {
        self.models[model][tensor]
    }

    /// All tensors, model after model.
    pub fn tensors(&self) -> Vec<At> {
        let models = self.models.iter().enumerate();
        models
            .flat_map(|(m, rows)| (0..rows.len()).map(move |t| (m, t)))
            .collect()
    }

    pub fn occupies(&self, tensor: At) -> bool {
        let (lower, upper, size, _) = self.row(tensor);
        lower < upper && size > 0
    }

    fn lives(&self, (model, tensor): At) -> Vec<(i128, i128)> {
        let (lower, upper, ..) = self.models[model][tensor];
        let lives = |starts: &[i64]| -> Vec<(i128, i128)> {
            let starts = starts.iter().map(|&start| i128::from(start));
            let moved = starts.map(|s| (i128::from(lower) + s, i128::from(upper) + s));
            moved.collect()
        };
        match &self.when {
            When::Starts(starts) => lives(&starts[model]),
            _ => lives(&[0]),
        }
    }

    pub fn conflict(&self, a: At, b: At) -> bool {
        if a == b || !self.occupies(a) || !self.occupies(b) {
            return false;
        }
        match &self.when {
            When::Starts(_) => {}
            _ if a.0 != b.0 => return self.together(a.0, b.0),
            _ => {}
        }
        let theirs = self.lives(b);
        self.lives(a)
            .iter()
            .any(|x| theirs.iter().any(|y| x.0 < y.1 && y.0 < x.1))
    }

    /// The peak of offsets in order of [`tensors`](Self::tensors), or what is wrong with them.
    pub fn peak(&self, offsets: &[u64]) -> Result<u64, String> {
        let tensors = self.tensors();
        if tensors.len() != offsets.len() {
            return Err(format!("{} offsets", offsets.len()));
        }
        let mut peak = 0;
        for (i, (&a, &at)) in tensors.iter().zip(offsets).enumerate() {
            let (_, _, size, alignment) = self.row(a);
            if !at.is_multiple_of(alignment) {
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

    /// The lowest peak there is, by trying all offsets; for a few small tensors only.
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

    /// What the models' regions take one behind the other.
    pub fn sum(&self, isolated: &[Plan]) -> u64 {
        isolated.iter().fold(0, |end: u64, plan| {
            end.next_multiple_of(plan.alignment()) + plan.peak()
        })
    }
}

/// At most so many models with at most so many tensors each, in little time, so that much meets.
pub fn fleets(models: usize, rows: usize, largest: u64) -> impl Strategy<Value = Fleet> {
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
            When::Starts(
                starts
                    .map(|((first, gaps), &longest)| runs(first, gaps, longest))
                    .collect(),
            )
        });
        let once = prop::collection::vec((-20..20i64).prop_map(|start| vec![start]), count);
        let when = prop_oneof![
            1 => Just(When::OneAtATime),
            1 => Just(When::AnyTogether),
            3 => masks.prop_map(When::Pairs),
            2 => once.prop_map(When::Starts),
            3 => starts,
        ];
        when.prop_map(move |when| Fleet {
            models: models.clone(),
            when,
        })
    })
}

/// One run and one more after each gap, none so early that a tensor would be alive twice; in no order.
fn runs(first: i64, gaps: Vec<i64>, longest: i64) -> Vec<i64> {
    let mut starts = vec![first];
    for gap in gaps {
        starts.push(starts[starts.len() - 1] + longest + gap);
    }
    let half = starts.len() / 2;
    starts.rotate_left(half);
    starts
}
