//! From frame to frame, until the stack ends or the caller's slice does.
//!
//! Stands on [`frame`](super::frame) and, on x86-64, on [`last_walk`](super::last_walk). Invariant:
//! a walk along the last one finds what a walk without it would find.

use super::arch::Registers;
#[cfg(target_arch = "x86_64")]
use super::cache::CACHE;
use super::frame::Frame;
#[cfg(target_arch = "x86_64")]
use super::last_walk::{Followed, LastWalk};
use crate::limits::MOST_ADDRESSES;

/// Writes the return addresses of the frame with these registers and of those that called it;
/// returns how many.
pub(crate) fn walk(registers: Registers, frames: &mut [usize]) -> usize {
    let mut frame = Frame::new(registers);
    for (count, address) in frames.iter_mut().enumerate() {
        #[cfg(target_arch = "x86_64")]
        let caller = frame.step();
        #[cfg(not(target_arch = "x86_64"))]
        let caller = frame.follow_frame_pointer();
        match caller {
            Some(()) => *address = frame.registers.pc,
            None => return count,
        }
    }
    frames.len()
}

/// Does as [`walk`] does, along the last walk of the thread wherever the stack is the same, and
/// becomes the last walk. Also returns whether all of the stack is the same.
#[cfg(target_arch = "x86_64")]
pub(crate) fn walk_along(
    last: &mut LastWalk,
    registers: Registers,
    addresses: &mut [usize; MOST_ADDRESSES],
) -> (usize, bool) {
    last.begin(CACHE.generation());
    let mut frame = Frame::new(registers);
    let (mut count, mut from) = (0, 0);
    loop {
        let (fresh, known) = walk_to_known(last, &mut frame, &mut addresses[count..], &mut from);
        count += fresh;
        let Some(index) = known else {
            last.end();
            return (count, false);
        };
        let (same, followed) = last.follow(index, &mut frame, &mut addresses[count..]);
        count += same;
        if followed == Followed::ToTheEnd {
            return (count, last.end_at(index));
        }
        last.take_over(index, same);
        from = index + same + 1;
    }
}

/// Walks until it comes to a frame that the last walk has come to, from that with the number
/// `from` on. Returns how many addresses it has written, and the number of that frame.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn walk_to_known(
    last: &mut LastWalk,
    frame: &mut Frame,
    addresses: &mut [usize],
    from: &mut usize,
) -> (usize, Option<usize>) {
    let mut places = addresses.iter_mut();
    let mut count = 0;
    loop {
        if let Some(index) = last.find(frame, from) {
            return (count, Some(index));
        }
        let (code, sp) = (frame.code(), frame.registers.sp);
        let Some(place) = places.next() else {
            last.add(code, sp, None);
            return (count, None);
        };
        let (caller, rule) = frame.step_by_rule();
        last.add(code, sp, rule);
        if caller.is_none() {
            return (count, None);
        }
        *place = frame.registers.pc;
        count += 1;
    }
}

/// What is known of the last walk: nothing, since a step by the frame pointer needs no rule.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) struct LastWalk(());

#[cfg(not(target_arch = "x86_64"))]
impl LastWalk {
    pub(crate) const fn new() -> Self {
        LastWalk(())
    }
}

/// Does as [`walk`] does; never knows the stack to be the same as before.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn walk_along(
    _: &mut LastWalk,
    registers: Registers,
    addresses: &mut [usize; MOST_ADDRESSES],
) -> (usize, bool) {
    (walk(registers, addresses), false)
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::super::memory::Memory;
    use super::super::modules;
    use super::super::rule::{Base, Rule};
    use super::*;

    /// A pointer that is near something: the stack, code, or a word that is neither.
    fn pointer() -> impl Strategy<Value = usize> {
        let local = 0_usize;
        let stack = (&raw const local) as usize & !7;
        let code = walk as *const () as usize;
        prop_oneof![
            any::<usize>(),
            (0..1_usize << 47),
            (0..64_usize).prop_map(|n| n * 8),
            (0..20_000_usize).prop_map(move |n| stack - 40_000 + n * 8),
            (0..100_000_usize).prop_map(move |n| code - 50_000 + n),
            Just(libc::qsort as *const () as usize + 40),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        /// Whatever the registers are, nothing faults, and the stack pointer rises from frame to
        /// frame, but for where a signal was handled on another stack.
        #[test]
        fn broken_registers_end_a_stack(pc in pointer(), sp in pointer(), fp in pointer()) {
            modules::refresh();
            let registers = Registers { pc, sp, fp };
            let mut frame = Frame {
                memory: Memory::from(sp),
                ..Frame::new(registers)
            };
            for _ in 0..200 {
                let before = frame.registers.sp;
                if frame.step().is_none() {
                    break;
                }
                prop_assert!(frame.registers.sp > before || frame.is_exact);
            }
        }
    }

    /// Code without a table, whose frame pointer leads to the frame that it is in, again and again.
    #[test]
    fn a_frame_pointer_that_leads_nowhere_ends_a_stack() {
        const CODE: usize = 0x1_0000;
        modules::refresh();
        let mut stack = [0, CODE, 0, 0];
        let start = stack.as_ptr() as usize;
        stack[0] = start;
        core::hint::black_box(&mut stack);
        let mut frames = [0; 200];
        let registers = Registers {
            pc: CODE,
            sp: start,
            fp: start,
        };
        assert_eq!((walk(registers, &mut frames), frames[0]), (1, CODE));
    }

    /// Code that is in no module, so that the cache alone has rules for it, by number.
    fn code(rule: usize) -> usize {
        0x20_0000 + 16 * rule
    }

    /// The number of the rule that ends a stack.
    const END: usize = 5;

    /// Has the cache know the rules of all codes. Other tests may take their places.
    fn keep_rules() {
        let rules = [
            Rule::new(Base::Sp, 16, 0),
            Rule::new(Base::Sp, 32, 16),
            Rule::new(Base::Sp, 24, 24),
            Rule::new(Base::Fp, 16, 16),
            Rule::new(Base::Fp, 8, 0),
            Some(Rule::END),
        ];
        for (number, rule) in rules.into_iter().enumerate() {
            CACHE.insert(code(number), rule.unwrap(), CACHE.generation());
        }
    }

    /// What may be in a stack.
    #[derive(Clone, Copy, Debug)]
    enum Word {
        /// A return address whose code has this rule.
        Return(usize),
        /// The address of a word of the stack.
        Pointer(usize),
        Other(usize),
    }

    impl Word {
        fn value(self, stack: usize) -> usize {
            match self {
                Word::Return(rule) => code(rule) + 1,
                Word::Pointer(index) => stack + 8 * index,
                Word::Other(value) => value,
            }
        }
    }

    fn word() -> impl Strategy<Value = Word> {
        prop_oneof![
            20 => (0..END).prop_map(Word::Return),
            1 => Just(Word::Return(END)),
            4 => (0..100_usize).prop_map(Word::Pointer),
            1 => (0..64_usize).prop_map(Word::Other),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// The oracle is a walk that knows of no other. Between two walks some words of the stack
        /// change, and so does where it begins.
        #[test]
        fn a_walk_along_the_last_one_finds_what_one_without_finds(
            words in prop::collection::vec(word(), 100),
            walks in prop::collection::vec(
                (0..4_usize, 0..END, prop::collection::vec((0..50_usize, word()), 0..4)),
                1..12,
            ),
        ) {
            modules::refresh();
            let mut stack = std::vec![0_usize; 100];
            let start = stack.as_ptr() as usize;
            for (place, word) in stack.iter_mut().zip(words) {
                *place = word.value(start);
            }
            let mut last = LastWalk::new();
            for (first, rule, changes) in walks {
                for (index, word) in changes {
                    stack[index] = word.value(start);
                }
                core::hint::black_box(&mut stack);
                let sp = start + 8 * first;
                let registers = Registers { pc: code(rule), sp, fp: sp + 16 };
                let without = || {
                    let mut addresses = [0; MOST_ADDRESSES];
                    (walk(registers, &mut addresses), addresses)
                };
                keep_rules();
                let (expected, mut found) = (without(), [([0; MOST_ADDRESSES], (0, false)); 2]);
                for (addresses, outcome) in &mut found {
                    *outcome = walk_along(&mut last, registers, addresses);
                }
                if without() != expected {
                    // Another test has taken the place of a rule.
                    continue;
                }
                let (count, expected) = (expected.0, &expected.1[..expected.0]);
                for (addresses, (depth, _)) in &found {
                    prop_assert_eq!(&addresses[..*depth], expected);
                }
                // A stack that was walked by rules from end to end repeats itself.
                let has_rule = |&pc: &usize| (code(0)..=code(END)).contains(&(pc - 1));
                let last_code = expected.last().map_or(code(rule), |&pc| pc - 1);
                if expected.iter().all(has_rule) && last_code == code(END) {
                    prop_assert_eq!(found[1].1, (count, true));
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// A stack full of garbage, walked by frame pointers and by tables: nothing faults, and
        /// what is written is as many addresses outside of the first page as `walk` says.
        #[test]
        fn a_broken_stack_ends(words in prop::collection::vec(pointer(), 300), pc in pointer()) {
            modules::refresh();
            let stack: Vec<usize> = words;
            let start = stack.as_ptr() as usize;
            let registers = Registers { pc, sp: start, fp: start + 64 };
            let mut frames = [0; 200];
            let count = walk(registers, &mut frames);
            prop_assert!(frames[..count].iter().all(|&address| address >= 4096));
            prop_assert!(frames[count..].iter().all(|&address| address == 0));
        }
    }
}
