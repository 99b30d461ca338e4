//! Limits on what is built from a file.
//!
//! Stands on [`ModelError`]. Decoding has one set of limits, inlining another. Invariant: what is
//! built is counted before it is built, so no file, whatever it declares, makes either use more
//! memory than [`MAX_BYTES`].

use crate::error::ModelError;

/// The most bytes that the parts of a model may have. A node with its operands, results, and an
/// attribute has about 400.
const MAX_BYTES: usize = 64 << 20;

/// The most nodes of a model, with bodies and functions. A call of a function counts, too.
const MAX_NODES: usize = 1 << 18;

/// How deep bodies may lie within one another. Real models have two or three.
const MAX_BODIES: usize = 32;

/// How deep calls of functions may lie within one another.
const MAX_CALLS: usize = 64;

/// How deep sequences and optionals may lie within one another. The format has no use for three.
const MAX_TYPES: usize = 8;

/// The longest name in bytes: it may become the prefix of many others.
const MAX_NAME: usize = 64 << 10;

/// The most bytes that names of nodes have, counted once for each value in their bodies.
const MAX_PATHS: usize = 16 << 20;

/// The most dimensions of a shape. Real models have six.
const MAX_RANK: usize = 64;

/// What an allocation costs beside its bytes.
const OVERHEAD: usize = 16;

/// What has been built so far.
#[derive(Debug, Default)]
pub(super) struct Limits {
    bytes: usize,
    nodes: usize,
    /// Graphs within one another at the present place.
    graphs: usize,
}

impl Limits {
    /// An empty vector with room for `count` elements.
    pub(super) fn room<T>(&mut self, count: usize) -> Result<Vec<T>, ModelError> {
        if count > 0 {
            self.bytes(
                count
                    .saturating_mul(size_of::<T>())
                    .saturating_add(OVERHEAD),
            )?;
        }
        Ok(Vec::with_capacity(count))
    }

    /// Counts bytes.
    pub(super) fn bytes(&mut self, count: usize) -> Result<(), ModelError> {
        self.bytes = self.bytes.saturating_add(count);
        check("bytes of the parts of the model", self.bytes, MAX_BYTES)
    }

    /// Counts nodes.
    pub(super) fn nodes(&mut self, count: usize) -> Result<(), ModelError> {
        self.nodes = self.nodes.saturating_add(count);
        check("nodes of the model", self.nodes, MAX_NODES)
    }

    /// Enters a graph; [`leave`](Self::leave) is called behind it.
    pub(super) fn enter(&mut self) -> Result<(), ModelError> {
        // The main graph is no body.
        check("bodies within bodies", self.graphs, MAX_BODIES)?;
        self.graphs += 1;
        Ok(())
    }

    /// Leaves a graph.
    pub(super) fn leave(&mut self) {
        self.graphs -= 1;
    }
}

/// Checks how many calls lie around one.
pub(super) fn check_calls(depth: usize) -> Result<(), ModelError> {
    check("calls of functions within functions", depth, MAX_CALLS)
}

/// Checks how many types lie around one.
pub(super) fn check_types(depth: usize) -> Result<(), ModelError> {
    check("types within types", depth, MAX_TYPES)
}

/// Checks how many dimensions a shape has.
pub(super) fn check_rank(rank: usize) -> Result<(), ModelError> {
    check("dimensions of a shape", rank, MAX_RANK)
}

/// Checks the bytes of the names of nodes around values in bodies.
pub(super) fn check_paths(bytes: usize) -> Result<(), ModelError> {
    check("bytes of the names of values in bodies", bytes, MAX_PATHS)
}

/// Checks the length of a name in bytes; `place` says what it names, and where.
pub(super) fn check_name(place: impl FnOnce() -> String, length: usize) -> Result<(), ModelError> {
    if length <= MAX_NAME {
        return Ok(());
    }
    check(&format!("bytes of {}", place()), length, MAX_NAME)
}

fn check(what: &str, found: usize, limit: usize) -> Result<(), ModelError> {
    if found <= limit {
        return Ok(());
    }
    Err(ModelError::TooLarge {
        what: what.into(),
        found: found as u64,
        limit: limit as u64,
    })
}
