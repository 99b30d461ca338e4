//! The driver refuses each call in turn: every time there is a typed error, nothing is left over,
//! and the device works when it no longer refuses.

use orionrt_devices::{
    DeviceMemory, DeviceMemoryError, StreamId,
    vulkan::{
        VulkanDevice, VulkanMemory, VulkanMessages, VulkanOptions, VulkanRecorder, VulkanStream,
        ash::vk,
    },
};

use crate::{
    faults,
    support::{affine, by, groups, silent, skipped},
};

const VALUES: usize = 256;

fn open(messages: &VulkanMessages) -> Result<VulkanDevice, DeviceMemoryError> {
    let loader = faults::refusing().ok_or(DeviceMemoryError::Unavailable {
        backend: "vulkan",
        reason: "there is no loader".into(),
    })?;
    let options = VulkanOptions {
        validated: true,
        queues: 2,
        messages: messages.clone(),
    };
    VulkanDevice::open_with(loader, 0, options)
}

/// Everything that a program does: a block, buffers in it, a kernel, two streams, transfers.
fn work(device: &VulkanDevice) -> Result<Vec<u32>, DeviceMemoryError> {
    let memory = VulkanMemory::allocate(device, 8192)?;
    let as_one = VulkanMemory::allocate_as_one_buffer(device, 4096)?;
    let bytes = 4 * VALUES as u64;
    let (from, to) = (memory.buffer(4096..4096 + bytes)?, as_one.buffer(0..bytes)?);
    let kernel = affine(device)?;
    let mut recorder = VulkanRecorder::new(device);
    recorder.dispatch(&kernel, &[&from, &to], &by(2, 3), groups(VALUES))?;
    let commands = recorder.finish()?;
    let stream = |number| VulkanStream::new(device, StreamId::new(number), 1024);
    let (mut first, mut second) = (stream(0)?, stream(1)?);
    let uploaded = first.upload(&[7_u32; VALUES], &from)?;
    second.submit(&commands, &[uploaded])?;
    drop((memory, as_one, commands, kernel, from));
    let mut values = vec![0; VALUES];
    second.download(&to, &mut values)?;
    Ok(values)
}

/// Does something with each of its calls refused in turn, and returns the errors.
fn refuse_each<T>(
    answer: vk::Result,
    mut attempt: impl FnMut() -> Result<T, DeviceMemoryError>,
) -> Vec<DeviceMemoryError> {
    let mut errors = Vec::new();
    for after in 0.. {
        faults::refuse(after, answer);
        let attempt = attempt();
        let was_refused = faults::accept();
        match attempt {
            Err(error) => errors.push(error),
            // Dropping a stream asks again.
            Ok(_) if was_refused => {}
            Ok(_) => break,
        }
    }
    errors
}

#[test]
fn memory_is_refused_at_every_call() {
    let messages = VulkanMessages::default();
    if let Err(DeviceMemoryError::Unavailable { reason, .. }) = open(&messages) {
        return skipped(&reason);
    }
    let no_memory = |error: &DeviceMemoryError| match error {
        DeviceMemoryError::OutOfMemory { needed, heap } => *needed > 0 && heap.is_some(),
        DeviceMemoryError::NoMemoryTo { action } => !action.is_empty(),
        _ => false,
    };
    let answer = vk::Result::ERROR_OUT_OF_DEVICE_MEMORY;
    let errors = refuse_each(answer, || open(&messages));
    assert!(
        errors.len() > 5 && errors.iter().all(no_memory),
        "{errors:?}"
    );
    silent(&messages);

    let device = open(&messages).unwrap();
    let errors = refuse_each(answer, || work(&device));
    assert!(
        errors.len() > 30 && errors.iter().all(no_memory),
        "{errors:?}"
    );
    let blocks = |error: &&_| matches!(error, DeviceMemoryError::OutOfMemory { .. });
    assert_eq!(errors.iter().filter(blocks).count(), 4);
    assert_eq!(work(&device).unwrap(), [17; VALUES]);
    drop(device);
    silent(&messages);
    assert_eq!(faults::called(), faults::wrapped());
}

#[test]
fn a_lost_device_is_an_error_of_its_own() {
    let messages = VulkanMessages::default();
    let device = match open(&messages) {
        Err(DeviceMemoryError::Unavailable { reason, .. }) => {
            return skipped(&reason);
        }
        opened => opened.unwrap(),
    };
    let errors = refuse_each(vk::Result::ERROR_DEVICE_LOST, || work(&device));
    let lost = |error: &_| matches!(error, DeviceMemoryError::Lost { .. });
    assert!(errors.iter().all(lost), "{errors:?}");
    let of = |wanted: &str| {
        errors
            .iter()
            .any(|error| error.to_string().contains(wanted))
    };
    assert!(of("submit commands") && of("wait for a stream") && of("how far a stream is"));
    drop(device);
    silent(&messages);
}
