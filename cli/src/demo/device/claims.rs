//! The claims of a planned run: which tensors have which bytes while it is recorded.
//!
//! Stands on the slots of `orionrt-devices`. Each root, a tensor with bytes of its own, has a slot:
//! from the first node that writes the root or a tensor within it, to the last one that needs
//! either. The slots are claimed and given up in the order in which the device runs the nodes, so a
//! plan in which two tensors have the same bytes at once is refused before the device runs it.
//!
//! With parts of results, bytes of a root are lent to others while only some of it is there. A slot
//! is claimed as a whole, so such plans have no slots; that their tensors keep their bytes is what
//! [`Plan`](orionrt::Plan) promises.

#![forbid(unsafe_code)]

use orionrt::{Lifetimes, TensorId};
use orionrt_devices::{DeviceMemory, DevicePool, DeviceSlot, StreamId};

use crate::{demo::network::Network, failure::Failure};

/// The stream of all kernels.
pub const KERNELS: StreamId = StreamId::new(0);

/// Claims the slots of a run of `network`, with kernels on one stream, and gives them up; the host
/// writes the input before it and reads the output behind it. Returns how many slots were claimed.
///
/// # Errors
/// Two tensors have the same bytes at the same time, or a use is not in the order of the streams.
pub fn claim<M: DeviceMemory>(network: &Network, pool: &DevicePool<M>) -> Result<usize, Failure> {
    if pool.plan().lifetimes().has_windows() {
        return Ok(0);
    }
    let mut slots = Slots::new(pool);
    slots.run(network)?;
    Ok(slots.claimed)
}

struct Slots<'p, M: DeviceMemory> {
    pool: &'p DevicePool<M>,
    lifetimes: &'p Lifetimes,
    /// Of each tensor that is a root and in use.
    live: Vec<Option<DeviceSlot<M>>>,
    claimed: usize,
}

impl<'p, M: DeviceMemory> Slots<'p, M> {
    fn new(pool: &'p DevicePool<M>) -> Self {
        let lifetimes = pool.plan().lifetimes();
        Self {
            pool,
            lifetimes,
            live: lifetimes.rows().iter().map(|_| None).collect(),
            claimed: 0,
        }
    }

    fn run(&mut self, network: &Network) -> Result<(), Failure> {
        self.write(network.input(), StreamId::HOST)?;
        self.wait(KERNELS, StreamId::HOST)?;
        for (step, node) in network.nodes().iter().enumerate() {
            for &id in node.reads() {
                self.read(id, KERNELS)?;
            }
            self.write(node.writes(), KERNELS)?;
            if step + 1 == network.nodes().len() {
                self.wait(StreamId::HOST, KERNELS)?;
                self.read(network.output(), StreamId::HOST)?;
            }
            self.give_up_behind(step);
        }
        // The next run's input is written when the host has waited for this one.
        self.wait(StreamId::HOST, KERNELS)
    }

    fn root(&self, id: TensorId) -> TensorId {
        let row = &self.lifetimes.rows()[id.index()];
        row.within.map_or(id, |within| within.root)
    }

    /// A node writes a tensor: into a slot that is claimed for it, or into that of its root.
    fn write(&mut self, id: TensorId, stream: StreamId) -> Result<(), Failure> {
        let root = self.root(id);
        if let Some(slot) = &self.live[root.index()] {
            return slot.write_on(stream).map_err(Failure::demo);
        }
        let slot = self.pool.slot(root, stream).map_err(Failure::demo)?;
        self.live[root.index()] = Some(slot);
        self.claimed += 1;
        Ok(())
    }

    fn read(&self, id: TensorId, stream: StreamId) -> Result<(), Failure> {
        let given_up = || {
            let name = self.lifetimes.name(id).unwrap_or_default();
            Failure::demo(format!(
                "tensor '{name}' is read when its slot was given up"
            ))
        };
        let slot = self.live[self.root(id).index()].as_ref();
        let read = slot.ok_or_else(given_up)?.read_on(stream);
        read.map_err(Failure::demo)
    }

    fn wait(&self, waiting: StreamId, signalling: StreamId) -> Result<(), Failure> {
        let event = self.pool.signal(signalling).map_err(Failure::demo)?;
        self.pool.wait(waiting, &event).map_err(Failure::demo)
    }

    /// Gives up the roots whose lifetime ends with a step.
    fn give_up_behind(&mut self, step: usize) {
        let rows = self.lifetimes.rows().iter();
        for (row, slot) in rows.zip(&mut self.live) {
            if row.upper <= step as i64 + 1 {
                *slot = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use orionrt::{Aliasing, Planner};
    use orionrt_devices::{DeviceArena, HostDevice, StreamOrder};

    use super::*;
    use crate::demo::models::small_networks;

    fn pool(lifetimes: &Lifetimes) -> DevicePool<HostDevice> {
        let plan = Planner::new().alignment(64).plan(lifetimes).unwrap();
        let arena = DeviceArena::new(HostDevice::new(1 << 20).unwrap()).unwrap();
        arena.pool(&plan, &StreamOrder::new(1)).unwrap()
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
