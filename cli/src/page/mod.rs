//! Plans as a page: one HTML file that opens anywhere, with the viewer and the plans in it.
//!
//! A page is the viewer, built from `viewer/` in the repository, with a *document* in it: the plans
//! in columns of numbers, compressed. `docs/page.md` describes it for other readers.
//!
//! ```text
//! column     a list of numbers, in as few bytes as all of them need
//! strings    names, each once
//! savings    what would lower the peak of a model
//! groups     the models that share an arena, and streams
//! recorded   what an allocator really had over time, and what it refused
//! execution  the order of a model's operators, and the aliasing that a plan is made for
//! profile    the bytes of each call, of a recording with stacks
//! sink       where the parts of a map go: columns, names and lists
//! tensors    the tensors of a map
//! map        a plan, its operators and its load over time, in columns
//! notes      what a plan leaves out
//! devices    which of several devices are drawn
//! document   the header and all columns
//! write      the viewer with the document in it
//! ```

// A file uses only files above it in this list.
mod column;
mod strings;
mod savings;
mod groups;
mod recorded;
mod execution;
mod profile;
mod sink;
mod tensors;
mod map;
mod notes;
mod devices;
mod document;
mod write;

pub(crate) use devices::shown_devices;
pub(crate) use execution::Execution;
pub(crate) use groups::Groups;
pub(crate) use notes::notes;
pub(crate) use profile::note as note_on_calls;
pub(crate) use recorded::{OVERLAP, marks};
pub(crate) use write::{Page, PageMap, write};
