//! What `OrionAlloc` does at limits: of alignments, of address space, of memory, of single blocks.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

mod process;
mod blocks;
mod alignment;
mod growth;
mod sizes;
mod memory;
