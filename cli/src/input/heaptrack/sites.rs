//! Names of allocations: the innermost code of the program's own in the stack of calls.
//!
//! Stands on [`record`](super::record), on [`modules`](super::modules) and on
//! [`owner`](super::owner), which says what is passed over: `malloc` and `operator new` are in
//! every stack. Code has the name of its function or, where that is not known, a place in the file
//! that it was loaded from. Such a place is the same in all runs of a program, which the system
//! loads at other addresses each time. Invariant: a name is short, no two allocations have the
//! same, and a stack refers to earlier ones alone, so that none is within itself.

#![forbid(unsafe_code)]

use std::{collections::HashMap, rc::Rc};

use super::{
    error::HeaptrackError,
    fields::Fields,
    modules::Modules,
    owner::{Owner, is_library, is_of_rust, owner},
    record::{Frame, Instruction, Module},
};
use crate::input::calls::{LONGEST as LONGEST_CALL, beginning};

/// The most things of a kind that are read.
pub(super) const MOST: usize = 4_000_000;
/// The most bytes of a function, and of a file.
const LONGEST: usize = 80;

/// Texts, instructions and stacks in the order of the file, and the names that they give.
#[derive(Default)]
pub(super) struct Sites {
    texts: Vec<Text>,
    /// Whether a text is of Rust.
    has_rust: bool,
    instructions: Vec<Innermost>,
    stacks: Vec<Innermost>,
    modules: Modules,
    /// The names of stacks that were asked for.
    names: HashMap<u64, Rc<str>>,
    /// How many allocations each name has.
    counts: HashMap<Rc<str>, usize>,
}

/// What is kept of a text.
struct Text {
    /// At most [`LONGEST_CALL`] bytes.
    begin: Box<str>,
    /// The last part of a path.
    base: Box<str>,
    owner: Owner,
    /// Whether it is the path of a library that is passed over.
    is_library: bool,
}

/// Of a stack, the innermost places of each kind; the first kind that there is gives the name. An
/// instruction is a stack of one call.
#[derive(Clone, Copy, Default)]
struct Innermost {
    /// The program's own if the file has Rust.
    own_in_rust: Option<Place>,
    /// The program's own if it has none.
    own: Option<Place>,
    any: Option<Place>,
    address: Option<Place>,
}

/// A place in a program.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Function(Frame),
    /// An address in a module that is a text; the file does not say where the module begins.
    Address {
        module: u64,
        address: u64,
    },
    /// An offset in a module.
    Offset {
        module: usize,
        offset: u64,
    },
}

impl Sites {
    pub(super) fn add_text(&mut self, fields: &Fields, bytes: &[u8]) -> Result<(), HeaptrackError> {
        let text = String::from_utf8_lossy(bytes);
        let base = base(&text);
        let text = Text {
            begin: beginning(&text, LONGEST_CALL).into(),
            is_library: is_library(&base),
            base,
            owner: owner(&text),
        };
        self.has_rust |= is_of_rust(bytes);
        push(fields, &mut self.texts, text, "texts")
    }

    pub(super) fn add_instruction(
        &mut self,
        fields: &Fields,
        instruction: &Instruction,
    ) -> Result<(), HeaptrackError> {
        let call = self.call_of(instruction);
        let &Instruction {
            module, address, ..
        } = instruction;
        self.modules.add_code(module, address);
        push(fields, &mut self.instructions, call, "instructions")
    }

    /// The call of an instruction, the innermost of its functions first.
    fn call_of(&self, instruction: &Instruction) -> Innermost {
        let text = |frame: &Frame| by_number(&self.texts, frame.function);
        let named = |frame: &Frame| text(frame).is_some_and(|text| !text.begin.is_empty());
        let owner = |frame: &Frame| text(frame).map_or(Owner::Library, |text| text.owner);
        let mut frames = instruction.frames.iter().copied().filter(named);
        let any = frames.clone().next().map(Place::Function);
        let address = Some(Place::Address {
            module: instruction.module,
            address: instruction.address,
        });
        let module = by_number(&self.texts, instruction.module);
        if module.is_some_and(|module| module.is_library) {
            return Innermost {
                any,
                address,
                ..Innermost::default()
            };
        }
        let own = frames.find(|frame| owner(frame) != Owner::Library);
        let is_own = |frame: &Frame| owner(frame) == Owner::Program;
        let own_in_rust = own.filter(is_own).or_else(|| frames.find(is_own));
        // Code of a known file without functions is the program's own, too.
        let nameless = address.filter(|_| any.is_none() && module.is_some());
        Innermost {
            own_in_rust: own_in_rust.map(Place::Function).or(nameless),
            own: own.map(Place::Function).or(nameless),
            any,
            address,
        }
    }

    /// Adds a stack; `instruction` is a number, or an address if the file has addresses.
    pub(super) fn add_stack(
        &mut self,
        fields: &Fields,
        instruction: u64,
        parent: u64,
        has_addresses: bool,
    ) -> Result<(), HeaptrackError> {
        let call = match has_addresses {
            true => self.call_at(instruction),
            false => by_number(&self.instructions, instruction).copied(),
        };
        let (call, parent) = (call.unwrap_or_default(), by_number(&self.stacks, parent));
        let parent = parent.copied().unwrap_or_default();
        let stack = Innermost {
            own_in_rust: call.own_in_rust.or(parent.own_in_rust),
            own: call.own.or(parent.own),
            any: call.any.or(parent.any),
            address: call.address.or(parent.address),
        };
        push(fields, &mut self.stacks, stack, "stacks")
    }

    pub(super) fn set_program(&mut self, path: &[u8]) {
        self.modules
            .set_program(base(&String::from_utf8_lossy(path)));
    }

    /// Adds a module; `None` forgets all.
    pub(super) fn add_module(
        &mut self,
        fields: &Fields,
        module: Option<&Module>,
    ) -> Result<(), HeaptrackError> {
        let Some(module) = module else {
            self.modules.forget();
            return Ok(());
        };
        check(fields, self.modules.len(), "modules")?;
        let name = base(&String::from_utf8_lossy(module.name));
        self.modules.load(module, name);
        Ok(())
    }

    /// The call of an address, if it is in a module.
    fn call_at(&self, address: u64) -> Option<Innermost> {
        let (module, offset) = self.modules.at(address)?;
        let place = Some(Place::Offset { module, offset });
        let own = place.filter(|_| !self.modules.is_passed_over(module));
        Some(Innermost {
            own_in_rust: own,
            own,
            any: place,
            address: None,
        })
    }

    /// `main.c:12 read #1`, `library.so+0x12 #1`, or `stack 5 #1` if no more is known.
    pub(super) fn name(&mut self, stack: u64) -> String {
        let name = match self.names.get(&stack) {
            Some(name) => Rc::clone(name),
            None => {
                let name = Rc::from(self.shown(stack));
                self.names.insert(stack, Rc::clone(&name));
                name
            }
        };
        let count = self.counts.entry(Rc::clone(&name)).or_default();
        *count += 1;
        format!("{name} #{count}")
    }

    fn shown(&self, stack: u64) -> String {
        let known = by_number(&self.stacks, stack).copied().unwrap_or_default();
        let own = match self.has_rust {
            true => known.own_in_rust,
            false => known.own,
        };
        match own.or(known.any).or(known.address) {
            None => format!("stack {stack:x}"),
            Some(place) => self.place(place, LONGEST),
        }
    }

    /// A place by its name, with at most `longest` bytes of a function.
    pub(super) fn place(&self, place: Place, longest: usize) -> String {
        let base = |text: u64| by_number(&self.texts, text).map_or("", |text| &text.base);
        match place {
            Place::Function(frame) => {
                let function = by_number(&self.texts, frame.function);
                let function = function.map_or("", |text| &text.begin);
                let function = beginning(function, longest);
                match base(frame.file) {
                    "" => function,
                    file => format!("{file}:{} {function}", frame.line),
                }
            }
            Place::Address { module, address } => match base(module) {
                "" => format!("{address:#x}"),
                file => {
                    let offset = self.modules.offset_from_first_page(module, address);
                    format!("{file} first page+{offset:#x}")
                }
            },
            Place::Offset { module, offset } => {
                format!("{}+{offset:#x}", self.modules.name(module))
            }
        }
    }

    /// The places of an instruction, the outermost first: its functions, or else its address.
    pub(super) fn calls_of(&self, instruction: &Instruction) -> Vec<Place> {
        let is_named = |frame: &&Frame| {
            let text = by_number(&self.texts, frame.function);
            text.is_some_and(|text| !text.begin.is_empty())
        };
        let frames = instruction.frames.iter().rev().filter(is_named);
        let places: Vec<Place> = frames.map(|&frame| Place::Function(frame)).collect();
        if places.is_empty() {
            let Instruction {
                module, address, ..
            } = *instruction;
            return vec![Place::Address { module, address }];
        }
        places
    }

    /// The place of an address, if it is in a module.
    pub(super) fn place_at(&self, address: u64) -> Option<Place> {
        self.call_at(address)?.any
    }
}

fn push<T>(
    fields: &Fields,
    things: &mut Vec<T>,
    thing: T,
    what: &'static str,
) -> Result<(), HeaptrackError> {
    check(fields, things.len(), what)?;
    things.push(thing);
    Ok(())
}

/// Fails if there are as many things of a kind as are read.
pub(super) fn check(
    fields: &Fields,
    count: usize,
    what: &'static str,
) -> Result<(), HeaptrackError> {
    if count < MOST {
        return Ok(());
    }
    Err(HeaptrackError::TooMuch {
        line: fields.line,
        most: MOST as u64,
        what,
    })
}

/// A thing by its number, counted from 1.
pub(super) fn by_number<T>(things: &[T], number: u64) -> Option<&T> {
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    things.get(index)
}

/// The name of a file without its folders.
fn base(path: &str) -> Box<str> {
    shortened(path.rsplit('/').next().unwrap_or(path))
}

fn shortened(text: &str) -> Box<str> {
    beginning(text, LONGEST).into()
}
