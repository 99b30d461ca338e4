//! A device that an engine has already, with its own instance and queues.

use std::{
    ffi::c_void,
    ptr::null_mut,
    sync::{Arc, atomic::AtomicPtr},
};

use orionrt_alloc::Arena;
use orionrt_devices::{
    DeviceMemory, DeviceMemoryError, StreamId,
    vulkan::{
        VulkanBuffer, VulkanDevice, VulkanMemory, VulkanOptions, VulkanParts, VulkanRecorder,
        VulkanStream,
        ash::{Device, Entry, Instance, vk},
        devices, devices_with,
    },
};

use crate::{
    loader,
    support::{device, pinned, skipped},
};

/// An engine with a device and a queue.
struct Engine {
    instance: Instance,
    physical: vk::PhysicalDevice,
    device: Device,
    _loader: Entry,
}

impl Engine {
    fn new() -> Option<Self> {
        let version = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_2);
        let info = vk::InstanceCreateInfo::default().application_info(&version);
        let queues = [vk::DeviceQueueCreateInfo::default().queue_priorities(&[1.0])];
        let mut timelines =
            vk::PhysicalDeviceTimelineSemaphoreFeatures::default().timeline_semaphore(true);
        let of_device = vk::DeviceCreateInfo::default()
            .queue_create_infos(&queues)
            .push_next(&mut timelines);
        // SAFETY: valid structures; every device has a first family of queues.
        unsafe {
            let loader = Entry::load().ok()?;
            let instance = loader.create_instance(&info, None).ok()?;
            let physical = *instance.enumerate_physical_devices().ok()?.first()?;
            let device = instance.create_device(physical, &of_device, None).ok()?;
            Some(Self {
                instance,
                physical,
                device,
                _loader: loader,
            })
        }
    }

    /// The device with its first queue.
    fn opened(&self) -> VulkanDevice {
        // SAFETY: the queue is there.
        let queue = unsafe { self.device.get_device_queue(0, 0) };
        self.opened_with(vec![queue])
    }

    /// The device with queues of its first family, which nobody else uses. It is dropped before the
    /// engine.
    fn opened_with(&self, queues: Vec<vk::Queue>) -> VulkanDevice {
        let parts = self.parts(vk::API_VERSION_1_2, queues);
        // SAFETY: the parts are of one device with timelines, which the callers drop before the
        // engine; nobody else uses the queues.
        unsafe { VulkanDevice::from_raw(parts) }.unwrap()
    }

    fn parts(&self, version: u32, queues: Vec<vk::Queue>) -> VulkanParts {
        VulkanParts {
            instance: self.instance.clone(),
            version,
            physical: self.physical,
            device: self.device.clone(),
            queue_family: 0,
            queues,
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // SAFETY: nothing else is left of them.
        unsafe {
            self.device.destroy_device(None);
            self.instance.destroy_instance(None);
        }
    }
}

/// Sends values to a buffer of 4096 bytes, and back.
fn keeps_what_is_sent(stream: &mut VulkanStream, buffer: &VulkanBuffer) {
    let sent: [u32; 1024] = core::array::from_fn(|index| index as u32);
    stream.upload(&sent, buffer).unwrap();
    let mut received = [0_u32; 1024];
    stream.download(buffer, &mut received).unwrap();
    assert_eq!(received, sent);
}

#[test]
fn an_engine_gives_its_device() {
    let Some(engine) = Engine::new() else {
        return skipped("an engine finds no device");
    };
    let device = engine.opened();
    assert_eq!((device.queues(), device.queue_family()), (1, 0));
    let memory = VulkanMemory::allocate(&device, 4096).unwrap();
    let buffer = memory.buffer(0..4096).unwrap();
    let mut stream = VulkanStream::new(&device, StreamId::new(3), 512).unwrap();
    keeps_what_is_sent(&mut stream, &buffer);

    // Without a queue, nothing runs. What is of one opened device is not of another.
    let other = engine.opened_with(Vec::new());
    let mut idle = VulkanStream::new(&other, StreamId::new(0), 0).unwrap();
    let memory_there = VulkanMemory::allocate(&other, 64).unwrap();
    let there = memory_there.buffer(0..64).unwrap();
    let refused = idle.upload(&[1_u8], &there);
    assert!(matches!(refused, Err(DeviceMemoryError::Refused { .. })));
    let refused = stream.upload(&[1_u8], &there);
    assert!(matches!(
        refused,
        Err(DeviceMemoryError::OtherDevice { .. })
    ));
    drop((stream, buffer, memory, device));
    drop((idle, there, memory_there, other));
}

/// It is not known with which extensions the engine made its device, so nothing is imported.
#[test]
fn transfers_on_the_device_of_an_engine_are_staged_in_memory_of_the_driver() {
    let Some(engine) = Engine::new() else {
        return skipped("an engine finds no device");
    };
    let (device, id) = (engine.opened(), StreamId::new(0));
    let unpinned = Arc::new(Arena::builder().capacity(1 << 16).build().unwrap());
    let refused = VulkanStream::new_in(&device, id, 512, &unpinned).unwrap_err();
    let said = refused.to_string();
    assert!(said.ends_with("the arena is not pinned"), "{said}");

    let Some(arena) = pinned(1 << 16) else { return };
    let mut stream = VulkanStream::new_in(&device, id, 512, &arena).unwrap();
    assert!(!stream.stages_in_arena());
    assert_eq!(arena.stats().live_bytes, 0);
    let memory = VulkanMemory::allocate(&device, 4096).unwrap();
    keeps_what_is_sent(&mut stream, &memory.buffer(0..4096).unwrap());
}

#[test]
fn an_instance_of_an_older_vulkan_is_refused() {
    let Some(engine) = Engine::new() else {
        return skipped("an engine finds no device");
    };
    let parts = engine.parts(vk::API_VERSION_1_1, Vec::new());
    // SAFETY: the parts are of one device with timelines, and of an instance of a later version.
    let refused = unsafe { VulkanDevice::from_raw(parts) }.unwrap_err();
    assert!(matches!(refused, DeviceMemoryError::Unavailable { .. }));
}

/// A driver without a device.
unsafe extern "system" fn no_device(
    _: vk::Instance,
    count: *mut u32,
    _: *mut vk::PhysicalDevice,
) -> vk::Result {
    // SAFETY: the caller's number.
    unsafe { *count = 0 };
    vk::Result::SUCCESS
}

static ENUMERATE: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

#[test]
fn without_a_device_there_is_a_reason() {
    let loader = loader::wrapped_by(|name| {
        let wrapper = (&ENUMERATE, no_device as *const c_void);
        (name == c"vkEnumeratePhysicalDevices").then_some(wrapper)
    });
    let Some(loader) = loader else {
        return skipped("there is no loader");
    };
    let listed = devices_with(loader.clone()).unwrap_err();
    assert!(matches!(listed, DeviceMemoryError::Unavailable { .. }));
    let opened = VulkanDevice::open_with(loader, 0, VulkanOptions::default());
    assert_eq!(opened.unwrap_err(), listed);
}

#[test]
fn devices_are_listed_as_they_are_opened() {
    let Some(device) = device() else { return };
    let listed = devices().unwrap();
    let (listed, opened) = (&listed[0], device.properties());
    assert_eq!(listed.name, opened.name);
    assert_eq!(listed.plan_alignment(), opened.plan_alignment());
    assert_eq!(listed.largest_block, opened.largest_block);
    let heaps = device.heaps();
    assert!(heaps.iter().any(|heap| heap.device_local && heap.bytes > 0));
    assert_eq!(heaps.len(), listed.heaps.len());
}

/// A buffer that an engine has bound to memory of its own.
fn bound(device: &VulkanDevice, memory: vk::DeviceMemory, bytes: u64) -> VulkanBuffer {
    let wanted = vk::BufferCreateInfo::default().size(bytes).usage(
        vk::BufferUsageFlags::STORAGE_BUFFER
            | vk::BufferUsageFlags::TRANSFER_SRC
            | vk::BufferUsageFlags::TRANSFER_DST,
    );
    // SAFETY: a valid structure, and memory that is large enough and aligned to everything; the
    // buffer is given away with its size.
    unsafe {
        let buffer = device.raw().create_buffer(&wanted, None).unwrap();
        device.raw().bind_buffer_memory(buffer, memory, 0).unwrap();
        VulkanBuffer::from_raw(device, buffer, bytes)
    }
}

/// Two buffers of an engine in one range of memory, which this crate cannot know of: with a
/// barrier that is asked for, synchronization validation has nothing to say.
#[test]
fn an_engine_orders_what_it_shares_itself() {
    for with_barrier in [true, false] {
        let Some(device) = device() else { return };
        let messages = device.messages();
        let block = VulkanMemory::allocate(&device, 4096).unwrap();
        let [one, two] = [0; 2].map(|_| bound(&device, block.handle(), 4096));
        let mut recorder = VulkanRecorder::new(&device);
        recorder.fill(&one, 6).unwrap();
        if with_barrier {
            recorder.barrier();
        }
        recorder.fill(&two, 7).unwrap();
        let commands = recorder.finish().unwrap();
        if with_barrier {
            let mut stream = VulkanStream::new(&device, StreamId::new(0), 4096).unwrap();
            stream.submit(&commands, &[]).unwrap();
            let mut values = [0_u32; 1024];
            stream.download(&one, &mut values).unwrap();
            assert_eq!(values, [7; 1024]);
        }
        drop((commands, one, two, block, device));
        let said = messages.to_vec();
        assert_eq!(said.is_empty(), with_barrier, "{said:?}");
        let hazard = |said: &String| said.replace('_', "-").contains("WRITE-AFTER-WRITE");
        assert!(said.iter().all(hazard));
    }
}
