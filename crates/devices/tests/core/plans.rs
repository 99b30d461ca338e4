//! Plans whose tensors overlap as a test wishes, and pools of them.

use orionrt_devices::{DeviceArena, DevicePool, HostDevice, StreamId, StreamOrder};
use orionrt_plan::{Lifetimes, Plan, TensorId};

/// A plan of tensors with these offsets and sizes, named t0, t1 and so on, no two of which are
/// alive at the same step.
pub fn plan(tensors: &[(u64, u64)]) -> Plan {
    let rows = tensors.iter().enumerate().map(|(i, &(_, size))| {
        let step = i as i64;
        (format!("t{i}"), step, step + 1, size, 1)
    });
    let lifetimes = Lifetimes::from_rows(rows).unwrap();
    Plan::new(lifetimes, tensors.iter().map(|it| it.0).collect()).unwrap()
}

/// A pool of a plan, on a device with so many streams.
pub fn pool(plan: &Plan, streams: u16) -> DevicePool<HostDevice> {
    let arena = DeviceArena::new(HostDevice::new(4096).unwrap()).unwrap();
    arena.pool(plan, &StreamOrder::new(streams)).unwrap()
}

/// The id of the tensor at a position.
pub fn id(tensor: usize) -> TensorId {
    TensorId::new(tensor as u32)
}

/// The stream of a participant's number: 0 is the host.
pub fn stream(participant: usize) -> StreamId {
    match participant {
        0 => StreamId::HOST,
        number => StreamId::new(number as u32 - 1),
    }
}

/// The participant's number of a stream.
pub fn participant(stream: StreamId) -> usize {
    stream.index().map_or(0, |index| index + 1)
}
