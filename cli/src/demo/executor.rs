//! Runs a network with its tensors wherever a [`TensorSource`] puts them.
//!
//! Stands on [`network`](super::network) and on [`orionrt::Lifetimes`]. An [`Executor`] makes a tensor at
//! the step that writes it, as an ordinary `Vec` of exactly its elements, and drops it as soon as its
//! lifetime ends.
//!
//! Invariant: a tensor exists only within its lifetime, so a source needs room for [`Lifetimes::load`] bytes
//! and no more. The executor itself allocates nothing else while it runs; each matrix product borrows
//! a packing buffer from the heap (at most 1.1 MiB), whatever the source.
//!
//! ```text
//! step             0          1          2
//!         input ─► a ───────► b ───────► output ─► copied out, dropped
//!                  ▲          ▲
//!                  │          a.upper = 2: dropped when step 1 is over
//!                  input.upper = 1: dropped when step 0 is over
//! ```

#![forbid(unsafe_code)]

use std::{convert::Infallible, error::Error};

use allocator_api2::{
    alloc::{Allocator, Global},
    vec::Vec as TensorVec,
};
use orionrt::{Lifetimes, TensorId};

use super::{
    network::{MAX_READS, Network, Node},
    run_error::RunError,
};

/// Where the tensors of a network live.
pub trait TensorSource {
    /// Grants one tensor its memory.
    type Alloc: Allocator;
    /// Why there is no place for a tensor.
    type Error: Error + Send + Sync + 'static;

    /// The allocator for one tensor; asked once a run, when the tensor's lifetime begins.
    ///
    /// # Errors
    /// When the source has no place for this tensor.
    fn allocator(&self, tensor: TensorId) -> Result<Self::Alloc, Self::Error>;
}

/// Every tensor from one allocator, as programs without a plan do it.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeapSource<A = Global>(pub A);

impl<A: Allocator + Clone> TensorSource for HeapSource<A> {
    type Alloc = A;
    type Error = Infallible;

    fn allocator(&self, _: TensorId) -> Result<A, Infallible> {
        Ok(self.0.clone())
    }
}

/// A network, ready to run as often as one likes.
#[derive(Debug)]
pub struct Executor<'n, S: TensorSource> {
    network: &'n Network,
    source: S,
    /// The tensors whose lifetime ends after each step.
    ends: Vec<Vec<TensorId>>,
    /// The tensors that exist now.
    live: Vec<Option<TensorVec<f32, S::Alloc>>>,
}

impl<'n, S: TensorSource> Executor<'n, S> {
    /// Prepares to run `network` with tensors from `source` that live as `lifetimes` says.
    ///
    /// # Errors
    /// When a step reads or writes a tensor outside of its lifetime, or the lifetimes are not of this network.
    pub fn new(network: &'n Network, lifetimes: &Lifetimes, source: S) -> Result<Self, RunError> {
        check_lifetimes(network, lifetimes)?;
        let mut ends = vec![Vec::new(); network.nodes().len()];
        for (id, _, row) in lifetimes.iter() {
            let last = usize::try_from(row.upper - 1).ok();
            if let Some(ends) = last.and_then(|last| ends.get_mut(last)) {
                ends.push(id);
            }
        }
        let live = lifetimes.rows().iter().map(|_| None).collect();
        Ok(Self {
            network,
            source,
            ends,
            live,
        })
    }

    /// Computes `output` from `input`.
    ///
    /// # Errors
    /// When a length is not that of the network's input or output, or the source has no memory for a tensor.
    pub fn run(&mut self, input: &[f32], output: &mut [f32]) -> Result<(), RunError> {
        self.check_length(self.network.input(), input.len())?;
        self.check_length(self.network.output(), output.len())?;
        let result = self.run_steps(input, output);
        self.live.fill_with(|| None);
        result
    }

    fn run_steps(&mut self, input: &[f32], output: &mut [f32]) -> Result<(), RunError> {
        let mut tensor = self.create(self.network.input())?;
        tensor.copy_from_slice(input);
        self.live[self.network.input().index()] = Some(tensor);
        let last = self.network.nodes().len() - 1;
        for (step, node) in self.network.nodes().iter().enumerate() {
            self.run_node(step, node)?;
            if step == last {
                output.copy_from_slice(self.read(step, self.network.output())?);
            }
            for id in &self.ends[step] {
                self.live[id.index()] = None;
            }
        }
        Ok(())
    }

    fn run_node(&mut self, step: usize, node: &Node) -> Result<(), RunError> {
        let mut output = self.create(node.writes())?;
        let mut inputs = [&[][..]; MAX_READS];
        for (input, &id) in inputs.iter_mut().zip(node.reads()) {
            *input = self.read(step, id)?;
        }
        node.kernel()
            .run(&inputs[..node.reads().len()], &mut output);
        self.live[node.writes().index()] = Some(output);
        Ok(())
    }

    /// A tensor of zeros: safe code has no cheaper way to a slice that a kernel then overwrites.
    fn create(&self, id: TensorId) -> Result<TensorVec<f32, S::Alloc>, RunError> {
        let failed = |cause| RunError::NoMemory {
            tensor: self.network.tensor_name(id).into(),
            cause,
        };
        let length = self.network.length(id);
        let allocator = self.source.allocator(id).map_err(|e| failed(Box::new(e)))?;
        let mut tensor = TensorVec::new_in(allocator);
        let reserved = tensor.try_reserve_exact(length);
        reserved.map_err(|e| failed(format!("{}: {e}", bytes(length)).into()))?;
        tensor.resize(length, 0.0);
        Ok(tensor)
    }

    fn read(&self, step: usize, id: TensorId) -> Result<&[f32], RunError> {
        let tensor = self.live[id.index()].as_deref();
        tensor.ok_or_else(|| not_alive(self.network, step, id))
    }

    fn check_length(&self, id: TensorId, given: usize) -> Result<(), RunError> {
        let expected = self.network.length(id);
        if given == expected {
            return Ok(());
        }
        let tensor = self.network.tensor_name(id).into();
        Err(RunError::WrongLength {
            tensor,
            expected,
            given,
        })
    }
}

/// Refuses lifetimes under which a step would touch a tensor that is not alive.
fn check_lifetimes(network: &Network, lifetimes: &Lifetimes) -> Result<(), RunError> {
    let tensors = network.graph().tensors();
    let expected = tensors.len();
    if lifetimes.len() != expected {
        return Err(RunError::WrongCount {
            expected,
            given: lifetimes.len(),
        });
    }
    for ((id, tensor), row) in tensors.zip(lifetimes.rows()) {
        if row.size < tensor.layout().size() as u64 {
            let expected = network.length(id);
            let (tensor, given) = (tensor.name().into(), row.size as usize / size_of::<f32>());
            return Err(RunError::WrongLength {
                tensor,
                expected,
                given,
            });
        }
    }
    let alive = |step: usize, id: TensorId| {
        let row = lifetimes.rows()[id.index()];
        let alive = (row.lower..row.upper).contains(&(step as i64));
        if alive {
            Ok(())
        } else {
            Err(not_alive(network, step, id))
        }
    };
    alive(0, network.input())?;
    for (step, node) in network.nodes().iter().enumerate() {
        node.reads().iter().try_for_each(|&id| alive(step, id))?;
        alive(step, node.writes())?;
    }
    alive(network.nodes().len() - 1, network.output())
}

fn not_alive(network: &Network, step: usize, id: TensorId) -> RunError {
    RunError::NotAlive {
        tensor: network.tensor_name(id).into(),
        op: network.graph().ops()[step].name().into(),
        step,
    }
}

fn bytes(length: usize) -> String {
    format!("{} bytes", length * size_of::<f32>())
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;
    use crate::demo::{
        meter::Metered,
        models::{conv_net, sample_input, transformer_encoder},
    };

    fn networks(seed: u64) -> [Network; 2] {
        [transformer_encoder(seed).unwrap(), conv_net(seed).unwrap()]
    }

    fn result<S: TensorSource>(executor: &mut Executor<'_, S>) -> Result<Vec<f32>, RunError> {
        let network = executor.network;
        let mut output = vec![f32::NAN; network.length(network.output())];
        executor.run(&sample_input(network, 5), &mut output)?;
        Ok(output)
    }

    /// The lifetimes of `network`, changed row by row.
    fn changed(network: &Network, change: impl Fn(&str, &mut orionrt::Lifetime)) -> Lifetimes {
        let lifetimes = network.graph().lifetimes();
        let rows = lifetimes.iter().map(|(_, name, &row)| {
            let mut row = row;
            change(name, &mut row);
            (name, row.lower, row.upper, row.size, row.alignment)
        });
        Lifetimes::from_rows(rows).unwrap()
    }

    #[test]
    fn a_seed_gives_one_result_bit_for_bit() {
        let runs = |network: &Network, count: usize| {
            let lifetimes = network.graph().lifetimes();
            let mut executor = Executor::new(network, &lifetimes, HeapSource(Global)).unwrap();
            let bits = |v: Vec<f32>| v.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            let each = (0..count).map(|_| bits(result(&mut executor).unwrap()));
            each.collect::<Vec<_>>()
        };
        for ((network, again), other) in networks(1).iter().zip(&networks(1)).zip(&networks(2)) {
            let [first, second] = runs(network, 2).try_into().unwrap();
            assert_eq!(first, second);
            assert_eq!(first, runs(again, 1)[0]);
            assert_ne!(first, runs(other, 1)[0]);
        }
    }

    #[test]
    fn results_look_like_what_the_networks_compute() {
        let [encoder, classifier] = networks(1).map(|network| {
            let lifetimes = network.graph().lifetimes();
            let mut executor = Executor::new(&network, &lifetimes, HeapSource(Global)).unwrap();
            result(&mut executor).unwrap()
        });
        for row in encoder.chunks(256) {
            assert!(
                row.iter().sum::<f32>().abs() < 1e-2,
                "the last layer norm centres each position"
            );
        }
        assert!(encoder.iter().all(|value| value.is_finite()));
        assert!((classifier.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(classifier.iter().all(|&p| p > 0.0));
    }

    #[test]
    fn the_peak_is_the_load_to_the_byte() {
        for network in networks(1) {
            // Tensors that live longer than they must show that it is the lifetimes which decide.
            let longer = |_: &str, row: &mut orionrt::Lifetime| row.upper += 3;
            let exact = network.graph().lifetimes();
            for lifetimes in [changed(&network, longer), exact] {
                let metered = Metered::new(Global);
                let source = HeapSource(metered.clone());
                let mut executor = Executor::new(&network, &lifetimes, source).unwrap();
                for run in 1..=2 {
                    result(&mut executor).unwrap();
                    assert_eq!(metered.peak_bytes() as u64, lifetimes.load());
                    assert_eq!(metered.live_bytes(), 0);
                    assert_eq!(metered.allocations(), run * lifetimes.len());
                }
            }
        }
    }

    #[test]
    fn lifetimes_that_end_too_early_or_begin_too_late_are_refused() {
        let [network, _] = networks(1);
        let refused = |lifetimes: &Lifetimes| {
            let error = Executor::new(&network, lifetimes, HeapSource(Global)).unwrap_err();
            error.to_string()
        };
        let early = changed(&network, |name, row| {
            row.upper -= i64::from(name == "layer1.v")
        });
        let op = "tensor 'layer1.v' is not alive at operator 'layer1.mixed' (step 20)";
        assert_eq!(refused(&early), op);
        let late = changed(&network, |name, row| {
            row.lower += i64::from(name == "layer1.v")
        });
        assert!(refused(&late).contains("not alive at operator 'layer1.v'"));
        let small = changed(&network, |name, row| {
            row.size -= 4 * u64::from(name == "layer1.v")
        });
        assert_eq!(
            refused(&small),
            "tensor 'layer1.v' has 32768 elements, not 32767"
        );
        let other = conv_net(1).unwrap().graph().lifetimes();
        assert!(refused(&other).contains("the network has 58 tensors"));
    }

    #[test]
    fn a_source_without_memory_ends_the_run_and_nothing_stays_alive() {
        /// Has no place for one tensor.
        struct Full(TensorId, Metered<Global>);
        impl TensorSource for Full {
            type Alloc = Metered<Global>;
            type Error = fmt::Error;
            fn allocator(&self, id: TensorId) -> Result<Metered<Global>, fmt::Error> {
                if id == self.0 {
                    Err(fmt::Error)
                } else {
                    Ok(self.1.clone())
                }
            }
        }
        let [network, _] = networks(1);
        let id = network.graph().find("layer2.scores").unwrap();
        let metered = Metered::new(Global);
        let lifetimes = network.graph().lifetimes();
        let mut executor = Executor::new(&network, &lifetimes, Full(id, metered.clone())).unwrap();
        let error = result(&mut executor).unwrap_err().to_string();
        assert!(
            error.starts_with("no memory for tensor 'layer2.scores'"),
            "{error}"
        );
        assert!(metered.peak_bytes() > 0);
        assert_eq!(metered.live_bytes(), 0);
        let short = executor.run(&[], &mut []).unwrap_err().to_string();
        assert_eq!(short, "tensor 'input' has 32768 elements, not 0");
    }
}
