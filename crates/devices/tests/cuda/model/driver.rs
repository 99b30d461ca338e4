//! A model of CUDA's driver in the host's memory: what tests load as `libcuda` where there is none.
//!
//! It is as lazy as a device may be: a stream does what it was asked for when somebody waits for
//! it, and then nothing of other streams but what an event demands. Work that lacks an event is
//! therefore always done in the wrong order. Accesses are checked: memory that was freed, is not
//! mapped or belongs to nobody ends the context, as it does on a device. Tests have calls refused,
//! lose the device, act behind a copy and around an event, and count what is alive by the functions
//! of `steering`.
//!
//! ```text
//! answers    what the driver answers, and modes
//! libraries  libraries of kernels, from the model of the compiler
//! work       what streams are asked for
//! state      all that was made, and how a call comes to it
//! steering   how tests steer the model
//! memory     memory of the device, and pinned memory of the host
//! captures   streams that are captured, and graphs
//! kernels    modules and their functions
//! streams    streams and copies, and when they do their work
//! events     events
//! devices    the driver, its devices and their contexts
//! ```
//!
//! The kernels `square(x, n)` and `add(x, y, n)` are known by name. A module that the model of the
//! compiler made (`nvrtc.rs`) names a library of the host, whose kernels run as they are: of these,
//! it is checked that each address is one of memory, and that nothing is written behind a block.
#![allow(non_snake_case, clippy::missing_safety_doc)]

// A file uses only files above it in this list.
mod answers;
mod libraries;
mod work;
mod state;
mod steering;
mod memory;
mod captures;
mod kernels;
mod streams;
mod events;
mod devices;
