//! What is of one device is refused by another one, with the names of both.

use orionrt_devices::{
    DeviceArena, DeviceUse, StreamId, StreamOrder,
    vulkan::{
        VulkanMemory, VulkanProgramError, VulkanProgramRecorder, VulkanRecorder, VulkanStream,
    },
};
use orionrt_plan::{Lifetimes, Planner, TensorId};

use crate::{
    other_device::names_both,
    support::{affine, by, device, groups, silent},
};

#[test]
fn what_is_of_another_device_is_refused_with_the_names_of_both() {
    let (Some(here), Some(there)) = (device(), device()) else {
        return;
    };
    let name = &here.properties().name;
    let names_both = |error, given| names_both(error, given, name);
    let rows = [("x", 0, 2, 256, 256), ("y", 1, 3, 256, 256)];
    let plan = Planner::new().alignment(here.properties().plan_alignment());
    let plan = plan.plan(&Lifetimes::from_rows(rows).unwrap()).unwrap();
    let order = StreamOrder::new(1);
    let stream = StreamId::new(0);
    let arena = |device| DeviceArena::new(VulkanMemory::allocate(device, plan.peak()).unwrap());
    let pools = [&here, &there].map(|device| {
        let arena = arena(device).unwrap();
        arena.pool(&plan, &order).unwrap()
    });
    let slots = |pool: usize| [0, 1].map(|id| pools[pool].slot(TensorId::new(id), stream).unwrap());
    let ([x, y], [other_x, _other_y]) = (slots(0), slots(1));
    let kernels = [&here, &there].map(|device| affine(device).unwrap());
    let mut streams =
        [&here, &there].map(|device| VulkanStream::new(device, stream, 1024).unwrap());

    // A slot, a kernel.
    let mut program = VulkanProgramRecorder::new(&here, &order);
    let mut dispatch = |kernel, from| {
        let uses = [DeviceUse::Read(from), DeviceUse::Write(&y)];
        program.dispatch(stream, kernel, &uses, &by(2, 1), groups(64))
    };
    for (kernel, from, given) in [(0, &other_x, "a buffer"), (1, &x, "a kernel")] {
        match dispatch(&kernels[kernel], from) {
            Err(VulkanProgramError::Memory(error)) => names_both(error, given),
            other => panic!("{other:?}"),
        }
    }
    dispatch(&kernels[0], &x).unwrap();

    // A program, commands, an event, a buffer of a transfer.
    let program = program.finish().unwrap();
    match program.submit(&mut streams[1..]) {
        Err(VulkanProgramError::Memory(error)) => names_both(error, "a list of commands"),
        other => panic!("{other:?}"),
    }
    let mut recorder = VulkanRecorder::new(&here);
    names_both(recorder.fill(other_x.buffer(), 0).unwrap_err(), "a buffer");
    recorder.fill(x.buffer(), 7).unwrap();
    let commands = recorder.finish().unwrap();
    let submitted = streams[1].submit(&commands, &[]);
    names_both(submitted.unwrap_err(), "a list of commands");
    let event = streams[0].submit(&commands, &[]).unwrap();
    names_both(
        streams[1].wait_for(&[event]).unwrap_err(),
        "a timeline point",
    );
    let uploaded = streams[0].upload(&[1_u32; 64], other_x.buffer());
    names_both(uploaded.unwrap_err(), "a buffer");

    // Mesa 22.3 may crash where the host waits for a timeline while its earlier values are pending.
    streams[0].wait().unwrap();
    program.submit(&mut streams[..1]).unwrap();
    streams[0].wait().unwrap();
    let mut values = [0_u32; 64];
    let y_values = y.download_bytes(&mut values).unwrap();
    streams[0].download(y.buffer(), y_values).unwrap();
    assert_eq!(values, [15; 64]);
    for device in [&here, &there] {
        silent(&device.messages());
    }
}
