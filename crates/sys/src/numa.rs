//! NUMA: the operating system's list of the nodes that are online.
//!
//! [`Mapping::bind`](crate::mapping::Mapping::bind) has memory come from one of them.

#![forbid(unsafe_code)]

use std::string::String;

use crate::os::{Os, System};

/// The numbers of the NUMA nodes that are online, as a list like `0,2-3`; `None` where the system
/// does not tell. Allocates the list.
///
/// ```
/// match orionrt_sys::numa::online_nodes() {
///     Some(list) => println!("nodes {}", list.trim()),
///     None => println!("the system does not tell"),
/// }
/// ```
#[must_use]
pub fn online_nodes() -> Option<String> {
    Os::online_nodes()
}
