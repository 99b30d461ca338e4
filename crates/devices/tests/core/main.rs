//! The core of device memory, on memory of the host: order, claims, pools, arenas and staging.

mod arena;
mod claims;
mod host;
mod order;
mod plans;
mod pool;
mod properties;
mod ring;
mod streams;
