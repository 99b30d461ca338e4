//! What `OrionAlloc` does at limits: of alignments, of address space, of memory, of single blocks.
#![cfg(target_os = "linux")]

mod alignment;
mod growth;
mod process;
