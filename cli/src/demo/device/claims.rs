//! The claims of a planned run: which tensors have which bytes while it is recorded.
//!
//! Stands on the slots of `orionrt-devices`. A tensor that is written has a slot, unless its bytes
//! are another slot's already: it is a view then, or a result in place. Where operands lie within
//! the result of a concatenation, each has a slot until they are joined there. A slot is given up
//! behind the last node that needs any of its bytes. All of this happens where the node's commands
//! are recorded, in the order in which the device runs them, so a plan in which two tensors have
//! the same bytes at once is refused before the device runs it.
//!
//! ```text
//! node             upsample        skip          concatenate       convolve
//! upsampled   slot ├───────────────────────────┤
//! skip        slot                 ├──────────────┤
//! joined      slot                               ├─ of both ────────────────┤
//! ```
//!
//! Invariant: each tensor that a command uses lies within one slot, which the command is given.

#![forbid(unsafe_code)]

use std::ops::Range;

use orionrt::TensorId;
use orionrt_devices::{DeviceMemory, DevicePool, DeviceSlot, DeviceSlotError, DeviceUse, StreamId};

use super::gpu::KERNELS;
use crate::{demo::network::Network, failure::Failure};

/// The slots of a run that is being recorded.
pub struct Slots<'p, M: DeviceMemory> {
    pool: &'p DevicePool<M>,
    /// For each root, a tensor with bytes of its own: the slots in its bytes.
    live: Vec<Vec<DeviceSlot<M>>>,
    /// For each root: all tensors in its bytes.
    members: Vec<Vec<TensorId>>,
    made: usize,
}

/// Claims the slots of a run of `network`, with kernels on one stream, and gives them up; the host
/// writes the input before it and reads the output behind it. Between that, `record` is asked to
/// record the commands of each step, on tensors that have slots then. Returns how many slots were
/// claimed or joined.
///
/// # Errors
/// Two tensors have the same bytes at the same time, a use is not in the order of the streams, or
/// that of `record`.
pub fn claim<M: DeviceMemory>(
    network: &Network,
    pool: &DevicePool<M>,
    mut record: impl FnMut(usize, &Slots<'_, M>) -> Result<(), Failure>,
) -> Result<usize, Failure> {
    let mut slots = Slots::new(pool);
    slots.hold(network.input(), StreamId::HOST)?;
    slots.wait(KERNELS, StreamId::HOST)?;
    for (step, node) in network.nodes().iter().enumerate() {
        slots.hold(node.writes(), KERNELS)?;
        record(step, &slots)?;
        if step + 1 == network.nodes().len() {
            // The next run's input is written when the host has waited for this one, too.
            slots.wait(StreamId::HOST, KERNELS)?;
            let output = slots.read(network.output())?;
            output.on(StreamId::HOST).map_err(Failure::demo)?;
        }
        slots.give_up_behind(step);
    }
    Ok(slots.made)
}

impl<'p, M: DeviceMemory> Slots<'p, M> {
    fn new(pool: &'p DevicePool<M>) -> Self {
        let tensors = pool.plan().len();
        let mut slots = Self {
            pool,
            live: (0..tensors).map(|_| Vec::new()).collect(),
            members: vec![Vec::new(); tensors],
            made: 0,
        };
        for (id, ..) in pool.plan().lifetimes().iter() {
            let root = slots.root(id);
            slots.members[root.index()].push(id);
        }
        slots
    }

    /// How a command uses a tensor that it reads.
    ///
    /// # Errors
    /// The tensor's bytes have no slot.
    pub fn read(&self, id: TensorId) -> Result<DeviceUse<'_, M>, Failure> {
        let slot = self.holder(id).ok_or_else(|| self.missing(id))?;
        Ok(match slot.tensor() == id {
            true => DeviceUse::Read(slot),
            false => DeviceUse::ReadPart(slot, id),
        })
    }

    /// How a command uses a tensor that it writes.
    ///
    /// # Errors
    /// The tensor's bytes have no slot.
    pub fn write(&self, id: TensorId) -> Result<DeviceUse<'_, M>, Failure> {
        let slot = self.holder(id).ok_or_else(|| self.missing(id))?;
        Ok(match slot.tensor() == id {
            true => DeviceUse::Write(slot),
            false => DeviceUse::WritePart(slot, id),
        })
    }

    /// The slot in whose bytes a tensor lies.
    fn holder(&self, id: TensorId) -> Option<&DeviceSlot<M>> {
        let slots = &self.live[self.root(id).index()];
        slots.iter().find(|slot| self.is_within(id, slot.tensor()))
    }

    fn root(&self, id: TensorId) -> TensorId {
        let row = &self.pool.plan().lifetimes().rows()[id.index()];
        row.within.map_or(id, |within| within.root)
    }

    fn bytes(&self, id: TensorId) -> Range<u64> {
        self.pool.plan().bytes(id).unwrap_or_default()
    }

    fn is_within(&self, part: TensorId, whole: TensorId) -> bool {
        let [part, whole] = [part, whole].map(|id| self.bytes(id));
        whole.start <= part.start && part.end <= whole.end
    }

    /// Sees that a tensor that is written has a slot: the one in which it lies, the one to which
    /// operands in its bytes are joined, or one that is claimed for it.
    fn hold(&mut self, id: TensorId, stream: StreamId) -> Result<(), Failure> {
        if self.holder(id).is_some() {
            return Ok(());
        }
        let root = self.root(id).index();
        let slots = std::mem::take(&mut self.live[root]);
        let (parts, others) = slots
            .into_iter()
            .partition(|slot| self.is_within(slot.tensor(), id));
        self.live[root] = others;
        let slot = self.pool.join(id, parts).or_else(|refused| {
            let error = refused.error;
            // The operands that lie in its bytes stay there: they are of the same stream. Others
            // are copied there.
            drop(refused.slots);
            match error {
                DeviceSlotError::NotFilled { .. } => self.pool.slot(id, stream),
                error => Err(error),
            }
        });
        self.live[root].push(slot.map_err(Failure::demo)?);
        self.made += 1;
        Ok(())
    }

    fn wait(&self, waiting: StreamId, signalling: StreamId) -> Result<(), Failure> {
        let event = self.pool.signal(signalling).map_err(Failure::demo)?;
        self.pool.wait(waiting, &event).map_err(Failure::demo)
    }

    /// Gives up the slots whose bytes no node behind a step needs.
    fn give_up_behind(&mut self, step: usize) {
        let next = step as i64 + 1;
        let mut live = std::mem::take(&mut self.live);
        let rows = self.pool.plan().lifetimes().rows();
        for (slots, members) in live.iter_mut().zip(&self.members) {
            slots.retain(|slot| {
                members.iter().any(|&id| {
                    let row = &rows[id.index()];
                    row.lower <= next && next < row.upper && self.is_within(id, slot.tensor())
                })
            });
        }
        self.live = live;
    }

    fn missing(&self, id: TensorId) -> Failure {
        let name = self.pool.plan().lifetimes().name(id).unwrap_or_default();
        Failure::demo(format!(
            "tensor '{name}' is used when its slot was given up"
        ))
    }
}

#[cfg(test)]
mod tests {
    use orionrt::{Aliasing, Lifetimes, Planner};
    use orionrt_devices::{DeviceArena, HostDevice, StreamOrder};

    use super::*;
    use crate::demo::models::small_networks;

    fn pool(lifetimes: &Lifetimes) -> DevicePool<HostDevice> {
        let plan = Planner::new().alignment(64).plan(lifetimes).unwrap();
        let arena = DeviceArena::new(HostDevice::new(1 << 20).unwrap()).unwrap();
        arena.pool(&plan, &StreamOrder::new(1)).unwrap()
    }

    /// Claims for commands that read what the nodes read and write their results.
    fn claim(network: &Network, pool: &DevicePool<HostDevice>) -> Result<usize, Failure> {
        super::claim(network, pool, |step, slots| {
            let node = &network.nodes()[step];
            let reads = node.reads().iter().map(|&id| slots.read(id));
            for tensor in reads.chain([slots.write(node.writes())]) {
                tensor?.on(KERNELS).map_err(Failure::demo)?;
            }
            Ok(())
        })
    }

    #[test]
    fn every_root_has_a_slot_once_in_a_run() {
        for network in small_networks(1) {
            for aliasing in [Aliasing::Off, Aliasing::Views, Aliasing::InPlace] {
                let lifetimes = network.graph().lifetimes_with(aliasing);
                let roots = lifetimes.rows().iter();
                let roots = roots.filter(|row| row.within.is_none()).count();
                let pool = pool(&lifetimes);
                // And again, as in the next run.
                for _ in 0..2 {
                    assert_eq!(claim(&network, &pool).unwrap(), roots);
                }
            }
        }
    }

    #[test]
    fn operands_within_a_result_have_slots_and_are_joined() {
        let mut joined = 0;
        for network in small_networks(1) {
            let lifetimes = network.graph().lifetimes_with(Aliasing::Parts);
            let roots = lifetimes.rows().iter();
            let roots = roots.filter(|row| row.within.is_none()).count();
            let pool = pool(&lifetimes);
            let made = claim(&network, &pool).unwrap();
            assert_eq!(claim(&network, &pool).unwrap(), made, "as in the next run");
            assert_eq!(made > roots, lifetimes.has_windows(), "{}", network.name());
            joined += made - roots;
        }
        assert!(joined > 0);
    }

    #[test]
    fn a_plan_in_which_a_tensor_dies_too_early_is_refused() {
        let [network, ..] = small_networks(1);
        let lifetimes = network.graph().lifetimes_with(Aliasing::Off);

        let mut rows = lifetimes.iter();
        let early = rows.find(|(_, _, row)| row.upper - row.lower > 3);
        let (early, ..) = early.unwrap();
        let rows = lifetimes.iter().map(|(id, name, row)| {
            let upper = if id == early {
                row.lower + 1
            } else {
                row.upper
            };
            (name, row.lower, upper, row.size, 64)
        });
        let rows: Vec<_> = rows.collect();
        let refused = claim(&network, &pool(&Lifetimes::from_rows(rows).unwrap()));
        let message = refused.unwrap_err().to_string();
        assert!(message.contains(network.tensor_name(early)), "{message}");
    }
}
