//! Reordering: a schedule of a graph's operators in which fewer bytes are alive at once.
//!
//! Stands on [`Graph`](crate::Graph) and its lifetimes.
//! [`Graph::reordered`](crate::Graph::reordered) changes only when operators run, not what they
//! read, write and wait for. It lowers the load, the most bytes alive at one step, which no plan's
//! peak can be below. Invariant: the result is a valid order whose load is not above that of the
//! given order; if nothing better was found, it is the given order.
//!
//! ```text
//!         ┌─► a1 ─► a2 ─┐          a1 b1 a2 b2 join: a1 and b1, both large, are alive together
//! start ──┤             ├─► join
//!         └─► b1 ─► b2 ─┘          a1 a2 b1 b2 join: of a, only the small a2 is alive beside b1
//! ```
//!
//! Bytes are counted by alias sets (`indexed_graph`), and a result in place is not counted twice at
//! the step that writes it (`in_place`). So loads are those of the lifetimes in every order, and
//! the order with the least load here is the best of all.
//!
//! Operators that have the same step in every order divide the steps into segments (`timeline`).
//! Each `segment` is ordered by itself, that with the largest load first, and only until another
//! one determines the load of the whole: by the priority rules of `list_scheduling`; then by a
//! `search` that finds the best order if it ends; and if it does not, by searches of a few steps
//! around the largest load (`improve`). `lower_bound` says when there is nothing left to gain. All
//! of it is deterministic, since it is limited by counted work instead of time.
//!
//! Of a graph with branches and loops, each outermost one counts as one operator (`contracted`).

// A file uses only files above it in this list.
mod in_place;
mod indexed_graph;
mod timeline;
mod segment;
mod lower_bound;
mod list_scheduling;
mod search;
mod improve;
mod unit_uses;
mod contracted;
mod reordered;

pub use reordered::Reordered;
