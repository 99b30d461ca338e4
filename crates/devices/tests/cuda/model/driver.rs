//! A model of CUDA's driver in the host's memory: what tests load as `libcuda` where there is none.
//!
//! It is as lazy as a device may be: a stream does what it was asked for when somebody waits for
//! it, and then nothing of other streams but what an event demands. Work that lacks an event is
//! therefore always done in the wrong order. Accesses are checked: memory that was freed, is not
//! mapped or belongs to nobody ends the context, as it does on a device. Tests have calls refused,
//! lose the device, act behind a copy and around an event, and count what is alive by the six
//! functions at the end.
//!
//! The kernels `square(x, n)` and `add(x, y, n)` are known by name; modules are not read.
#![allow(non_snake_case, clippy::missing_safety_doc)]

use std::{
    alloc::{Layout, alloc, alloc_zeroed, dealloc},
    cell::Cell,
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    ffi::{CStr, c_char, c_int, c_uint, c_void},
    ptr,
    sync::Mutex,
    thread::{self, ThreadId},
};

const SUCCESS: u32 = 0;
const INVALID_VALUE: u32 = 1;
const OUT_OF_MEMORY: u32 = 2;
const INVALID_DEVICE: u32 = 101;
const INVALID_CONTEXT: u32 = 201;
const ALREADY_REGISTERED: u32 = 712;
const NOT_FOUND: u32 = 500;
const NOT_READY: u32 = 600;
const ILLEGAL_ADDRESS: u32 = 700;
const CAPTURE_UNSUPPORTED: u32 = 900;
const CAPTURE_INVALIDATED: u32 = 901;
const CAPTURED_EVENT: u32 = 907;
const CAPTURE_WRONG_THREAD: u32 = 908;

/// Modes of captures and of threads.
const CAPTURE_GLOBAL: c_uint = 0;
const CAPTURE_RELAXED: c_uint = 2;

const MEMORY: usize = 64 << 20;
const GRANULARITY: usize = 1 << 16;
const ALIGNMENT: usize = 256;

/// What a stream was asked for.
#[derive(Clone)]
enum Work {
    Upload(u64, Vec<u8>),
    UploadPinned(u64, usize, usize),
    Download(usize, u64, usize),
    /// A kernel: its function and its parameters.
    Square(usize, u64, u32),
    Add(usize, u64, u64, u32),
    Signal(usize, u64),
    Wait(usize, u64),
}

#[derive(Default)]
struct Stream {
    work: VecDeque<Work>,
    recording: Option<Recording>,
}

/// What a stream was asked for while it is captured.
struct Recording {
    work: Vec<Work>,
    by: ThreadId,
    mode: c_uint,
    /// Something was done meanwhile that is not valid during a capture.
    is_invalid: bool,
}

/// An event: the stream and the number of its last signal, and the last that was reached.
#[derive(Default)]
struct Event {
    stream: usize,
    signalled: u64,
    reached: u64,
    /// The last signal became part of a graph: nobody can ask for it.
    is_captured: bool,
}

#[derive(Default)]
struct Model {
    next: usize,
    contexts: usize,
    /// Memory that kernels may use: allocations, and parts of reserved addresses.
    memory: BTreeMap<u64, usize>,
    allocations: HashMap<u64, Layout>,
    reserved: HashMap<u64, Layout>,
    /// Parts that are mapped, but that nobody may access yet.
    inaccessible: HashMap<u64, usize>,
    /// Handles of memory, and whether they are mapped.
    handles: HashMap<u64, usize>,
    registered: BTreeMap<usize, usize>,
    streams: HashMap<usize, Stream>,
    ended: HashSet<usize>,
    events: HashMap<usize, Event>,
    modules: HashSet<usize>,
    /// The module of each function, and its name.
    functions: HashMap<usize, (usize, &'static str)>,
    graphs: HashMap<usize, Vec<Work>>,
    launchable: HashMap<usize, Vec<Work>>,
    lost: bool,
    refuse: u32,
}

static MODEL: Mutex<Option<Model>> = Mutex::new(None);

/// What is called once, when the next copy was accepted.
static BEHIND_A_COPY: Mutex<Option<extern "C" fn()>> = Mutex::new(None);

/// What is called once, before the next event is recorded, and behind it.
static BEFORE_AN_EVENT: Mutex<Option<extern "C" fn()>> = Mutex::new(None);
static BEHIND_AN_EVENT: Mutex<Option<extern "C" fn()>> = Mutex::new(None);

thread_local! {
    static CURRENT: Cell<usize> = const { Cell::new(0) };
    /// What this thread may do while streams are captured.
    static MODE: Cell<c_uint> = const { Cell::new(CAPTURE_GLOBAL) };
}

fn with(call: impl FnOnce(&mut Model) -> u32) -> u32 {
    let mut model = MODEL
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    call(model.get_or_insert_default())
}

/// A call that needs a context that is current and not lost, and that may be refused.
fn asked(call: impl FnOnce(&mut Model) -> u32) -> u32 {
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
fn given_back(call: impl FnOnce(&mut Model) -> bool) -> u32 {
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
    fn is_refused(&mut self) -> bool {
        let refused = self.refuse == 1;
        self.refuse = self.refuse.saturating_sub(1);
        refused
    }

    fn id(&mut self) -> usize {
        self.next += 16;
        self.next
    }

    fn used(&self) -> usize {
        let mapped =
            self.memory.values().sum::<usize>() + self.inaccessible.values().sum::<usize>();
        mapped + self.handles.values().sum::<usize>()
    }

    /// Whether kernels may use all of a range.
    fn has(&self, mut address: u64, mut bytes: usize) -> bool {
        while bytes > 0 {
            let Some((&start, &size)) = self.memory.range(..=address).next_back() else {
                return false;
            };
            let end = start + size as u64;
            if address >= end {
                return false;
            }
            bytes = bytes.saturating_sub((end - address) as usize);
            address = end;
        }
        true
    }

    fn is_registered(&self, address: usize, bytes: usize) -> bool {
        let below = self.registered.range(..=address).next_back();
        below.is_some_and(|(&start, &size)| address + bytes <= start + size)
    }

    fn floats(&mut self, address: u64, count: u32) -> Option<&'static mut [f32]> {
        if !self.has(address, count as usize * 4) {
            self.lost = true;
            return None;
        }
        // SAFETY: the range is in memory that the model allocated and did not free.
        Some(unsafe { std::slice::from_raw_parts_mut(address as *mut f32, count as usize) })
    }

    /// A kernel runs while its module is loaded.
    fn has_module(&mut self, function: usize) {
        let module = self.functions.get(&function).map(|(module, _)| *module);
        self.lost |= !module.is_some_and(|module| self.modules.contains(&module));
    }

    fn copy(&mut self, from: *const u8, to: *mut u8, bytes: usize, device: u64) {
        match self.has(device, bytes) {
            // SAFETY: the device's range was checked; the host's is the caller's.
            true => unsafe { ptr::copy(from, to, bytes) },
            false => self.lost = true,
        }
    }

    fn work(&mut self, work: Work) {
        match work {
            Work::Upload(to, data) => self.copy(data.as_ptr(), to as *mut u8, data.len(), to),
            Work::UploadPinned(to, from, bytes) => {
                self.copy(from as *const u8, to as *mut u8, bytes, to);
            }
            Work::Download(to, from, bytes) => {
                self.copy(from as *const u8, to as *mut u8, bytes, from);
            }
            Work::Square(function, x, count) => {
                self.has_module(function);
                if let Some(x) = self.floats(x, count) {
                    x.iter_mut().for_each(|x| *x *= *x);
                }
            }
            Work::Add(function, x, y, count) => {
                self.has_module(function);
                if let (Some(x), Some(y)) = (self.floats(x, count), self.floats(y, count)) {
                    x.iter().zip(y).for_each(|(x, y)| *y += *x);
                }
            }
            Work::Signal(event, number) => {
                if let Some(event) = self.events.get_mut(&event) {
                    event.reached = event.reached.max(number);
                }
            }
            Work::Wait(event, number) => self.reach(event, number),
        }
    }

    /// Has the event's stream work until it reaches the event.
    fn reach(&mut self, event: usize, number: u64) {
        while let Some(at) = self
            .events
            .get(&event)
            .filter(|event| event.reached < number)
        {
            let stream = at.stream;
            if !self.step(stream) {
                return;
            }
        }
    }

    fn step(&mut self, stream: usize) -> bool {
        let work = self
            .streams
            .get_mut(&stream)
            .and_then(|stream| stream.work.pop_front());
        let Some(work) = work.filter(|_| !self.lost) else {
            return false;
        };
        self.work(work);
        true
    }

    fn finish(&mut self, stream: usize) -> u32 {
        if self
            .streams
            .get(&stream)
            .is_some_and(|stream| stream.recording.is_some())
        {
            return CAPTURE_UNSUPPORTED;
        }
        while self.step(stream) {}
        if self.lost { ILLEGAL_ADDRESS } else { SUCCESS }
    }

    /// Makes captures invalid, and says whether there are any of these.
    fn invalidate(&mut self, which: impl Fn(&Recording) -> bool) -> bool {
        let streams = self.streams.values_mut();
        let recordings = streams.filter_map(|stream| stream.recording.as_mut());
        let mut are_any = false;
        for recording in recordings.filter(|recording| which(recording)) {
            recording.is_invalid = true;
            are_any = true;
        }
        are_any
    }

    fn invalidate_capture_of(&mut self, stream: usize) {
        let stream = self.streams.get_mut(&stream);
        if let Some(recording) = stream.and_then(|stream| stream.recording.as_mut()) {
            recording.is_invalid = true;
        }
    }

    /// Whether a call that may be unsafe during a capture is forbidden to this thread: by a capture
    /// of its own, or by a global one of another thread. These captures become invalid.
    fn is_forbidden(&mut self) -> bool {
        let (thread, mode) = (thread::current().id(), MODE.get());
        mode != CAPTURE_RELAXED
            && self.invalidate(|recording| match recording.by == thread {
                true => recording.mode != CAPTURE_RELAXED,
                false => mode == CAPTURE_GLOBAL && recording.mode == CAPTURE_GLOBAL,
            })
    }

    /// Whether an event became part of a graph. Who asks for it makes the capture invalid.
    fn is_captured(&mut self, event: usize) -> bool {
        let captured = self.events.get(&event).filter(|event| event.is_captured);
        let stream = captured.map(|event| event.stream);
        stream
            .inspect(|&stream| self.invalidate_capture_of(stream))
            .is_some()
    }

    fn ask(&mut self, stream: usize, work: Work) -> u32 {
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

/// Writes what a call answers to where it was told.
fn give<T>(to: *mut T, value: T) -> u32 {
    // SAFETY: the driver's interface says that this can be written.
    unsafe { to.write(value) };
    SUCCESS
}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, GRANULARITY.max(ALIGNMENT)).unwrap()
}

#[unsafe(no_mangle)]
pub extern "C" fn cuInit(_flags: c_uint) -> u32 {
    SUCCESS
}

#[unsafe(no_mangle)]
pub extern "C" fn cuDriverGetVersion(version: *mut c_int) -> u32 {
    give(version, 12000)
}

#[unsafe(no_mangle)]
pub extern "C" fn cuDeviceGetCount(count: *mut c_int) -> u32 {
    give(count, 2)
}

#[unsafe(no_mangle)]
pub extern "C" fn cuDeviceGet(device: *mut c_int, ordinal: c_int) -> u32 {
    if (0..2).contains(&ordinal) {
        give(device, ordinal)
    } else {
        INVALID_DEVICE
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn cuDeviceGetName(name: *mut c_char, bytes: c_int, _device: c_int) -> u32 {
    let text = c"model of a device".to_bytes_with_nul();
    assert!(text.len() <= bytes as usize);
    // SAFETY: the caller has room for so many bytes.
    unsafe { ptr::copy(text.as_ptr().cast(), name, text.len()) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub extern "C" fn cuDeviceTotalMem_v2(bytes: *mut usize, _device: c_int) -> u32 {
    give(bytes, MEMORY)
}

#[unsafe(no_mangle)]
pub extern "C" fn cuDeviceGetAttribute(value: *mut c_int, _what: c_uint, _device: c_int) -> u32 {
    give(value, 0)
}

#[unsafe(no_mangle)]
pub extern "C" fn cuDevicePrimaryCtxRetain(context: *mut usize, device: c_int) -> u32 {
    with(|model| {
        if model.is_refused() {
            return OUT_OF_MEMORY;
        }
        model.contexts += 1;
        give(context, device as usize + 1)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuDevicePrimaryCtxRelease_v2(_device: c_int) -> u32 {
    with(|model| {
        model.contexts -= 1;
        SUCCESS
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuCtxGetCurrent(context: *mut usize) -> u32 {
    give(context, CURRENT.get())
}

#[unsafe(no_mangle)]
pub extern "C" fn cuCtxSetCurrent(context: usize) -> u32 {
    CURRENT.set(context);
    SUCCESS
}

#[unsafe(no_mangle)]
pub extern "C" fn cuCtxSynchronize() -> u32 {
    with(|model| {
        if CURRENT.get() == 0 {
            return INVALID_CONTEXT;
        }
        // A context whose stream is captured cannot be waited for, in whatever mode the thread is.
        if model.invalidate(|_| true) {
            return CAPTURE_UNSUPPORTED;
        }
        let streams: Vec<_> = model.streams.keys().copied().collect();
        let answers = streams.into_iter().map(|stream| model.finish(stream));
        answers.fold(SUCCESS, u32::max)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize) -> u32 {
    asked(|model| give(free, MEMORY - model.used()) | give(total, MEMORY))
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemAlloc_v2(address: *mut u64, bytes: usize) -> u32 {
    asked(|model| {
        if bytes == 0 {
            return INVALID_VALUE;
        }
        if bytes > MEMORY - model.used() {
            return OUT_OF_MEMORY;
        }
        // SAFETY: the size is not 0.
        let start = unsafe { alloc(layout(bytes)) };
        // SAFETY: it was allocated with this size.
        unsafe { start.write_bytes(0xcd, bytes) };
        model.memory.insert(start as u64, bytes);
        model.allocations.insert(start as u64, layout(bytes));
        give(address, start as u64)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemFree_v2(address: u64) -> u32 {
    given_back(|model| {
        let Some(layout) = model.allocations.remove(&address) else {
            return false;
        };
        model.memory.remove(&address);
        // SAFETY: it was allocated with this layout, and is forgotten.
        unsafe { dealloc(address as *mut u8, layout) };
        true
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemAddressReserve(
    address: *mut u64,
    bytes: usize,
    _alignment: usize,
    _hint: u64,
    _flags: u64,
) -> u32 {
    asked(|model| {
        if bytes == 0 || !bytes.is_multiple_of(GRANULARITY) {
            return INVALID_VALUE;
        }
        let Ok(layout) = Layout::from_size_align(bytes, GRANULARITY) else {
            return OUT_OF_MEMORY;
        };
        // SAFETY: the size is not 0.
        let start = unsafe { alloc_zeroed(layout) };
        if start.is_null() {
            return OUT_OF_MEMORY;
        }
        model.reserved.insert(start as u64, layout);
        give(address, start as u64)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemAddressFree(address: u64, bytes: usize) -> u32 {
    given_back(|model| {
        let end = address + bytes as u64;
        let is_free = model.memory.range(address..end).next().is_none();
        let Some(layout) = model.reserved.remove(&address).filter(|_| is_free) else {
            return false;
        };
        assert_eq!(layout.size(), bytes);
        // SAFETY: it was allocated with this layout, and is forgotten.
        unsafe { dealloc(address as *mut u8, layout) };
        true
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemGetAllocationGranularity(
    bytes: *mut usize,
    _properties: *const c_void,
    _option: c_uint,
) -> u32 {
    asked(|_| give(bytes, GRANULARITY))
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemCreate(
    handle: *mut u64,
    bytes: usize,
    properties: *const [u32; 4],
    _flags: u64,
) -> u32 {
    asked(|model| {
        // SAFETY: the properties begin with the type of the memory, of handles and of the place.
        let [kind, handles, place, ordinal] = unsafe { properties.read() };
        if [kind, handles, place, ordinal] != [1, 0, 1, CURRENT.get() as u32 - 1]
            || !bytes.is_multiple_of(GRANULARITY)
        {
            return INVALID_VALUE;
        }
        if bytes > MEMORY - model.used() {
            return OUT_OF_MEMORY;
        }
        let id = model.id() as u64;
        model.handles.insert(id, bytes);
        give(handle, id)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemRelease(handle: u64) -> u32 {
    given_back(|model| model.handles.remove(&handle).is_some())
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemMap(
    address: u64,
    bytes: usize,
    _offset: usize,
    handle: u64,
    _flags: u64,
) -> u32 {
    asked(|model| {
        let is_reserved = model.reserved.iter().any(|(&start, layout)| {
            start <= address && address + bytes as u64 <= start + layout.size() as u64
        });
        let is_mapped = model
            .memory
            .range(address..address + bytes as u64)
            .next()
            .is_some();
        if !is_reserved || is_mapped || model.handles.get(&handle) != Some(&bytes) {
            return INVALID_VALUE;
        }
        model.inaccessible.insert(address, bytes);
        SUCCESS
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemSetAccess(
    address: u64,
    bytes: usize,
    access: *const [u32; 3],
    count: usize,
) -> u32 {
    asked(|model| {
        // SAFETY: a description is the type and number of a place, and what may be done from there.
        let access = unsafe { access.read() };
        if access != [1, CURRENT.get() as u32 - 1, 3]
            || count != 1
            || model.inaccessible.remove(&address) != Some(bytes)
        {
            return INVALID_VALUE;
        }
        model.memory.insert(address, bytes);
        SUCCESS
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemUnmap(address: u64, bytes: usize) -> u32 {
    given_back(|model| {
        let part = model.memory.remove(&address);
        part.or_else(|| model.inaccessible.remove(&address)) == Some(bytes)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemHostRegister_v2(start: usize, bytes: usize, _flags: c_uint) -> u32 {
    asked(|model| {
        if model.registered.contains_key(&start) {
            return ALREADY_REGISTERED;
        }
        model.registered.insert(start, bytes);
        SUCCESS
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemHostUnregister(start: usize) -> u32 {
    given_back(|model| model.registered.remove(&start).is_some())
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemcpyHtoDAsync_v2(to: u64, from: usize, bytes: usize, stream: usize) -> u32 {
    copied(asked(|model| {
        // Memory that is not pinned is copied before the call returns.
        let work = match model.is_registered(from, bytes) {
            true => Work::UploadPinned(to, from, bytes),
            // SAFETY: the caller has so many bytes there.
            false => Work::Upload(to, unsafe {
                std::slice::from_raw_parts(from as *const u8, bytes).to_vec()
            }),
        };
        model.ask(stream, work)
    }))
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemcpyDtoHAsync_v2(to: usize, from: u64, bytes: usize, stream: usize) -> u32 {
    copied(asked(|model| {
        model.ask(stream, Work::Download(to, from, bytes))
    }))
}

/// Lets a test do something between a copy and what comes behind it.
fn copied(answer: u32) -> u32 {
    call_once(&BEHIND_A_COPY);
    answer
}

/// Calls what a test has asked to be called.
fn call_once(next: &Mutex<Option<extern "C" fn()>>) {
    let mut next = next.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let call = next.take();
    drop(next);
    if let Some(call) = call {
        call();
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn cuStreamCreate(stream: *mut usize, _flags: c_uint) -> u32 {
    asked(|model| {
        let id = model.id();
        model.streams.insert(id, Stream::default());
        give(stream, id)
    })
}

/// What the stream was asked for is still done.
#[unsafe(no_mangle)]
pub extern "C" fn cuStreamDestroy_v2(stream: usize) -> u32 {
    given_back(|model| model.streams.contains_key(&stream) && model.ended.insert(stream))
}

#[unsafe(no_mangle)]
pub extern "C" fn cuStreamSynchronize(stream: usize) -> u32 {
    asked(|model| {
        model.invalidate_capture_of(stream);
        if model.is_forbidden() {
            return CAPTURE_UNSUPPORTED;
        }
        model.finish(stream)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuStreamWaitEvent(stream: usize, event: usize, _flags: c_uint) -> u32 {
    asked(
        |model| match model.events.get(&event).map(|event| event.signalled) {
            Some(number) => model.ask(stream, Work::Wait(event, number)),
            None => INVALID_VALUE,
        },
    )
}

#[unsafe(no_mangle)]
pub extern "C" fn cuEventCreate(event: *mut usize, _flags: c_uint) -> u32 {
    asked(|model| {
        let id = model.id();
        model.events.insert(id, Event::default());
        give(event, id)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuEventDestroy_v2(event: usize) -> u32 {
    given_back(|model| {
        // Who waits for it still does.
        let number = model.events.get(&event).map_or(0, |event| event.signalled);
        model.reach(event, number);
        model.events.remove(&event).is_some()
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuEventRecord(event: usize, stream: usize) -> u32 {
    call_once(&BEFORE_AN_EVENT);
    let answer = asked(|model| {
        let Some(at) = model.events.get_mut(&event) else {
            return INVALID_VALUE;
        };
        at.stream = stream;
        at.signalled += 1;
        let streams = &model.streams;
        at.is_captured = streams.get(&stream).is_some_and(|it| it.recording.is_some());
        let number = at.signalled;
        model.ask(stream, Work::Signal(event, number))
    });
    call_once(&BEHIND_AN_EVENT);
    answer
}

#[unsafe(no_mangle)]
pub extern "C" fn cuEventQuery(event: usize) -> u32 {
    asked(|model| {
        if model.is_forbidden() {
            return CAPTURE_UNSUPPORTED;
        }
        if model.is_captured(event) {
            return CAPTURED_EVENT;
        }
        match model.events.get(&event) {
            Some(event) if event.reached >= event.signalled => SUCCESS,
            Some(_) => NOT_READY,
            None => INVALID_VALUE,
        }
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuEventSynchronize(event: usize) -> u32 {
    asked(|model| {
        if model.is_forbidden() {
            return CAPTURE_UNSUPPORTED;
        }
        if model.is_captured(event) {
            return CAPTURED_EVENT;
        }
        let Some(number) = model.events.get(&event).map(|event| event.signalled) else {
            return INVALID_VALUE;
        };
        model.reach(event, number);
        if model.lost { ILLEGAL_ADDRESS } else { SUCCESS }
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuStreamBeginCapture_v2(stream: usize, mode: c_uint) -> u32 {
    asked(|model| match model.streams.get_mut(&stream) {
        Some(stream) if stream.recording.is_none() => {
            stream.recording = Some(Recording {
                work: Vec::new(),
                by: thread::current().id(),
                mode,
                is_invalid: false,
            });
            SUCCESS
        }
        _ => INVALID_VALUE,
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuStreamEndCapture(stream: usize, graph: *mut usize) -> u32 {
    with(|model| {
        let Some(stream) = model.streams.get_mut(&stream) else {
            return INVALID_VALUE;
        };
        let thread = thread::current().id();
        let is_of_other = |recording: &Recording| {
            recording.mode != CAPTURE_RELAXED && recording.by != thread
        };
        if stream.recording.as_ref().is_some_and(is_of_other) {
            return CAPTURE_WRONG_THREAD;
        }
        let Some(recording) = stream.recording.take() else {
            return INVALID_VALUE;
        };
        if recording.is_invalid {
            return CAPTURE_INVALIDATED;
        }
        if model.is_refused() {
            return OUT_OF_MEMORY;
        }
        let id = model.id();
        model.graphs.insert(id, recording.work);
        give(graph, id)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuThreadExchangeStreamCaptureMode(mode: *mut c_uint) -> u32 {
    // SAFETY: the driver's interface says that there is a mode.
    let next = unsafe { mode.read() };
    give(mode, MODE.replace(next))
}

#[unsafe(no_mangle)]
pub extern "C" fn cuStreamIsCapturing(stream: usize, status: *mut c_uint) -> u32 {
    with(|model| {
        // A question that nothing but a context without use refuses.
        if CURRENT.get() == 0 {
            return INVALID_CONTEXT;
        }
        if model.lost {
            return ILLEGAL_ADDRESS;
        }
        let stream = model.streams.get(&stream);
        let recording = stream.and_then(|stream| stream.recording.as_ref());
        // Nothing is captured, a capture goes on, or one that became invalid.
        give(status, recording.map_or(0, |it| 1 + u32::from(it.is_invalid)))
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuGraphInstantiateWithFlags(exec: *mut usize, graph: usize, _flags: u64) -> u32 {
    asked(|model| {
        let (id, work) = (model.id(), model.graphs[&graph].clone());
        model.launchable.insert(id, work);
        give(exec, id)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuGraphLaunch(exec: usize, stream: usize) -> u32 {
    asked(|model| {
        let work = model.launchable[&exec].clone();
        work.into_iter()
            .fold(SUCCESS, |answer, work| answer | model.ask(stream, work))
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuGraphExecDestroy(exec: usize) -> u32 {
    given_back(|model| model.launchable.remove(&exec).is_some())
}

#[unsafe(no_mangle)]
pub extern "C" fn cuGraphDestroy(graph: usize) -> u32 {
    given_back(|model| model.graphs.remove(&graph).is_some())
}

#[unsafe(no_mangle)]
pub extern "C" fn cuModuleLoadData(module: *mut usize, _image: *const c_void) -> u32 {
    asked(|model| {
        let id = model.id();
        model.modules.insert(id);
        give(module, id)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuModuleGetFunction(
    function: *mut usize,
    module: usize,
    name: *const c_char,
) -> u32 {
    asked(|model| {
        // SAFETY: the name ends with a zero byte.
        let name = unsafe { CStr::from_ptr(name) };
        let known = ["square", "add"]
            .into_iter()
            .find(|known| known.as_bytes() == name.to_bytes());
        let Some(known) = known.filter(|_| model.modules.contains(&module)) else {
            return NOT_FOUND;
        };
        let id = model.id();
        model.functions.insert(id, (module, known));
        give(function, id)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuModuleUnload(module: usize) -> u32 {
    given_back(|model| model.modules.remove(&module))
}

#[unsafe(no_mangle)]
pub extern "C" fn cuLaunchKernel(
    function: usize,
    _bx: c_uint,
    _by: c_uint,
    _bz: c_uint,
    _tx: c_uint,
    _ty: c_uint,
    _tz: c_uint,
    _shared: c_uint,
    stream: usize,
    parameters: *const *const c_void,
    _extra: *const c_void,
) -> u32 {
    asked(|model| {
        // SAFETY: the caller has as many parameters as the kernel.
        let address = |at| unsafe { parameters.add(at).read().cast::<u64>().read() };
        // SAFETY: the caller has as many parameters as the kernel.
        let number = |at| unsafe { parameters.add(at).read().cast::<u32>().read() };
        let work = match model.functions.get(&function) {
            Some((_, "square")) => Work::Square(function, address(0), number(1)),
            Some((_, "add")) => Work::Add(function, address(0), address(1), number(2)),
            _ => return INVALID_VALUE,
        };
        model.ask(stream, work)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuGetErrorString(_error: u32, text: *mut *const c_char) -> u32 {
    give(text, c"as the model was told".as_ptr())
}

/// Refuses one call: the next is 1, and 0 is none.
#[unsafe(no_mangle)]
pub extern "C" fn model_refuse(call: u32) -> u32 {
    with(|model| std::mem::replace(&mut model.refuse, call))
}

/// Loses the device, or repairs it.
#[unsafe(no_mangle)]
pub extern "C" fn model_lose(lost: u32) -> u32 {
    with(|model| {
        model.lost = lost != 0;
        SUCCESS
    })
}

/// Calls a function once, when the next copy was accepted.
#[unsafe(no_mangle)]
pub extern "C" fn model_behind_a_copy(call: extern "C" fn()) {
    let mut next = BEHIND_A_COPY
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    *next = Some(call);
}

/// Calls a function once, before the next event is recorded.
#[unsafe(no_mangle)]
pub extern "C" fn model_before_an_event(call: extern "C" fn()) {
    let mut next = BEFORE_AN_EVENT
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    *next = Some(call);
}

/// Calls a function once, when the next event was recorded.
#[unsafe(no_mangle)]
pub extern "C" fn model_behind_an_event(call: extern "C" fn()) {
    let mut next = BEHIND_AN_EVENT
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    *next = Some(call);
}

/// How many things were made and not given back.
#[unsafe(no_mangle)]
pub extern "C" fn model_alive() -> u32 {
    with(|model| {
        let memory = [
            model.memory.len(),
            model.inaccessible.len(),
            model.handles.len(),
        ];
        let places = [model.reserved.len(), model.registered.len(), model.contexts];
        let order = [model.streams.len() - model.ended.len(), model.events.len()];
        let kernels = [
            model.modules.len(),
            model.graphs.len(),
            model.launchable.len(),
        ];
        let all = memory.iter().chain(&places).chain(&order).chain(&kernels);
        all.sum::<usize>() as u32
    })
}
