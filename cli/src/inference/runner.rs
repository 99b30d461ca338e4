//! One model, run in each of the modes.
//!
//! Stands on [`Runnable`], on the [`DualHeap`] and on the library's replay. Invariant: all modes
//! compute the same from the same inputs, and all outputs are compared bit by bit with those of the
//! first inference.
//!
//! The cost of an inference is counted from its first allocation to its last; comparing and
//! dropping its outputs is not part of it.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use orionrt::{
    Plan, Planner,
    replay::{KeyReport, Recording, Session},
};
use tract_onnx::prelude::{RunOptions, multithread::Executor};
use tract_onnx::tract_hir::internal::{TValue, TVec};

use super::{
    clock::{Clock, Cost},
    error::{Difference, InferenceError},
    inputs::random_inputs,
    numpy,
};
use crate::{
    args::{DimSize, Mode, RunArgs},
    catch_panics::catch_panics,
    dual_heap::{Allocator, DualHeap, Heap},
    engine::{Runnable, load_runnable},
    escape::dim_option,
    failure::Failure,
    input, progress,
    staging::{NewFolder, Staged},
};

/// How long a plan is searched for.
const PLANNING: Duration = Duration::from_secs(1);

/// The most characters of a message of tract's.
const MAX_REASON: usize = 600;

/// The heap of blocks that are not in the plan, and of all blocks while the plan is recorded.
const BENEATH_REPLAY: Heap = Heap::System;

/// The key of the recording: there is one, since the shapes of the inputs never change.
type Key = ();

/// A model with its inputs, and what has been measured and compared so far.
pub(crate) struct Runner {
    model: Runnable,
    /// The files beside the model that have its weights.
    weights: Vec<PathBuf>,
    /// Dimensions that were not given, with the sizes assumed for them.
    assumed: Vec<(String, u64)>,
    inputs: TVec<TValue>,
    clock: Clock,
    allocator: &'static Allocator,
    session: Session<'static, DualHeap, Key>,
    /// The outputs of the first inference.
    expected: Option<TVec<TValue>>,
    /// The number of inferences in each mode.
    runs: [u64; Mode::ALL.len()],
    difference: Option<Difference>,
}

impl Runner {
    /// Loads the model.
    pub(crate) fn load(args: &RunArgs, allocator: &'static Allocator) -> Result<Self, Failure> {
        let path = &args.model;
        let options = RunOptions {
            executor: Some(executor(args.threads)),
            ..Default::default()
        };
        let message = format!("reading {}", path.display());
        let assumed = assumed_dims(path, &args.dims)?;
        let given = args.dims.iter().map(|dim| (dim.name.clone(), dim.size));
        let dims = given.chain(assumed.iter().cloned());
        let dims: Vec<(String, usize)> = dims
            .filter_map(|(name, size)| Some((name, size.try_into().ok()?)))
            .collect();
        let model = progress::with_spinner(message, || load_runnable(path, &dims, &options));
        let (model, weights) = model.map_err(|error| Failure::file(path, error))?;
        let inputs = random_inputs(model.model());
        // What is shown is the best plan, however long the first iteration waits for it.
        let session = allocator
            .session(Planner::new().time_limit(PLANNING))
            .keep_recordings(args.record.is_some() || args.html.is_some());
        Ok(Self {
            inputs: inputs.map_err(|error| Failure::file(path, error))?,
            model,
            weights,
            assumed,
            clock: Clock::of(args.threads),
            allocator,
            // What is measured as replayed must be replayed.
            session: session
                .strict(true)
                .purge_with(|heap| heap.purge())
                .huge_pages(args.huge_pages.policy())
                .lanes(helpers(args.threads)),
            expected: None,
            runs: Default::default(),
            difference: None,
        })
    }

    /// Runs the model once.
    pub(crate) fn run(&mut self, mode: Mode) -> Result<Cost, InferenceError> {
        let (model, inputs) = (&self.model, &self.inputs);
        let infer = || infer(model, inputs);
        let (clock, session) = (self.clock, &mut self.session);
        let heap = match mode {
            Mode::System => Heap::System,
            Mode::Orion => Heap::Orion,
            Mode::Replay => BENEATH_REPLAY,
        };
        let (outputs, cost) = self.allocator.inner().with_heap(heap, || {
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

    /// The first inference whose outputs differed, if any.
    pub(crate) fn difference(&self) -> Option<Difference> {
        self.difference
    }

    /// Dimensions that were not given, with the sizes assumed for them.
    pub(crate) fn assumed(&self) -> &[(String, u64)] {
        &self.assumed
    }

    /// The files beside the model that have its weights.
    pub(crate) fn weights(&self) -> &[PathBuf] {
        &self.weights
    }

    /// The files that [`save`](Self::save) may write.
    pub(crate) fn saved_files(&self, folder: &Path) -> Vec<PathBuf> {
        let outputs = self.model.model().outputs.len();
        let files = |kind, count| (0..count).map(move |i| numpy::file(folder, kind, i));
        let inputs = files("input", self.inputs.len());
        inputs.chain(files("output", outputs)).collect()
    }

    /// Writes the inputs and the outputs of the first inference into a folder.
    pub(crate) fn save(&self, folder: &Path) -> Result<(), Failure> {
        let new = NewFolder::create(folder)?;
        let outputs = self.expected.as_deref().unwrap_or_default();
        let mut staged = numpy::stage_all(folder, "input", &self.inputs)?;
        staged.extend(numpy::stage_all(folder, "output", outputs)?);
        staged.into_iter().try_for_each(Staged::commit)?;
        new.keep();
        Ok(())
    }

    /// The recording, once an inference has been recorded.
    pub(crate) fn recording(&self) -> Option<&Recording> {
        self.session.recording(&Key::default())
    }

    /// The plan of that recording.
    pub(crate) fn plan(&self) -> Option<&Plan> {
        self.session.plan(&Key::default())
    }

    /// The statistics of replaying.
    pub(crate) fn replayed(&self) -> Option<KeyReport> {
        self.session.report().keys.pop()
    }
}

/// Dimensions that were not given, with the sizes assumed for them; fails for one that must be
/// given.
fn assumed_dims(path: &Path, given: &[DimSize]) -> Result<Vec<(String, u64)>, Failure> {
    let dims = input::dimensions(path)?;
    let is_given = |name: &str| given.iter().any(|dim| dim.name == name);
    let unknown = given
        .iter()
        .find(|dim| dims.iter().all(|known| known.name != dim.name));
    if let Some(dim) = unknown {
        let known: Vec<&str> = dims.iter().map(|dim| dim.name.as_str()).collect();
        return Err(Failure::Usage(format!(
            "{}: the model has no dimension that --dim {dim} could set; it has {}",
            path.display(),
            known.join(", ")
        )));
    }
    let needed = dims
        .iter()
        .filter(|dim| !dim.is_bound && !is_given(&dim.name));
    let missing: Vec<String> = needed
        .clone()
        .filter(|dim| dim.assumed.is_none())
        .map(|dim| dim_option(&dim.name))
        .collect();
    if !missing.is_empty() {
        let missing = format!("sizes are missing: add {}", missing.join(" "));
        return Err(Failure::file(path, missing));
    }
    Ok(needed
        .filter_map(|dim| Some((dim.name.clone(), dim.assumed?)))
        .collect())
}

/// The threads besides the calling one: a pool computes with its own threads while the caller
/// waits.
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
    let outcome = catch_panics(|| model.run(inputs.clone()));
    let outcome =
        outcome.map_err(|panic| InferenceError::Model(format!("it panicked ({panic})")))?;
    let reason = |error| format!("{error:#}").chars().take(MAX_REASON).collect();
    outcome.map_err(|error| InferenceError::Model(reason(error)))
}

fn same_bits(expected: &[TValue], outputs: &[TValue]) -> bool {
    let same = |a: &TValue, b: &TValue| {
        let alike = a.datum_type() == b.datum_type() && a.shape() == b.shape();
        // The bytes of strings are pointers.
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
    fn equal_bits_of_another_type_or_shape_are_a_difference() {
        let [flat, tall] = [&[2][..], &[2, 1]].map(|shape| {
            let tensor = Tensor::from_shape(shape, &[1.0f32, 2.0]).unwrap();
            [tensor.into_tvalue()]
        });
        assert!(!same_bits(&flat, &tall));
        let bits = Tensor::from_shape(&[1], &[1.0f32.to_bits()]).unwrap();
        assert!(!same_bits(&outputs(&[1.0]), &[bits.into_tvalue()]));
    }
}
