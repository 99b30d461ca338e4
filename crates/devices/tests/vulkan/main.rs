//! Planned device memory on Vulkan: on the first device that there is, such as Mesa's lavapipe,
//! with Khronos' validation layers, which must be silent. Without Vulkan or its layers the tests
//! say that they are skipped.

#![cfg(feature = "vulkan")]

mod contrary;
mod devices;
mod engine;
mod faults;
mod graphs;
mod kernels;
mod loader;
mod memory;
mod order;
#[path = "../common/other_device.rs"]
mod other_device;
mod portable;
mod refusals;
mod streams;
mod support;
mod threads;
mod transfers;
