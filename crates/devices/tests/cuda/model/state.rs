//! The one model of a process: all that was made, and how a call comes to it.

use std::{
    alloc::Layout,
    cell::Cell,
    collections::{BTreeMap, HashMap, HashSet},
    ffi::c_uint,
    sync::Mutex,
};

use crate::{
    answers::{
        CAPTURE_GLOBAL, ILLEGAL_ADDRESS, INVALID_CONTEXT, INVALID_VALUE, OUT_OF_MEMORY, SUCCESS,
    },
    libraries::Library,
    work::{Code, Event, Stream, Work},
};

/// All that was made, and what tests have asked for.
#[derive(Default)]
pub struct Model {
    pub next: usize,
    pub contexts: usize,
    /// Memory that kernels may use: allocations, and parts of reserved addresses.
    pub memory: BTreeMap<u64, usize>,
    pub allocations: HashMap<u64, Layout>,
    pub reserved: HashMap<u64, Layout>,
    /// Parts that are mapped, but that nobody may access yet.
    pub inaccessible: HashMap<u64, usize>,
    /// Handles of memory, and whether they are mapped.
    pub handles: HashMap<u64, usize>,
    pub registered: BTreeMap<usize, usize>,
    pub streams: HashMap<usize, Stream>,
    pub ended: HashSet<usize>,
    pub events: HashMap<usize, Event>,
    /// Modules, with the library of those that the model of the compiler made.
    pub modules: HashMap<usize, Option<Library>>,
    /// The module of each function, and what it does.
    pub functions: HashMap<usize, (usize, Code)>,
    pub graphs: HashMap<usize, Vec<Work>>,
    pub launchable: HashMap<usize, Vec<Work>>,
    /// How often memory was allocated, or created to be mapped.
    pub allocated: u32,
    pub lost: bool,
    pub refuse: u32,
}

static MODEL: Mutex<Option<Model>> = Mutex::new(None);

thread_local! {
    pub static CURRENT: Cell<usize> = const { Cell::new(0) };
    /// What this thread may do while streams are captured.
    pub static MODE: Cell<c_uint> = const { Cell::new(CAPTURE_GLOBAL) };
}

pub fn with(call: impl FnOnce(&mut Model) -> u32) -> u32 {
    let mut model = MODEL
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    call(model.get_or_insert_default())
}

/// A call that needs a context that is current and not lost, and that may be refused.
pub fn asked(call: impl FnOnce(&mut Model) -> u32) -> u32 {
    with(|model| {
        if CURRENT.get() == 0 {
            return INVALID_CONTEXT;
        }
        if model.lost {
            return ILLEGAL_ADDRESS;
        }
        if model.is_refused() {
            return OUT_OF_MEMORY;
        }
        call(model)
    })
}

/// A call that gives something back: it needs a context, but is never refused.
pub fn given_back(call: impl FnOnce(&mut Model) -> bool) -> u32 {
    with(|model| {
        if CURRENT.get() == 0 {
            return INVALID_CONTEXT;
        }
        if model.lost {
            return ILLEGAL_ADDRESS;
        }
        if call(model) { SUCCESS } else { INVALID_VALUE }
    })
}

impl Model {
    pub fn is_refused(&mut self) -> bool {
        let refused = self.refuse == 1;
        self.refuse = self.refuse.saturating_sub(1);
        refused
    }

    pub fn id(&mut self) -> usize {
        self.next += 16;
        self.next
    }

    pub fn ask(&mut self, stream: usize, work: Work) -> u32 {
        match self.streams.get_mut(&stream) {
            Some(Stream {
                recording: Some(recorded),
                ..
            }) => recorded.work.push(work),
            Some(stream) => stream.work.push_back(work),
            None => return INVALID_VALUE,
        }
        SUCCESS
    }
}
