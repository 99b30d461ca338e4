//! A network on a device with a buffer of its own for each tensor, as a program has them that knows
//! no lifetimes ahead of time.
//!
//! Stands on [`gpu`](super::gpu) and [`constants`](super::constants). A tensor's buffer is made
//! before the node that writes it runs, and is given back when its last reader has run: the device
//! is waited for after each node. A [`Peer`] makes the buffers. Invariant: at no time does a buffer
//! exist whose tensor is not alive.

#![forbid(unsafe_code)]

use orionrt::{Aliasing, TensorId};
use orionrt_devices::DeviceMemory;

use super::{
    constants::Constants,
    gpu::{Gpu, Kernels, Peer, Recorded},
    program::{Dispatch, Operand, Program},
};
use crate::{
    demo::{network::Network, placement::check_length},
    failure::Failure,
};

/// A network that is ready to run with a buffer for each tensor.
pub struct Separate<'g, G: Gpu> {
    gpu: &'g G,
    kernels: &'g Kernels<G>,
    network: &'g Network,
    program: &'g Program,
    constants: Constants<G>,
    /// For the input and the output: the only memory that the host fills and reads.
    staging: G::Block,
    /// The tensors whose lifetime ends after each step.
    ends: Vec<Vec<TensorId>>,
    peer: G::Peer<'g>,
    live: Vec<Option<<G::Peer<'g> as Peer>::Tensor>>,
    usage: Usage,
}

/// What the tensors of a network took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Buffers made so far.
    pub allocations: u64,
    /// Bytes of tensors at this moment.
    live: u64,
    /// The most bytes of tensors at once.
    pub most_live: u64,
    /// The most bytes that the allocator had of the device.
    pub most_held: u64,
}

/// The program of `network` with a buffer for each tensor.
pub fn program(gpu: &impl Gpu, network: &Network) -> Program {
    Program::new(network, None, gpu.properties().plan_alignment())
}

impl<'g, G: Gpu> Separate<'g, G> {
    /// Prepares to run `program`, which is one of `network` with a buffer for each tensor.
    ///
    /// # Errors
    /// The device has no memory for the constants.
    pub fn new(
        gpu: &'g G,
        kernels: &'g Kernels<G>,
        network: &'g Network,
        program: &'g Program,
    ) -> Result<Self, Failure> {
        let lifetimes = network.graph().lifetimes_with(Aliasing::Off);
        let mut ends = vec![Vec::new(); network.nodes().len()];
        for (id, _, row) in lifetimes.iter() {
            let last = usize::try_from(row.upper - 1).ok();
            if let Some(ends) = last.and_then(|last| ends.get_mut(last)) {
                ends.push(id);
            }
        }
        let [_, output] = Program::staged(network, gpu.properties().plan_alignment());
        Ok(Self {
            gpu,
            kernels,
            network,
            program,
            constants: Constants::new(gpu, program)?,
            staging: gpu.block(output.end)?,
            live: lifetimes.rows().iter().map(|_| None).collect(),
            ends,
            peer: gpu.peer()?,
            usage: Usage::default(),
        })
    }

    /// What the tensors took so far.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// Computes `output` from `input`.
    ///
    /// # Errors
    /// A length is not that of the network's input or output, the device has no memory for a
    /// tensor, or it is lost.
    pub fn run(&mut self, input: &[f32], output: &mut [f32]) -> Result<(), Failure> {
        let (network, gpu) = (self.network, self.gpu);
        check_length(network, network.input(), input.len()).map_err(Failure::demo)?;
        check_length(network, network.output(), output.len()).map_err(Failure::demo)?;
        let staged = Program::staged(network, gpu.properties().plan_alignment());
        let [from, to] = staged.map(|range| self.staging.buffer(range));
        let (from, to) = (from.map_err(Failure::demo)?, to.map_err(Failure::demo)?);
        let bytes: Vec<u8> = input.iter().flat_map(|value| value.to_ne_bytes()).collect();
        gpu.upload(&self.staging, &from, &bytes)?;
        self.allocate(network.input())?;
        for (step, node) in network.nodes().iter().enumerate() {
            self.allocate(node.writes())?;
            let commands = self.program.steps()[step].iter();
            let commands = commands.map(|dispatch| self.recorded(dispatch, [&from, &to]));
            let commands: Vec<_> = commands.collect::<Result<_, _>>()?;
            gpu.run(&gpu.record(&commands)?)?;
            for id in self.ends[step].clone() {
                self.free(id)?;
            }
        }
        gpu.download(&self.staging, &to, output)
    }

    fn recorded<'r>(
        &'r self,
        dispatch: &Dispatch,
        [input, output]: [&'r G::Buffer; 2],
    ) -> Result<Recorded<'r, G>, Failure> {
        let operands = dispatch.operands.iter().map(|operand| match operand {
            Operand::Tensor(id) => self.tensor(*id),
            Operand::Constant(range) => self.constants.buffer(range),
            Operand::Staged(range) if range.start == 0 => Ok(input),
            Operand::Staged(_) => Ok(output),
        });
        Ok(Recorded {
            kernel: self.kernels.get(dispatch.shader)?,
            buffers: operands.collect::<Result<_, _>>()?,
            groups: dispatch.groups,
        })
    }

    fn tensor(&self, id: TensorId) -> Result<&G::Buffer, Failure> {
        let tensor = self.live[id.index()].as_ref();
        let missing = || {
            let name = self.network.tensor_name(id);
            Failure::demo(format!("tensor '{name}' has no buffer"))
        };
        Ok(self.peer.buffer(tensor.ok_or_else(missing)?))
    }

    fn bytes(&self, id: TensorId) -> u64 {
        (size_of::<f32>() * self.network.length(id)) as u64
    }

    fn allocate(&mut self, id: TensorId) -> Result<(), Failure> {
        let bytes = self.bytes(id);
        let name = self.network.tensor_name(id);
        self.live[id.index()] = Some(self.peer.allocate(name, bytes)?);
        let usage = &mut self.usage;
        usage.allocations += 1;
        usage.live += bytes;
        usage.most_live = usage.most_live.max(usage.live);
        usage.most_held = usage.most_held.max(self.peer.held());
        Ok(())
    }

    fn free(&mut self, id: TensorId) -> Result<(), Failure> {
        if let Some(tensor) = self.live[id.index()].take() {
            self.usage.live -= self.bytes(id);
            self.peer.free(tensor)?;
        }
        Ok(())
    }
}

/// After a run that failed, what is left goes back to the allocator before that goes itself.
impl<G: Gpu> Drop for Separate<'_, G> {
    fn drop(&mut self) {
        for tensor in self.live.iter_mut().filter_map(Option::take) {
            // There is nobody left to tell.
            let _ = self.peer.free(tensor);
        }
    }
}
