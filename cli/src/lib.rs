//! The command line of OrionRT: `orionrt plan`, `fit`, `view`, `check`, `compare`, `share`, `run`,
//! `demo`, `devices`, `profile`, `with`, `record`, `trace`.
//!
//! Where something new goes:
//!
//! - **A verb**: its arguments in `args/VERB.rs` and a variant in `args/cli.rs`; what it does in
//!   `verbs/VERB.rs`; a line in `program.rs`. An option that several verbs share goes into
//!   `args/source.rs` (what is read) or `args/search.rs` (how to search).
//! - **A format of models, or an operator**: the crate `orionrt-models`. A format of lifetimes: a
//!   loader beside `input/csv.rs`, a variant of `Origin` in `input/loaded.rs`, and a line in
//!   `input/load.rs`.
//! - **A picture of a plan**: a file beside `picture.rs`, its option in `args/plan.rs`, and a line
//!   in `verbs/plan/files.rs`.
//! - **A network of the demo**: a file in `demo/models/` and a line in `demo/models/all.rs`.
//! - **A kernel of the demo**: a variant in `demo/kernels/kernel.rs`; for devices, a shader in
//!   `demo/device/shaders/` and a line in `demo/device/call.rs`.
//!
//! A run goes from [`main`] in `program.rs` to one file of `verbs/`, which loads with `input/`,
//! plans with the library, writes files through `staging.rs` and prints through `output.rs`. The
//! binary installs a global allocator and calls [`main`].
//!
//! What each module holds:
//!
//! ```text
//! escape            text from files, for a terminal, a picture, a shell
//! failure           what can go wrong, as the user reads it, and the exit status
//! unfinished        files that have a temporary name
//! interrupt         Ctrl-C: the first ends the search, the second the process
//! random            pseudo-random values that a seed determines
//! page_faults       page faults of a thread or of the process
//! resident_memory   resident memory of the process
//! device_memory     the devices of this machine, and plans for them
//! args              the verbs and their options
//! format            numbers and labelled lines for people
//! figures           the figures of lifetimes and plans that several verbs report
//! output            results on stdout
//! target            where an output goes; which files are the same
//! staging           files that appear complete or not at all
//! progress          a spinner or a bar for long work
//! input             models, CSV files and plan files → lifetimes, plans
//! parts             what parts of results save, as verbs report it
//! recording         recordings read by other programs
//! shapes            what several pictures are made of
//! picture           a plan as SVG
//! page              a plan as a page with a viewer
//! perfetto          a plan as a trace for Perfetto
//! memory_snapshot   a plan as a memory snapshot for PyTorch's viewer
//! drawing           plans drawn by other programs
//! heap_profile      profiles in pprof's format: names, stacks, flame graphs
//! own_heap          the binary's heap                                  (Linux)
//! dual_heap         two heaps behind one global allocator              (engine)
//! demo              three networks, in planned slots and on the heap
//! catch_panics      turns panics of other people's code into errors    (engine)
//! engine            an ONNX file → a model that tract can run          (engine)
//! inference         a model on either heap and on replayed memory      (engine)
//! verbs             what each verb does
//! program           parses the arguments and runs the verb
//! ```

// A file uses only files above it in this list.
mod escape;
mod failure;
mod unfinished;
mod interrupt;
mod random;
mod page_faults;
mod resident_memory;
mod device_memory;
mod args;
mod format;
mod figures;
mod output;
mod target;
mod staging;
mod progress;
mod input;
mod parts;
mod recording;
mod shapes;
mod picture;
mod page;
mod perfetto;
mod memory_snapshot;
mod drawing;
mod heap_profile;
#[cfg(target_os = "linux")]
mod own_heap;
#[cfg(all(feature = "engine", target_os = "linux"))]
mod dual_heap;
mod demo;
#[cfg(all(feature = "engine", target_os = "linux"))]
mod catch_panics;
#[cfg(all(feature = "engine", target_os = "linux"))]
mod engine;
#[cfg(all(feature = "engine", target_os = "linux"))]
mod inference;
mod verbs;
mod program;

pub use drawing::{Drawing, DrawnModel};
#[cfg(all(feature = "engine", target_os = "linux"))]
pub use dual_heap::{Allocator, allocator};
#[cfg(target_os = "linux")]
pub use own_heap::own_heap;
pub use program::{main, main_with};
pub use recording::{
    HeapEvent, HeapEventKind, HeapRecording, HeapUsage, RecordingError, RecordingForm,
    read_lifetimes, read_recording,
};
