//! The files that code was loaded from, and places in them that are the same in every run.
//!
//! Stands on [`record`](super::record) and [`owner`](super::owner). Where a file says at which
//! address a module begins, a place is an offset from there. Where it does not, a place is an
//! offset from the lowest memory page that has code in some stack: two runs with the same stacks
//! agree on that page, as files are loaded at multiples of a page. Invariant: modules keep their
//! numbers when they are forgotten.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, HashMap};

use super::{owner::is_library, record::Module};

/// The bytes of a memory page.
const PAGE: u64 = 4096;

/// The modules of a recording.
#[derive(Default)]
pub(super) struct Modules {
    /// The name of the program's own file.
    program: Box<str>,
    all: Vec<Named>,
    /// Those that are loaded, by their starts: the number and the end.
    loaded: BTreeMap<u64, (usize, u64)>,
    /// Of each module that is a text, by its number, the lowest page that has code.
    first_pages: HashMap<u64, u64>,
}

struct Named {
    name: Box<str>,
    is_passed_over: bool,
}

impl Modules {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn set_program(&mut self, name: Box<str>) {
        self.program = name;
    }

    /// Adds a module that is loaded; `name` is that of its file.
    pub(super) fn load(&mut self, module: &Module, name: Box<str>) {
        let number = self.all.len();
        self.loaded.insert(module.start, (number, module.end));
        let is_program = module.name == b"x";
        self.all.push(Named {
            is_passed_over: !is_program && is_library(&name),
            name: match is_program {
                true => self.program.clone(),
                false => name,
            },
        });
    }

    /// From now on no module is loaded.
    pub(super) fn forget(&mut self) {
        self.loaded.clear();
    }

    /// The number of the loaded module that an address is in, and the offset there.
    pub(super) fn at(&self, address: u64) -> Option<(usize, u64)> {
        let (&start, &(module, end)) = self.loaded.range(..=address).next_back()?;
        (address < end).then(|| (module, address - start))
    }

    pub(super) fn name(&self, module: usize) -> &str {
        &self.all[module].name
    }

    /// Whether a module is a library that nobody looks for.
    pub(super) fn is_passed_over(&self, module: usize) -> bool {
        self.all[module].is_passed_over
    }

    /// Notes that a module, which is a text, has code at an address.
    pub(super) fn add_code(&mut self, module: u64, address: u64) {
        let page = address - address % PAGE;
        let first = self.first_pages.entry(module).or_insert(page);
        *first = (*first).min(page);
    }

    /// How far an address is from the lowest page of its module, which is a text, that has code.
    pub(super) fn offset_from_first_page(&self, module: u64, address: u64) -> u64 {
        let first = self.first_pages.get(&module).copied().unwrap_or_default();
        address.saturating_sub(first)
    }
}
