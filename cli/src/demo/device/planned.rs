//! A network on a device with all its tensors in one block, at their planned offsets.
//!
//! Stands on a pool of `orionrt-devices`, on [`claims`](super::claims) and on
//! [`constants`](super::constants). The block, the buffers of the tensors and the recorded
//! dispatches are made once: the network is walked once for that, and claims the slots of what it
//! records. Invariant: a run allocates no device memory; it uploads the input, submits what was
//! recorded, and downloads the output.
//!
//! ```text
//! once       plan ─► one block ─► a buffer for each tensor ─► dispatches recorded
//! each run   input ─► submit ─► output
//! ```

#![forbid(unsafe_code)]

use orionrt::{Plan, TensorId};
use orionrt_devices::{DeviceArena, DeviceMemory, DevicePool, DeviceUse, StreamOrder};

use super::{
    claims::{Slots, claim},
    constants::Constants,
    gpu::{Gpu, Kernels},
    program::{Dispatch, Operand, Program},
};
use crate::{
    demo::{executor::RegionLayout, network::Network, placement::check_length},
    failure::Failure,
};

/// A network that is ready to run in a planned block.
pub struct Planned<'g, G: Gpu> {
    gpu: &'g G,
    network: &'g Network,
    commands: G::Program,
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
        let order = StreamOrder::new(1);
        let pool = arena.pool(plan, &order).map_err(Failure::demo)?;
        let constants = Constants::new(gpu, program)?;
        let mut recorder = gpu.recorder(&order);
        let slots = claim(network, &pool, |step, slots| {
            program.steps()[step].iter().try_for_each(|dispatch| {
                let uses = uses(dispatch, slots, &constants)?;
                let kernel = kernels.get(dispatch.shader)?;
                gpu.add(&mut recorder, kernel, &uses, dispatch.groups)
            })
        })?;
        Ok(Self {
            slots,
            commands: gpu.finish(recorder)?,
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

    /// How many slots were claimed or joined.
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
        self.gpu.run_program(&self.commands)?;
        self.gpu
            .download(memory, buffer(network, &self.pool, to)?, output)
    }
}

/// How a dispatch uses its operands: it writes the first one, and reads the others.
fn uses<'s, G: Gpu>(
    dispatch: &Dispatch,
    slots: &'s Slots<'_, G::Block>,
    constants: &'s Constants<G>,
) -> Result<Vec<DeviceUse<'s, G::Block>>, Failure> {
    let operands = dispatch.operands.iter().enumerate();
    let uses = operands.map(|(index, operand)| match operand {
        Operand::Tensor(id) if index == 0 => slots.write(*id),
        Operand::Tensor(id) => slots.read(*id),
        Operand::Constant(range) => constants.buffer(range).map(DeviceUse::Constant),
        Operand::Staged(_) => Err(Failure::demo("a planned program has no staged bytes")),
    });
    uses.collect()
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
