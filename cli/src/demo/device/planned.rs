//! A network on a device with all its tensors in one block, at their planned offsets.
//!
//! Stands on a pool of `orionrt-devices`, on [`claims`](super::claims) and on
//! [`constants`](super::constants). The block, the buffers of the tensors and the recorded
//! dispatches are made once. Invariant: a run allocates no device memory; it uploads the input,
//! submits what was recorded, and downloads the output.
//!
//! ```text
//! once       plan ─► one block ─► a buffer for each tensor ─► dispatches recorded
//! each run   input ─► submit ─► output
//! ```

#![forbid(unsafe_code)]

use orionrt::{Plan, TensorId};
use orionrt_devices::{DeviceArena, DeviceMemory, DevicePool, StreamOrder};

use super::{
    claims::claim,
    constants::Constants,
    gpu::{Gpu, Kernels, Recorded},
    program::{Operand, Program},
};
use crate::{
    demo::{executor::RegionLayout, network::Network, placement::check_length},
    failure::Failure,
};

/// A network that is ready to run in a planned block.
pub struct Planned<'g, G: Gpu> {
    gpu: &'g G,
    network: &'g Network,
    commands: G::Commands,
    constants: Constants<G>,
    pool: DevicePool<G::Block>,
    slots: usize,
}

/// The program of `network` under `plan`.
///
/// # Errors
/// The plan is not one of this network or of this device.
pub fn program(gpu: &impl Gpu, network: &Network, plan: &Plan) -> Result<Program, Failure> {
    gpu.properties().check(plan).map_err(Failure::demo)?;
    let layout = RegionLayout::new(network, plan).map_err(Failure::demo)?;
    let alignment = gpu.properties().plan_alignment();
    Ok(Program::new(network, Some(&layout), alignment))
}

impl<'g, G: Gpu> Planned<'g, G> {
    /// Lays the plan into a block of its own and records the program.
    ///
    /// # Errors
    /// The device has no memory for it, two tensors have the same bytes at once, or the driver
    /// refuses a dispatch.
    pub fn new(
        gpu: &'g G,
        kernels: &Kernels<G>,
        network: &'g Network,
        plan: &Plan,
        program: &Program,
    ) -> Result<Self, Failure> {
        let block = gpu.block(plan.peak())?;
        let arena = DeviceArena::new(block).map_err(Failure::demo)?;
        let pool = arena
            .pool(plan, &StreamOrder::new(1))
            .map_err(Failure::demo)?;
        let constants = Constants::new(gpu, program)?;
        let mut recorded = Vec::new();
        for dispatch in program.steps().iter().flatten() {
            let operands = dispatch.operands.iter().map(|operand| match operand {
                Operand::Tensor(id) => buffer(network, &pool, *id),
                Operand::Constant(range) => constants.buffer(range),
                Operand::Staged(_) => Err(Failure::demo("a planned program has no staged bytes")),
            });
            recorded.push(Recorded {
                kernel: kernels.get(dispatch.shader)?,
                buffers: operands.collect::<Result<_, _>>()?,
                groups: dispatch.groups,
            });
        }
        Ok(Self {
            slots: claim(network, &pool)?,
            commands: gpu.record(&recorded)?,
            gpu,
            network,
            constants,
            pool,
        })
    }

    /// The bytes of device memory that all tensors have.
    pub fn bytes(&self) -> u64 {
        self.pool.arena().memory().bytes()
    }

    /// How many slots were claimed; none if bytes of a tensor are lent to others in parts.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// The bytes of constants.
    pub fn constant_bytes(&self) -> u64 {
        self.constants.bytes()
    }

    /// Computes `output` from `input`.
    ///
    /// # Errors
    /// A length is not that of the network's input or output, or the device is lost.
    pub fn run(&mut self, input: &[f32], output: &mut [f32]) -> Result<(), Failure> {
        let (network, memory) = (self.network, self.pool.arena().memory());
        let (from, to) = (network.input(), network.output());
        check_length(network, from, input.len()).map_err(Failure::demo)?;
        check_length(network, to, output.len()).map_err(Failure::demo)?;
        let bytes: Vec<u8> = input.iter().flat_map(|value| value.to_ne_bytes()).collect();
        self.gpu
            .upload(memory, buffer(network, &self.pool, from)?, &bytes)?;
        self.gpu.run(&self.commands)?;
        self.gpu
            .download(memory, buffer(network, &self.pool, to)?, output)
    }
}

/// The buffer of a tensor.
fn buffer<'p, B: DeviceMemory>(
    network: &Network,
    pool: &'p DevicePool<B>,
    id: TensorId,
) -> Result<&'p B::Buffer, Failure> {
    let missing = || {
        let name = network.tensor_name(id);
        Failure::demo(format!("the plan has no bytes for tensor '{name}'"))
    };
    pool.buffer(id).ok_or_else(missing)
}
