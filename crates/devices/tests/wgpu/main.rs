//! Planned tensors through wgpu, on whatever device there is: Mesa's lavapipe will do. Where there
//! is none, the tests say that they are skipped.

mod devices;
mod engine;
mod kernels;
#[path = "../common/other_device.rs"]
mod other_device;
#[path = "../common/refusal.rs"]
mod refusal;
mod support;
mod transfers;
mod validation;
