//! Names that a node can read: those of its own graph, and of the graphs around it.
//!
//! Stands on nothing. Scopes are chained, never copied.

use std::collections::HashMap;

use crate::program::ValueId;

/// The names of a graph, and the scope around it.
pub(super) struct Scope<'s, 'a> {
    names: HashMap<&'a str, ValueId>,
    outer: Option<&'s Scope<'s, 'a>>,
}

impl<'s, 'a> Scope<'s, 'a> {
    /// A scope without names of its own.
    pub(super) fn within(outer: Option<&'s Scope<'s, 'a>>) -> Self {
        Self {
            names: HashMap::new(),
            outer,
        }
    }

    /// The value of this name in the innermost graph that has one.
    pub(super) fn find(&self, name: &str) -> Option<ValueId> {
        let mut scope = Some(self);
        while let Some(Scope { names, outer }) = scope {
            if let Some(&value) = names.get(name) {
                return Some(value);
            }
            scope = *outer;
        }
        None
    }

    /// Adds a name to the innermost graph; `false` if it has it already.
    pub(super) fn define(&mut self, name: &'a str, value: ValueId) -> bool {
        self.names.insert(name, value).is_none()
    }
}
