//! How much is built from a file at most.
//!
//! Stands on [`ModelError`]. Invariant: what is built is counted before it is built, so no file,
//! whatever it declares, makes the reader use more memory than [`MAX_BYTES`].

use crate::error::ModelError;

/// The most bytes that the parts of a model may have. A node with its operands, results, and an
/// attribute has about 400.
const MAX_BYTES: usize = 96 << 20;

/// The most nodes of a model, with bodies and functions.
pub(super) const MAX_NODES: usize = 1 << 18;

/// How deep bodies may lie within one another. Real models have two or three.
const MAX_BODIES: usize = 32;

/// How deep sequences and optionals may lie within one another. The format has no use for three.
const MAX_TYPES: usize = 8;

/// The longest name in bytes: it may become the prefix of many others.
const MAX_NAME: usize = 64 << 10;

/// What an allocation costs beside its bytes.
const OVERHEAD: usize = 16;

/// What has been built so far.
#[derive(Debug, Default)]
pub(super) struct Limits {
    bytes: usize,
    nodes: usize,
    /// The depth of the body that is read now.
    bodies: usize,
}

impl Limits {
    /// An empty vector with room for `count` elements.
    pub(super) fn room<T>(&mut self, count: usize) -> Result<Vec<T>, ModelError> {
        if count > 0 {
            let bytes = count.saturating_mul(size_of::<T>());
            self.bytes = self.bytes.saturating_add(bytes).saturating_add(OVERHEAD);
        }
        let what = "bytes of the parts of a model";
        check(what, self.bytes, MAX_BYTES)?;
        Ok(Vec::with_capacity(count))
    }

    /// Counts nodes.
    pub(super) fn nodes(&mut self, count: usize) -> Result<(), ModelError> {
        self.nodes = self.nodes.saturating_add(count);
        check("nodes of the model", self.nodes, MAX_NODES)
    }

    /// Enters a graph; [`leave`](Self::leave) is called behind it.
    pub(super) fn enter(&mut self) -> Result<(), ModelError> {
        self.bodies += 1;
        // The main graph is no body.
        check("bodies within bodies", self.bodies - 1, MAX_BODIES)
    }

    /// Leaves a graph.
    pub(super) fn leave(&mut self) {
        self.bodies -= 1;
    }

    /// Checks the depth of a type within others.
    pub(super) fn types(&self, depth: usize) -> Result<(), ModelError> {
        check("types within types", depth, MAX_TYPES)
    }

    /// Checks the length of a name.
    pub(super) fn name<'a>(
        &self,
        label: &'static str,
        name: &'a str,
    ) -> Result<&'a str, ModelError> {
        check(label, name.len(), MAX_NAME)?;
        Ok(name)
    }
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
