//! Device memory through Vulkan 1.2 or later, on any device with timeline semaphores.
//!
//! [`VulkanDevice`] opens a device or takes an engine's; [`VulkanMemory`] is one block of its
//! memory, in which each tensor has a buffer at its planned offset. [`VulkanKernel`]s are recorded
//! once, by a [`VulkanRecorder`], and submitted to a [`VulkanStream`] as often as wanted. What the
//! device may still run holds what it uses: dropping the rest, in any order, waits or defers.
//!
//! Invariant of the unsafe code: every object of the driver is owned by one value of Rust, which
//! holds what the object was made by; a stream holds what it submitted until its timeline says that
//! the device has done it.

#![allow(unsafe_code)]

// A file uses only files above it in this list.
mod answer;
mod messages;
mod instance;
mod physical;
mod logical;
mod event;
mod submissions;
mod device;
mod block;
mod memory;
mod kernel;
mod command;
mod recorder;
mod staging;
mod stream;
mod program_error;
mod program;

pub use ash;

pub use self::{
    block::VulkanBuffer,
    device::{VulkanDevice, VulkanOptions, VulkanParts, devices},
    event::VulkanEvent,
    kernel::VulkanKernel,
    memory::VulkanMemory,
    messages::VulkanMessages,
    program::{VulkanProgram, VulkanProgramRecorder, VulkanSignal, VulkanUse},
    program_error::VulkanProgramError,
    recorder::{VulkanCommands, VulkanRecorder},
    stream::VulkanStream,
};
