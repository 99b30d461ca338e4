//! The sizes of the network's tensors, in elements: what the build script plans and the firmware
//! computes.

/// Samples of the input.
pub const SAMPLES: usize = 1024;
/// Samples that one element of a feature is computed from.
pub const KERNEL: usize = 16;
/// Samples from one element of a feature to the next.
pub const STRIDE: usize = 4;
/// Elements of one feature.
pub const STEPS: usize = (SAMPLES - KERNEL) / STRIDE + 1;
/// Features for each step.
pub const CHANNELS: usize = 8;
/// All features.
pub const FEATURES: usize = CHANNELS * STEPS;
/// Elements of a feature that become one.
pub const WINDOW: usize = 23;
/// The features after pooling.
pub const POOLED: usize = CHANNELS * (STEPS / WINDOW);
/// Classes that are told apart.
pub const CLASSES: usize = 4;
