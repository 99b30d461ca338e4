//! What is known of a value's shape, and of its content if that is small and constant.
//!
//! Stands on `dims`. Invariant: a shape has sizes, or dimensions that it waits for.

use super::dims::{Dims, NamedAxis};
use crate::element::ElementType;

/// The most dimensions that are named for one tensor.
const MOST_NAMED: usize = 64;

/// What is known of a value's shape.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    /// The sizes; `None` if some is missing.
    pub(crate) dims: Option<Vec<u64>>,
    /// Dimensions to give for it, the first ones if there are many.
    pub(crate) waits_for: Vec<String>,
    /// Whether some size is an upper bound.
    pub(crate) is_bound: bool,
    /// Whether the value is known before the model runs: it follows from constants and shapes.
    pub(crate) is_fixed: bool,
    /// Whether the sizes differ from those in the file, or may.
    pub(crate) is_changed: bool,
    /// The type of the elements of a constant.
    pub(crate) element: Option<ElementType>,
    /// The numbers in a small constant.
    pub(crate) content: Option<Vec<i64>>,
    /// The first size in the file.
    pub(crate) stated_first: Option<u64>,
}

impl Shape {
    /// Notes dimensions to give for it.
    pub(crate) fn wait_for(&mut self, names: impl IntoIterator<Item = String>) {
        for name in names {
            if self.waits_for.len() < MOST_NAMED && !self.waits_for.contains(&name) {
                self.waits_for.push(name);
            }
        }
    }

    /// The shape of what one of several bodies returns: the largest sizes.
    pub(crate) fn largest(shapes: &[&Self]) -> Self {
        let mut all = Self::default();
        let mut dims: Option<Vec<u64>> = None;
        for shape in shapes {
            all.wait_for(shape.waits_for.iter().cloned());
            all.is_changed |= shape.is_changed;
            all.is_bound |= shape.is_bound;
            all.stated_first = all.stated_first.or(shape.stated_first);
            dims = match (dims, &shape.dims) {
                (Some(a), Some(b)) if a.len() == b.len() => {
                    all.is_bound |= a != *b;
                    Some(a.iter().zip(b).map(|(&a, &b)| a.max(b)).collect())
                }
                (Some(a), Some(b)) => {
                    all.is_bound = true;
                    Some(if elements(&a) < elements(b) {
                        b.clone()
                    } else {
                        a
                    })
                }
                (None, dims) => dims.clone(),
                (dims, None) => dims,
            };
        }
        all.is_changed |= all.is_bound;
        all.dims = dims.filter(|_| all.waits_for.is_empty());
        all
    }

    /// Takes upper bounds that the user gives for a value that loops pass on.
    pub(crate) fn take_bounds(&mut self, name: &str, given: &mut Dims<'_>) {
        for (axis, size) in self.dims.iter_mut().flatten().enumerate() {
            let axis = NamedAxis {
                name,
                prefix: name,
                axis,
                shape: "",
            };
            if let Some(bound) = given.bound_if_given(&axis) {
                *size = bound;
                self.is_changed = true;
                self.is_bound = true;
            }
        }
    }

    /// The shape of what an iteration begins with: nothing computed from it is known before.
    pub(crate) fn of_iteration(&self) -> Self {
        Self {
            is_fixed: false,
            ..self.clone()
        }
    }
}

/// The elements of a shape; the most there can be if they exceed 64 bits.
fn elements(dims: &[u64]) -> u64 {
    dims.iter().fold(1, |n, &size| n.saturating_mul(size))
}
