//! A driver that runs what it is given as late as it may, and in the order that surprises most: of
//! all submissions whose semaphores allow it, the last one first. Devices with several queues may
//! do so; Mesa's lavapipe has one queue and would hide what is missing between streams. What is
//! waited for is run, and nothing that the order puts behind it.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    ffi::c_void,
    mem::transmute,
    ptr::null_mut,
    slice,
    sync::atomic::{AtomicPtr, Ordering},
};

use orionrt_devices::vulkan::ash::{Entry, vk};

use crate::loader;

/// The driver's functions.
static SUBMIT: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
static WAIT: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
static DESTROY: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

thread_local! {
    static WAITING: RefCell<Vec<Batch>> = const { RefCell::new(Vec::new()) };
    /// What each timeline reaches with what the driver was given.
    static REACHED: RefCell<HashMap<vk::Semaphore, u64>> = RefCell::new(HashMap::new());
    static DESTROYED_IN_USE: Cell<usize> = const { Cell::new(0) };
}

/// A submission that the driver was not given yet.
struct Batch {
    queue: vk::Queue,
    buffers: Vec<vk::CommandBuffer>,
    stages: Vec<vk::PipelineStageFlags>,
    waits: (Vec<vk::Semaphore>, Vec<u64>),
    signals: (Vec<vk::Semaphore>, Vec<u64>),
}

/// A loader of such a driver.
pub fn loader() -> Option<Entry> {
    loader::wrapped_by(|name| {
        if name == c"vkQueueSubmit" {
            Some((&SUBMIT, submit as *const c_void))
        } else if name == c"vkWaitSemaphores" {
            Some((&WAIT, wait as *const c_void))
        } else if name == c"vkDestroySemaphore" {
            Some((&DESTROY, destroy as *const c_void))
        } else {
            None
        }
    })
}

/// How many submissions of this thread wait to be run.
pub fn waiting() -> usize {
    WAITING.with_borrow(Vec::len)
}

/// How many semaphores were destroyed that submissions of this thread still name.
pub fn destroyed_in_use() -> usize {
    DESTROYED_IN_USE.get()
}

unsafe extern "system" fn destroy(
    device: vk::Device,
    semaphore: vk::Semaphore,
    callbacks: *const vk::AllocationCallbacks<'_>,
) {
    let names = |batch: &Batch| {
        [&batch.waits.0, &batch.signals.0]
            .iter()
            .any(|list| list.contains(&semaphore))
    };
    if WAITING.with_borrow(|waiting| waiting.iter().any(names)) {
        DESTROYED_IN_USE.set(DESTROYED_IN_USE.get() + 1);
        // For the test to fail, rather than the driver.
        return;
    }
    REACHED.with_borrow_mut(|reached| reached.remove(&semaphore));
    // SAFETY: the driver's function, and the caller's arguments.
    unsafe {
        let driver: vk::PFN_vkDestroySemaphore = transmute(DESTROY.load(Ordering::Relaxed));
        driver(device, semaphore, callbacks);
    }
}

unsafe extern "system" fn submit(
    queue: vk::Queue,
    count: u32,
    list: *const vk::SubmitInfo<'_>,
    _: vk::Fence,
) -> vk::Result {
    // SAFETY: the caller's list.
    for info in unsafe { slice::from_raw_parts(list, count as usize) } {
        // SAFETY: the submissions of this crate have this structure behind them, and no other.
        let timelines = unsafe { &*info.p_next.cast::<vk::TimelineSemaphoreSubmitInfo<'_>>() };
        assert_eq!(
            timelines.s_type,
            vk::StructureType::TIMELINE_SEMAPHORE_SUBMIT_INFO
        );
        let (waits, signals) = (info.wait_semaphore_count, info.signal_semaphore_count);
        // SAFETY: so many are there, says the caller.
        let batch = unsafe {
            Batch {
                queue,
                buffers: list_of(info.p_command_buffers, info.command_buffer_count),
                stages: list_of(info.p_wait_dst_stage_mask, waits),
                waits: (
                    list_of(info.p_wait_semaphores, waits),
                    list_of(timelines.p_wait_semaphore_values, waits),
                ),
                signals: (
                    list_of(info.p_signal_semaphores, signals),
                    list_of(timelines.p_signal_semaphore_values, signals),
                ),
            }
        };
        WAITING.with_borrow_mut(|waiting| waiting.push(batch));
    }
    vk::Result::SUCCESS
}

unsafe fn list_of<T: Clone>(first: *const T, count: u32) -> Vec<T> {
    // SAFETY: the caller's.
    unsafe { slice::from_raw_parts(first, count as usize) }.to_vec()
}

unsafe extern "system" fn wait(
    device: vk::Device,
    info: *const vk::SemaphoreWaitInfo<'_>,
    timeout: u64,
) -> vk::Result {
    // SAFETY: the caller's structure, with as many of both as it says.
    let wanted = unsafe {
        let (list, count) = (&*info, (*info).semaphore_count);
        (
            list_of(list.p_semaphores, count),
            list_of(list.p_values, count),
        )
    };
    while waiting() > 0 && !reached(&wanted) {
        run_last();
    }
    // SAFETY: the driver's function, and the caller's arguments.
    unsafe {
        let driver: vk::PFN_vkWaitSemaphores = transmute(WAIT.load(Ordering::Relaxed));
        driver(device, info, timeout)
    }
}

/// Whether timelines reach values with what the driver was given.
fn reached((semaphores, values): &(Vec<vk::Semaphore>, Vec<u64>)) -> bool {
    REACHED.with_borrow(|reached| {
        let mut pairs = semaphores.iter().zip(values);
        pairs.all(|(of, value)| reached.get(of).unwrap_or(&0) >= value)
    })
}

/// Gives the driver the last of the submissions that may run, alone.
fn run_last() {
    let batch = WAITING.with_borrow_mut(|waiting| {
        let ready = waiting.iter().rposition(|batch| reached(&batch.waits));
        waiting.remove(ready.expect("the streams wait for each other"))
    });
    let mut values = vk::TimelineSemaphoreSubmitInfo::default()
        .wait_semaphore_values(&batch.waits.1)
        .signal_semaphore_values(&batch.signals.1);
    let info = vk::SubmitInfo::default()
        .command_buffers(&batch.buffers)
        .wait_dst_stage_mask(&batch.stages)
        .wait_semaphores(&batch.waits.0)
        .signal_semaphores(&batch.signals.0)
        .push_next(&mut values);
    // SAFETY: the driver's function; what the submission uses is held until its timeline says that
    // it is done.
    let answer = unsafe {
        let driver: vk::PFN_vkQueueSubmit = transmute(SUBMIT.load(Ordering::Relaxed));
        driver(batch.queue, 1, &info, vk::Fence::null())
    };
    assert_eq!(answer, vk::Result::SUCCESS);
    let (semaphores, values) = batch.signals;
    REACHED.with_borrow_mut(|reached| reached.extend(semaphores.into_iter().zip(values)));
}
