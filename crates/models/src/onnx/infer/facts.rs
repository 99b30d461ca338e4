//! What is known of every value of a model.
//!
//! Stands on `rules`, `dims` and the program. Invariant: a value's number never changes, and values
//! of a body come after all that are visible in it.

use std::collections::{BTreeSet, HashSet};
use std::rc::Rc;

use crate::error::ModelError;
use crate::model::{LeftOut, SizeBound};
use crate::onnx::dims::Dims;
use crate::onnx::rules::Rules;
use crate::onnx::small::{Small, Trust};
use crate::onnx::symbols::Symbols;
use crate::onnx::types::{Size, Symbol, Type};
use crate::options::Options;
use crate::program::ValueId;

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It is a weight in the file.
    Weight,
    /// It follows from constants and shapes alone.
    Constant,
    /// It is computed, or passed in, when the model runs.
    Runtime,
}

/// What is known of a value.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub(crate) name: String,
    pub(crate) of: Type,
    pub(crate) contents: Option<Rc<Small>>,
    pub(crate) origin: Origin,
}

/// A size that stands for those that are missing, so that the rest can be looked at: a bound, since
/// nothing may be decided by it.
const STAND_IN: u64 = 256;

/// All values of a model, and what typing them needs.
pub(crate) struct Facts<'o> {
    pub(crate) options: &'o Options,
    pub(crate) dims: &'o Dims,
    pub(crate) rules: Rules,
    pub(crate) symbols: Symbols,
    pub(crate) all: Vec<Fact>,
    /// Sizes of inputs are missing: what is found is only asked for, never planned.
    pub(crate) is_survey: bool,
    /// Values whose type or rank is not known, and why.
    pub(crate) open: Vec<(ValueId, ModelError)>,
    pub(crate) left_out: Vec<LeftOut>,
    /// Bounds that were used, by their names.
    bounds: Vec<SizeBound>,
    /// The names in `bounds`.
    used_bounds: HashSet<String>,
    /// Names of sizes that depend on data.
    pub(crate) bound_names: BTreeSet<String>,
    /// Evaluations that may still be made to count iterations.
    pub(crate) count_steps: u32,
    /// Nodes that may still be typed; bodies of loops are typed more than once.
    pub(crate) budget: u64,
}

impl<'o> Facts<'o> {
    /// No values.
    pub(crate) fn new(dims: &'o Dims, options: &'o Options, rules: Rules, nodes: usize) -> Self {
        Self {
            options,
            dims,
            rules,
            symbols: Symbols::new(),
            all: Vec::new(),
            is_survey: false,
            open: Vec::new(),
            left_out: Vec::new(),
            bounds: Vec::new(),
            used_bounds: HashSet::new(),
            bound_names: BTreeSet::new(),
            count_steps: 1 << 19,
            budget: 16 * nodes as u64 + 100_000,
        }
    }

    /// Adds a value.
    pub(crate) fn add(&mut self, fact: Fact) -> ValueId {
        let id = ValueId(self.all.len() as u32);
        self.all.push(fact);
        id
    }

    pub(crate) fn get(&self, id: ValueId) -> &Fact {
        &self.all[id.0 as usize]
    }

    /// The number that the next value gets.
    pub(crate) fn next(&self) -> ValueId {
        ValueId(self.all.len() as u32)
    }

    /// Drops the values from this one on, and what is known to be wrong with them.
    pub(crate) fn drop_from(&mut self, first: ValueId) {
        self.all.truncate(first.0 as usize);
        self.open.retain(|(value, _)| *value < first);
    }

    /// The size of an input's dimension that nobody gave.
    pub(crate) fn missing(&mut self, name: &str, place: impl FnOnce() -> String) -> Size {
        if self.is_survey {
            Size::Bound(STAND_IN)
        } else {
            Size::Unknown(self.symbols.root(name, place, false))
        }
    }

    /// The size of this name that depends on data: its bound, if it is given.
    pub(crate) fn data_dependent(&mut self, name: &str, place: impl FnOnce() -> String) -> Size {
        if let Some(size) = self.bound(name) {
            return size;
        }
        self.bound_names.insert(name.into());
        Size::Unknown(self.symbols.root(name, place, true))
    }

    /// The bound that is given by this name.
    pub(crate) fn bound(&mut self, name: &str) -> Option<Size> {
        let bound = *self.options.dims.get(name)?;
        self.bound_names.insert(name.into());
        self.use_bound(name, bound);
        Some(Size::Bound(bound))
    }

    /// The bound of this name: the one that is given, or else this one.
    pub(crate) fn own_bound(&mut self, name: &str, bound: u64) -> Size {
        if let Some(given) = self.bound(name) {
            return given;
        }
        if self.bound_names.insert(name.into()) {
            self.use_bound(name, bound);
        }
        Size::Bound(bound)
    }

    /// Lists a bound, once.
    fn use_bound(&mut self, name: &str, bound: u64) {
        if self.used_bounds.insert(name.into()) {
            self.bounds.push(SizeBound::new(name, bound));
        }
    }

    /// The bounds that were used.
    pub(crate) fn bounds(&self) -> &[SizeBound] {
        &self.bounds
    }

    /// All unknown sizes that this follows from and that have roots.
    pub(crate) fn unknowns(&self, values: impl Iterator<Item = ValueId>) -> Vec<Symbol> {
        let mut found = Vec::new();
        for id in values {
            let fact = self.get(id);
            found.extend(fact.of.unknowns());
            if let Some(contents) = &fact.contents {
                found.extend(contents.unknowns());
            }
        }
        found.retain(|&symbol| self.symbols.has_roots(symbol));
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Whether a value is, or has, a bound.
    pub(crate) fn is_bounded(&self, id: ValueId) -> bool {
        let fact = self.get(id);
        let has_bound = |contents: &Rc<Small>| contents.has_bound();
        fact.of.has_bound() || fact.contents.as_ref().is_some_and(has_bound)
    }

    /// Whether a value follows from a size that stands for one that is missing.
    pub(crate) fn has_stand_in(&self, id: ValueId) -> bool {
        let fact = self.get(id);
        let has_unknown = |contents: &Rc<Small>| contents.unknowns().next().is_some();
        self.is_bounded(id)
            || !fact.of.unknowns().is_empty()
            || fact.contents.as_ref().is_some_and(has_unknown)
    }

    /// How far the contents of these values may be relied on.
    pub(crate) fn trust(&self, values: impl Iterator<Item = ValueId>) -> Trust {
        let contents = values.filter_map(|id| self.get(id).contents.as_ref());
        contents
            .map(|contents| contents.least_trust())
            .max()
            .unwrap_or(Trust::Constant)
    }
}
