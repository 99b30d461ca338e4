//! The stacks of one or two profiles as lists of names, with a value each.
//!
//! Stands on `orionrt-pprof` and `allocator`. Samples of different addresses in the same functions
//! are one stack. Invariant: no more than [`MOST_FRAMES`] frames are kept, however many functions a
//! profile inlines into each other; sums end at the largest number.

#![forbid(unsafe_code)]

use std::collections::HashMap;

use orionrt_pprof::{Location, Profile};

use super::allocator::{callers, is_allocator};

/// The most frames of all stacks.
const MOST_FRAMES: usize = 2_000_000;
/// The most frames of all samples.
const MOST_SAMPLED: usize = 64_000_000;

/// A value of the profile, and of the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) now: i64,
    pub(crate) before: i64,
}

impl Value {
    pub(crate) fn add(&mut self, other: Self) {
        self.now = self.now.saturating_add(other.now);
        self.before = self.before.saturating_add(other.before);
    }

    pub(crate) fn change(self) -> i64 {
        self.now.saturating_sub(self.before)
    }
}

/// Why stacks cannot be shown.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StacksError {
    /// With inlined functions there are too many.
    #[error("the stacks have more than {MOST_FRAMES} frames, or the samples {MOST_SAMPLED}")]
    TooMany,
    /// The profile counts something else.
    #[error("has no sample type '{asked}', expected one of: {known}")]
    NoSuchType { asked: String, known: String },
}

/// Which of a profile's types has this name; without one, its default.
pub(crate) fn chosen_type(profile: &Profile, name: Option<&str>) -> Result<usize, StacksError> {
    let kinds = || profile.sample_types.iter().map(|of| profile.text(of.kind));
    let position = |name: &str| kinds().position(|kind| kind == name);
    if let Some(name) = name {
        return position(name).ok_or_else(|| StacksError::NoSuchType {
            asked: name.into(),
            known: kinds().collect::<Vec<_>>().join(", "),
        });
    }
    let default = profile.text(profile.default_kind);
    let default = (!default.is_empty()).then(|| position(default)).flatten();
    let default = default.or_else(|| position("inuse_space"));
    // That of pprof itself is the last.
    Ok(default.unwrap_or(profile.sample_types.len() - 1))
}

/// Stacks of names, outermost first.
#[derive(Debug, Default)]
pub(crate) struct Stacks {
    names: Vec<String>,
    files: Vec<String>,
    /// Whether each is a function of an allocator.
    allocators: Vec<bool>,
    numbers: HashMap<String, u32>,
    /// Whether the frames within the allocator are kept.
    keeps_allocator: bool,
    stacks: HashMap<Box<[u32]>, Value>,
    frames: usize,
}

impl Stacks {
    /// Without stacks. `keeps_allocator`: the frames within the allocator are kept.
    pub(crate) fn new(keeps_allocator: bool) -> Self {
        Self {
            keeps_allocator,
            ..Self::default()
        }
    }

    /// Adds the samples of a profile, by what they have of a type. `is_before`: it is the profile
    /// to compare with.
    pub(crate) fn add(
        &mut self,
        profile: &Profile,
        kind: usize,
        is_before: bool,
    ) -> Result<(), StacksError> {
        let locations = profile.locations.iter();
        let names: Vec<Vec<u32>> = locations
            .map(|location| self.names_of(profile, location))
            .collect();
        let mut stack = Vec::new();
        let mut sampled = 0;
        for sample in profile.samples() {
            let value = sample.values[kind];
            if value == 0 {
                continue;
            }
            stack.clear();
            for &location in sample.locations.iter().rev() {
                let of = &names[location as usize];
                if stack.len() + of.len() > MOST_FRAMES {
                    return Err(StacksError::TooMany);
                }
                stack.extend_from_slice(of);
            }
            sampled += stack.len();
            if sampled > MOST_SAMPLED {
                return Err(StacksError::TooMany);
            }
            let value = match is_before {
                false => Value {
                    now: value,
                    before: 0,
                },
                true => Value {
                    now: 0,
                    before: value,
                },
            };
            self.add_stack(&stack, value)?;
        }
        Ok(())
    }

    fn add_stack(&mut self, stack: &[u32], value: Value) -> Result<(), StacksError> {
        let stack = callers(stack, &self.allocators);
        if let Some(sum) = self.stacks.get_mut(stack) {
            sum.add(value);
            return Ok(());
        }
        self.frames += stack.len();
        if self.frames > MOST_FRAMES {
            return Err(StacksError::TooMany);
        }
        self.stacks.insert(stack.into(), value);
        Ok(())
    }

    /// The numbers of the names of a location, outermost first.
    fn names_of(&mut self, profile: &Profile, location: &Location) -> Vec<u32> {
        let lines = location.lines.iter().rev();
        let known = lines.map(|line| {
            let function = &profile.functions[line.function as usize];
            let name = match profile.text(function.name) {
                "" => profile.text(function.system_name),
                name => name,
            };
            self.number(name, profile.text(function.file))
        });
        let known: Vec<u32> = known.collect();
        if !known.is_empty() {
            return known;
        }
        vec![self.number(&unnamed(profile, location), "")]
    }

    fn number(&mut self, name: &str, file: &str) -> u32 {
        if let Some(&known) = self.numbers.get(name) {
            return known;
        }
        let number = self.names.len() as u32;
        self.names.push(name.into());
        self.files.push(file.into());
        self.allocators
            .push(!self.keeps_allocator && is_allocator(name));
        self.numbers.insert(name.into(), number);
        number
    }

    pub(crate) fn name(&self, number: u32) -> &str {
        &self.names[number as usize]
    }

    /// The source file of the first function of this name.
    pub(crate) fn file(&self, number: u32) -> &str {
        &self.files[number as usize]
    }

    /// The place of each name in the order of their texts.
    pub(crate) fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.names.len() as u32).collect();
        order.sort_unstable_by_key(|&number| self.name(number));
        let mut ranks = vec![0; order.len()];
        for (rank, &number) in order.iter().enumerate() {
            ranks[number as usize] = rank as u32;
        }
        ranks
    }

    pub(crate) fn name_count(&self) -> usize {
        self.names.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.stacks.len()
    }

    /// The stacks with their values, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u32], Value)> {
        self.stacks.iter().map(|(stack, &value)| (&**stack, value))
    }

    pub(crate) fn total(&self) -> Value {
        let mut total = Value::default();
        self.iter().for_each(|(_, value)| total.add(value));
        total
    }
}

/// A name for a location of which nothing but its address is known.
fn unnamed(profile: &Profile, location: &Location) -> String {
    let mapping = location
        .mapping
        .map(|mapping| &profile.mappings[mapping as usize]);
    let file = mapping.map_or("", |mapping| profile.text(mapping.file));
    let file = file.rsplit('/').next().unwrap_or_default();
    let offset = mapping.and_then(|of| {
        let within = location.address.checked_sub(of.start)?;
        within.checked_add(of.file_offset)
    });
    match offset.filter(|_| !file.is_empty()) {
        Some(offset) => format!("{file}+{offset:#x}"),
        None => format!("{:#x}", location.address),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use orionrt_pprof::{Function, Line, ValueType};

    use super::*;

    /// A profile with a function for each location, and samples of these.
    pub(crate) fn profile(samples: &[(&[u32], i64)]) -> Profile {
        let mut profile = Profile::default();
        let (kind, unit) = (profile.add_text("inuse_space"), profile.add_text("bytes"));
        profile.sample_types.push(ValueType { kind, unit });
        for n in 0..10 {
            let name = profile.add_text(format!("f{n}"));
            profile.functions.push(Function {
                name,
                ..Function::default()
            });
            let lines = vec![Line {
                function: n,
                line: 1,
            }];
            profile.locations.push(Location {
                lines,
                ..Location::default()
            });
        }
        for &(locations, value) in samples {
            profile.add_sample(locations, &[value]);
        }
        profile
    }

    #[test]
    fn stacks_of_the_same_functions_are_one_and_those_of_nothing_are_left_out() {
        let mut stacks = Stacks::default();
        let now = profile(&[(&[1, 0], 5), (&[1, 0], 7), (&[2, 0], 1), (&[3], 0)]);
        stacks.add(&now, 0, false).unwrap();
        stacks
            .add(&profile(&[(&[1, 0], 4), (&[4], 9)]), 0, true)
            .unwrap();
        let mut all: Vec<_> = stacks.iter().collect();
        all.sort_unstable_by_key(|(stack, _)| stack.to_vec());
        let value = |now, before| Value { now, before };
        assert_eq!(
            all,
            [
                (&[0, 1][..], value(12, 4)),
                (&[0, 2][..], value(1, 0)),
                (&[4][..], value(0, 9)),
            ]
        );
        assert_eq!(stacks.total(), value(13, 13));
    }

    #[test]
    fn inlined_functions_are_frames_and_too_many_are_refused() {
        let mut inlined = profile(&[(&[0, 1], 1)]);
        inlined.locations[0].lines = [7, 8].map(|function| Line { function, line: 1 }).into();
        let mut stacks = Stacks::default();
        stacks.add(&inlined, 0, false).unwrap();
        let (stack, _) = stacks.iter().next().unwrap();
        let names: Vec<&str> = stack.iter().map(|&number| stacks.name(number)).collect();
        assert_eq!(names, ["f1", "f8", "f7"]);

        inlined.locations[0].lines = vec![
            Line {
                function: 0,
                line: 1
            };
            1_000_000
        ];
        inlined.add_sample(&[0, 0, 0, 0], &[1]);
        let mut stacks = Stacks::default();
        assert_eq!(stacks.add(&inlined, 0, false), Err(StacksError::TooMany));

        let mut deep = profile(&[]);
        for _ in 0..100 {
            deep.add_sample(&[0; 1_000], &[1]);
        }
        let mut stacks = Stacks::default();
        assert_eq!(stacks.add(&deep, 0, false), Ok(()));
        deep.locations[0].lines = vec![
            Line {
                function: 0,
                line: 1
            };
            1_000
        ];
        let mut stacks = Stacks::default();
        assert_eq!(stacks.add(&deep, 0, false), Err(StacksError::TooMany));
    }

    #[test]
    fn the_type_is_that_which_is_asked_for_or_the_default() {
        let mut profile = Profile::default();
        for kind in ["alloc_space", "inuse_space", "other"] {
            let kind = profile.add_text(kind);
            profile.sample_types.push(ValueType { kind, unit: kind });
        }
        assert_eq!(chosen_type(&profile, None), Ok(1));
        assert_eq!(chosen_type(&profile, Some("other")), Ok(2));
        let error = chosen_type(&profile, Some("x")).unwrap_err().to_string();
        let known = "alloc_space, inuse_space, other";
        assert_eq!(
            error,
            format!("has no sample type 'x', expected one of: {known}")
        );
        profile.default_kind = profile.sample_types[0].kind;
        assert_eq!(chosen_type(&profile, None), Ok(0));
        profile.sample_types.truncate(1);
        profile.default_kind = Default::default();
        assert_eq!(chosen_type(&profile, None), Ok(0));
    }
}
