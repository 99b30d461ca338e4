//! One model, to be run in each of the modes.
//!
//! Stands on [`runnable`](crate::input::onnx::runnable), on the [`Switch`] between two heaps, and on the library's replay. Invariant:
//! all modes do the same with the same inputs, and all outputs are compared bit by bit with those of the first inference.
//!
//! What a mode costs is counted from the first allocation of an inference to the last; its outputs are looked at and dropped later.

#![forbid(unsafe_code)]

use orionrt::{
    Planner,
    replay::{KeyReport, Recording, Session},
};
use tract_onnx::prelude::{RunOptions, multithread::Executor};
use tract_onnx::tract_hir::internal::{TValue, TVec};

use super::{
    clock::{Clock, Cost},
    error::{Difference, InferenceError},
    inputs::made_up,
};
use crate::{
    Allocator,
    args::{Mode, RunArgs},
    contain::contain,
    failure::Failure,
    input::{
        self,
        onnx::runnable::{self, Runnable},
    },
    progress,
    switch::{Source, Switch},
};

/// Where blocks come from that are not in the plan, and all while it is recorded.
const BENEATH_REPLAY: Source = Source::System;

/// The one set of shapes.
type Key = ();

/// A model with its inputs, and what has been seen of it.
pub(super) struct Bench {
    model: Runnable,
    inputs: TVec<TValue>,
    clock: Clock,
    allocator: &'static Allocator,
    session: Session<'static, Switch, Key>,
    /// The outputs of the first inference.
    expected: Option<TVec<TValue>>,
    /// Inferences in each mode.
    runs: [u64; Mode::ALL.len()],
    difference: Option<Difference>,
}

impl Bench {
    /// Loads the model.
    pub(super) fn load(args: &RunArgs, allocator: &'static Allocator) -> Result<Self, Failure> {
        let path = &args.model;
        let options = RunOptions {
            executor: Some(executor(args.threads)),
            ..Default::default()
        };
        let loaded = progress::during(format!("reading {}", path.display()), || {
            runnable::load(path, &input::dims(&args.dims), &options)
        });
        let model = loaded.map_err(|error| Failure::Onnx {
            path: path.clone(),
            error: error.into(),
        })?;
        let session = allocator.session(Planner::new());
        Ok(Self {
            inputs: made_up(model.plan.model()).map_err(|error| failure(args, error))?,
            model,
            clock: Clock::of(args.threads),
            allocator,
            session: session
                .huge_pages(args.huge_pages.policy())
                .lanes(helpers(args.threads)),
            expected: None,
            runs: Default::default(),
            difference: None,
        })
    }

    /// Runs the model once.
    pub(super) fn run(&mut self, mode: Mode) -> Result<Cost, InferenceError> {
        let (model, inputs) = (&self.model, &self.inputs);
        let infer = || infer(model, inputs);
        let (clock, session) = (self.clock, &mut self.session);
        let source = match mode {
            Mode::System => Source::System,
            Mode::Orion => Source::Orion,
            Mode::Replay => BENEATH_REPLAY,
        };
        let (outputs, cost) = self.allocator.inner().during(source, || {
            let start = clock.now();
            let outputs = match mode {
                Mode::System | Mode::Orion => infer(),
                Mode::Replay => session.run(Key::default(), infer)?,
            };
            outputs.map(|outputs| (outputs, clock.since(start)))
        })?;
        self.compare(mode, outputs);
        self.runs[mode as usize] += 1;
        Ok(cost)
    }

    fn compare(&mut self, mode: Mode, outputs: TVec<TValue>) {
        let expected = self.expected.get_or_insert_with(|| outputs.clone());
        if self.difference.is_none() && !same_bits(expected, &outputs) {
            let after = self.runs[mode as usize];
            self.difference = Some(Difference { mode, after });
        }
    }

    /// The first outputs that were not like those before.
    pub(super) fn difference(&self) -> Option<Difference> {
        self.difference
    }

    /// Dimensions that were taken to be a number that nobody gave.
    pub(super) fn assumed(&self) -> &[(String, usize)] {
        &self.model.assumed
    }

    /// What was recorded, once there was an inference to replay.
    pub(super) fn recording(&self) -> Option<&Recording> {
        self.session.recording(&Key::default())
    }

    /// How replaying went.
    pub(super) fn replayed(&self) -> Option<KeyReport> {
        self.session.report().keys.pop()
    }
}

/// What went wrong, with the file.
pub(super) fn failure(args: &RunArgs, error: InferenceError) -> Failure {
    Failure::Inference {
        path: args.model.clone(),
        error: error.into(),
    }
}

/// A pool computes with its own threads, and the one that asks it to waits.
fn helpers(threads: usize) -> usize {
    if threads == 1 { 0 } else { threads }
}

fn executor(threads: usize) -> Executor {
    match threads {
        1 => Executor::SingleThread,
        threads => Executor::multithread(threads),
    }
}

fn infer(model: &Runnable, inputs: &TVec<TValue>) -> Result<TVec<TValue>, InferenceError> {
    let ran = contain(|| model.plan.run(inputs.clone()));
    let ran = ran.map_err(|panic| InferenceError::Model(format!("it broke ({panic})")))?;
    ran.map_err(|error| InferenceError::Model(format!("{error:#}").chars().take(600).collect()))
}

fn same_bits(expected: &[TValue], outputs: &[TValue]) -> bool {
    let same = |a: &TValue, b: &TValue| {
        let alike = a.datum_type() == b.datum_type() && a.shape() == b.shape();
        // Texts and the like are not what they are made of, but what they stand for.
        alike
            && if a.datum_type().is_copy() {
                a.as_bytes() == b.as_bytes()
            } else {
                a == b
            }
    };
    let each = expected.iter().zip(outputs);
    expected.len() == outputs.len() && each.into_iter().all(|(a, b)| same(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::prelude::{IntoTValue, Tensor};

    fn outputs(values: &[f32]) -> TVec<TValue> {
        let tensor = Tensor::from_shape(&[values.len()], values).unwrap();
        [tensor.into_tvalue()].into_iter().collect()
    }

    #[test]
    fn bits_are_compared_and_not_values() {
        let same = |a: &[f32], b: &[f32]| same_bits(&outputs(a), &outputs(b));
        assert!(same(&[1.0, f32::NAN], &[1.0, f32::NAN]));
        assert!(!same(&[0.0], &[-0.0]));
        assert!(!same(&[1.0], &[1.0, 2.0]));
        assert!(!same_bits(&outputs(&[1.0]), &[]));
    }

    #[test]
    fn another_type_or_shape_of_the_same_bits_is_a_difference() {
        let [flat, tall] = [&[2][..], &[2, 1]].map(|shape| {
            let tensor = Tensor::from_shape(shape, &[1.0f32, 2.0]).unwrap();
            [tensor.into_tvalue()]
        });
        assert!(!same_bits(&flat, &tall));
        let bits = Tensor::from_shape(&[1], &[1.0f32.to_bits()]).unwrap();
        assert!(!same_bits(&outputs(&[1.0]), &[bits.into_tvalue()]));
    }
}
