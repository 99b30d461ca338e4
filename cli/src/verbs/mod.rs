//! What each verb does: it loads, plans or runs, writes files and prints.
//!
//! Stands on everything above it in the crate; no verb uses another, but `view`, which plans,
//! checks or draws a profile first, alone or by `beside`. A new verb is a file or folder here with
//! a function that takes its arguments.

// A file uses only files above it in this list.
mod check_devices;
mod check_scope;
mod check_recording;
mod check_regions;
mod check;
mod plan;
mod fit;
mod beside;
mod profile;
mod view;
mod compare;
mod share;
#[cfg(all(feature = "engine", target_os = "linux"))]
mod run;
#[cfg(not(all(feature = "engine", target_os = "linux")))]
mod run_without_engine;
mod demo_capacity;
#[cfg(any(feature = "vulkan-demo", feature = "wgpu", feature = "cuda-demo"))]
mod demo_device;
mod demo;
mod devices;
#[cfg(target_os = "linux")]
mod preloaded;
#[cfg(target_os = "linux")]
mod with;
#[cfg(target_os = "linux")]
mod record;
mod trace;

pub(crate) use check::check;
pub(crate) use compare::compare;
pub(crate) use demo::demo;
pub(crate) use devices::devices;
pub(crate) use fit::fit;
pub(crate) use plan::plan;
pub(crate) use profile::profile;
#[cfg(target_os = "linux")]
pub(crate) use record::record;
#[cfg(all(feature = "engine", target_os = "linux"))]
pub(crate) use run::run;
#[cfg(not(all(feature = "engine", target_os = "linux")))]
pub(crate) use run_without_engine::run;
pub(crate) use share::share;
pub(crate) use trace::trace;
pub(crate) use view::view;
#[cfg(target_os = "linux")]
pub(crate) use with::with;
