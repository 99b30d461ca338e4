//! What `orionrt demo` computes.
pub mod executor;
pub mod faults;
pub mod images;
pub mod kernels;
pub mod meter;
pub mod models;
pub mod network;
pub mod run_error;
