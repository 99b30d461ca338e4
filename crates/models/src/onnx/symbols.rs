//! What unknown sizes depend on.
//!
//! Stands on [`Symbol`]. A *root* is a size that the user can give: a dimension of an input, or one
//! that depends on data. Invariant: a symbol that follows from others depends on the roots of all
//! of them; a root is listed once.

use std::collections::HashMap;
use std::rc::Rc;

use super::types::Symbol;

/// At most this many roots are kept apart: nobody would read a message with more.
const MOST_ROOTS: usize = 16;

/// A size that the user can give.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    pub(crate) name: String,
    /// Where it occurs first.
    pub(crate) place: String,
    /// Whether it depends on data.
    pub(crate) is_bound: bool,
}

/// All unknown sizes of a model.
#[derive(Debug)]
pub(crate) struct Symbols {
    pub(crate) roots: Vec<Root>,
    by_name: HashMap<String, Symbol>,
    /// The roots of each symbol, in ascending order.
    sets: Vec<Rc<[u32]>>,
}

impl Symbols {
    /// The symbol of a size that follows from what is read at run time, and has no name yet.
    pub(crate) const NAMELESS: Symbol = Symbol(0);

    /// No symbols but [`Self::NAMELESS`].
    pub(crate) fn new() -> Self {
        Self {
            roots: Vec::new(),
            by_name: HashMap::new(),
            sets: vec![Rc::from([])],
        }
    }

    /// The symbol of a root, which is new unless one of this name is there.
    pub(crate) fn root(
        &mut self,
        name: &str,
        place: impl FnOnce() -> String,
        is_bound: bool,
    ) -> Symbol {
        if let Some(&symbol) = self.by_name.get(name) {
            return symbol;
        }
        let root = self.roots.len() as u32;
        self.roots.push(Root {
            name: name.into(),
            place: place(),
            is_bound,
        });
        let symbol = self.push(Rc::from([root]));
        self.by_name.insert(name.into(), symbol);
        symbol
    }

    /// A new symbol that follows from these; [`Self::NAMELESS`] if they have no roots.
    pub(crate) fn derive(&mut self, from: &[Symbol]) -> Symbol {
        let mut all: Option<Rc<[u32]>> = None;
        for symbol in from {
            let Some(set) = self.sets.get(symbol.0 as usize) else {
                // It has not been given a place among the symbols yet: it has no roots.
                continue;
            };
            all = match all {
                _ if set.is_empty() => all,
                None => Some(set.clone()),
                Some(all) if all == *set => Some(all),
                Some(all) => {
                    let mut both: Vec<u32> = all.iter().chain(set.iter()).copied().collect();
                    both.sort_unstable();
                    both.dedup();
                    both.truncate(MOST_ROOTS);
                    Some(both.into())
                }
            };
        }
        all.map_or(Self::NAMELESS, |set| self.push(set))
    }

    /// Whether it depends on some root.
    pub(crate) fn has_roots(&self, symbol: Symbol) -> bool {
        self.sets
            .get(symbol.0 as usize)
            .is_some_and(|set| !set.is_empty())
    }

    /// The names of the roots that these symbols depend on.
    pub(crate) fn names(&self, symbols: &[Symbol]) -> Vec<String> {
        let mut roots: Vec<u32> = symbols
            .iter()
            .filter_map(|symbol| self.sets.get(symbol.0 as usize))
            .flat_map(|set| set.iter().copied())
            .collect();
        roots.sort_unstable();
        roots.dedup();
        let name = |root| self.roots[root as usize].name.clone();
        roots.into_iter().map(name).collect()
    }

    fn push(&mut self, set: Rc<[u32]>) -> Symbol {
        let symbol = Symbol(self.sets.len() as u32);
        self.sets.push(set);
        symbol
    }
}
