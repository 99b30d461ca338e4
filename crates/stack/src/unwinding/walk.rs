//! From frame to frame, until the stack ends or the caller's slice does.

use super::arch::Registers;
use super::frame::Frame;

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

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::super::memory::Memory;
    use super::super::modules;
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
