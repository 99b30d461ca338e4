//! What streams are asked for, as data.

use std::{collections::VecDeque, ffi::c_uint, thread::ThreadId};

use crate::libraries::Kernel;

/// What a stream was asked for.
#[derive(Clone)]
pub enum Work {
    Upload(u64, Vec<u8>),
    UploadPinned(u64, usize, usize),
    Download(usize, u64, usize),
    /// A kernel: its function, the numbers of blocks and of threads in each, and its parameters.
    Kernel(usize, [[u32; 3]; 2], Vec<u64>),
    Signal(usize, u64),
    Wait(usize, u64),
}

/// What a function of a module does.
#[derive(Clone, Copy)]
pub enum Code {
    Square,
    Add,
    Compiled(Kernel),
}

#[derive(Default)]
pub struct Stream {
    pub work: VecDeque<Work>,
    pub recording: Option<Recording>,
}

/// What a stream was asked for while it is captured.
pub struct Recording {
    pub work: Vec<Work>,
    pub by: ThreadId,
    pub mode: c_uint,
    /// Something was done meanwhile that is not valid during a capture.
    pub is_invalid: bool,
}

/// An event: the stream and the number of its last signal, and the last that was reached.
#[derive(Default)]
pub struct Event {
    pub stream: usize,
    pub signalled: u64,
    pub reached: u64,
    /// The last signal became part of a graph: nobody can ask for it.
    pub is_captured: bool,
}
