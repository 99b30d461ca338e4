//! A frame of the stack, which becomes the frame of its caller.
//!
//! The stack pointer grows with each step, and stays in the stack that the thread runs on. Only
//! where a signal interrupted may it be in another one: a signal may have a stack of its own. That
//! is not believed once a frame was found by a guess.

use super::arch::{Registers, plain_address};
use super::memory::Memory;

/// No code is in the first page.
const FIRST_PAGE: usize = 4096;
/// A frame without a table is not taken to be larger than this.
const LARGEST_UNKNOWN_FRAME: usize = 1 << 20;

pub(crate) struct Frame {
    pub registers: Registers,
    /// The instruction pointer is that of the next instruction, not a return address.
    pub is_exact: bool,
    /// A frame further in had no table, and its frame pointer was taken to be one.
    pub is_guess: bool,
    /// The stack that the frame is in.
    pub memory: Memory,
}

impl Frame {
    /// The innermost frame, of a function that runs.
    pub(crate) fn new(registers: Registers) -> Self {
        Frame {
            registers,
            is_exact: true,
            is_guess: false,
            memory: Memory::new(registers.sp),
        }
    }

    /// The address by which the rule of the frame is found, in the function that runs or that has
    /// called. (A return address may be that of the next function: the call was the last
    /// instruction.)
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(crate) fn code(&self) -> usize {
        let is_call = !self.is_exact;
        self.registers.pc.wrapping_sub(usize::from(is_call))
    }

    /// Becomes the frame with these pointers, if there can be one.
    #[inline(always)]
    pub(crate) fn enter(&mut self, pc: usize, sp: usize, is_exact: bool) -> Option<()> {
        let pc = plain_address(pc);
        self.registers.pc = pc;
        self.registers.sp = sp;
        self.is_exact = is_exact;
        (pc >= FIRST_PAGE).then_some(())
    }

    /// Becomes the frame that the frame pointer leads to, if it looks like one: the caller's frame
    /// pointer, and behind it the return address.
    pub(crate) fn follow_frame_pointer(&mut self) -> Option<()> {
        let Registers { sp, fp, .. } = self.registers;
        if fp < sp || fp - sp > LARGEST_UNKNOWN_FRAME {
            return None;
        }
        let pc = self.memory.read(fp.checked_add(8)?)?;
        let caller = fp.checked_add(16)?;
        self.is_guess = true;
        self.registers.fp = self.memory.read(fp)?;
        self.enter(pc, caller, false)
    }
}
