//! The step from a frame to its caller by a rule of the cache, or by a row of the tables.

use gimli::{CfaRule, RegisterRule};

use super::cache::CACHE;
use super::expression;
use super::frame::Frame;
use super::memory::Memory;
use super::module_bytes::ModuleBytes;
use super::modules::module_at;
use super::rule::{Base, Rule};
use super::tables::{self, FP, Row, SP};

impl Frame {
    /// Becomes the caller's frame, if there is one.
    #[inline(always)]
    pub(crate) fn step(&mut self) -> Option<()> {
        self.step_by_rule().0
    }

    /// Becomes the caller's frame, if there is one. With the rule that says so, if that was in the
    /// cache.
    #[inline(always)]
    pub(crate) fn step_by_rule(&mut self) -> (Option<()>, Option<Rule>) {
        let pc = self.code();
        match CACHE.get(pc) {
            Some(rule) => {
                let caller = self.follow(rule);
                let says_so = caller.is_some() || rule.is_end();
                (caller, says_so.then_some(rule))
            }
            None => (self.look_up(pc), None),
        }
    }

    #[inline(always)]
    fn follow(&mut self, rule: Rule) -> Option<()> {
        if rule.is_end() {
            return None;
        }
        let base = match rule.base() {
            Base::Sp => self.registers.sp,
            Base::Fp => self.registers.fp,
        };
        let cfa = base.wrapping_add(rule.offset());
        if cfa <= self.registers.sp {
            return None;
        }
        let pc = self.memory.read(cfa.wrapping_sub(8))?;
        if rule.saved() != 0 {
            self.registers.fp = self.memory.read(cfa.wrapping_sub(rule.saved()))?;
        }
        self.enter(pc, cfa, false)
    }

    #[cold]
    #[inline(never)]
    fn look_up(&mut self, pc: usize) -> Option<()> {
        let generation = CACHE.generation();
        let Some(module) = module_at(pc) else {
            return self.follow_frame_pointer();
        };
        let bytes = ModuleBytes::new(module);
        let Some(row) = tables::row_at(pc, &module, &bytes) else {
            return self.follow_frame_pointer();
        };
        match row.rule() {
            Some(rule) => {
                CACHE.insert(pc, rule, generation);
                self.follow(rule)
            }
            None => self.follow_row(&row),
        }
    }

    /// A row that is no rule.
    fn follow_row(&mut self, row: &Row<'_>) -> Option<()> {
        let cfa = match &row.cfa {
            CfaRule::RegisterAndOffset { register, offset } => {
                let base = match *register {
                    SP => self.registers.sp,
                    FP => self.registers.fp,
                    _ => return None,
                };
                base.wrapping_add_signed(*offset as isize)
            }
            CfaRule::Expression(expression) => {
                let registers = self.registers;
                expression::value(expression, &row.section, registers, None, &mut self.memory)?
            }
        };
        // A signal may be handled on another stack than that which it interrupted.
        let is_other_stack = row.is_signal && !self.is_guess;
        if !is_other_stack && cfa <= self.registers.sp {
            return None;
        }
        let pc = self.caller_has(&row.return_address, row, cfa)?;
        let fp = match &row.fp {
            RegisterRule::Undefined | RegisterRule::SameValue => self.registers.fp,
            rule => self.caller_has(rule, row, cfa)?,
        };
        self.registers.fp = fp;
        if is_other_stack {
            self.memory = Memory::from(cfa);
        }
        self.enter(pc, cfa, row.is_signal)
    }

    /// What the caller has in a register, as a row tells.
    fn caller_has(
        &mut self,
        rule: &RegisterRule<usize>,
        row: &Row<'_>,
        cfa: usize,
    ) -> Option<usize> {
        let registers = self.registers;
        let value = |expression, memory: &mut _| {
            expression::value(expression, &row.section, registers, Some(cfa), memory)
        };
        match rule {
            RegisterRule::Offset(offset) => {
                self.memory.read(cfa.wrapping_add_signed(*offset as isize))
            }
            RegisterRule::ValOffset(offset) => Some(cfa.wrapping_add_signed(*offset as isize)),
            RegisterRule::Expression(expression) => {
                let address = value(expression, &mut self.memory)?;
                self.memory.read(address)
            }
            RegisterRule::ValExpression(expression) => value(expression, &mut self.memory),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use core::ptr;
    use std::vec;

    use super::super::arch::Registers;
    use super::super::modules;
    use super::*;

    extern "C" fn handle(_signal: libc::c_int) {}

    /// Where the C library has signal handlers return to.
    fn return_of_handlers() -> usize {
        let mut action = [0_usize; 4];
        // SAFETY: a handler for a signal that nobody sends here, and the kernel's own structure of
        // four words: handler, flags, restorer, mask.
        unsafe {
            libc::signal(libc::SIGWINCH, handle as *const () as usize);
            let call = libc::SYS_rt_sigaction;
            let none = ptr::null::<usize>();
            let result = libc::syscall(call, libc::SIGWINCH, none, action.as_mut_ptr(), 8);
            assert_eq!(result, 0);
        }
        action[2]
    }

    /// The frame of a signal, which says that it interrupted code on another stack.
    #[test]
    #[cfg(target_env = "gnu")]
    fn a_guess_does_not_lead_to_another_stack() {
        modules::refresh();
        let other = vec![0_usize; 64];
        let mut stack = vec![0_usize; 128];
        // The interrupted registers, in the words of `ucontext_t` after its flags and its stack.
        let place = |register: libc::c_int| 5 + register as usize;
        stack[place(libc::REG_RSP)] = other.as_ptr() as usize;
        stack[place(libc::REG_RIP)] = return_of_handlers();
        let registers = Registers {
            pc: return_of_handlers(),
            sp: stack.as_ptr() as usize,
            fp: 0,
        };
        let mut frame = Frame::new(registers);
        assert_eq!(frame.step(), Some(()));
        assert_eq!(frame.registers.sp, other.as_ptr() as usize);
        assert_eq!(frame.memory.read(other.as_ptr() as usize), Some(0));

        // Below the stack, and so none of it.
        stack[place(libc::REG_RSP)] = 4096;
        let mut frame = Frame::new(registers);
        assert_eq!(frame.step(), Some(()));
        let mut frame = Frame::new(registers);
        frame.is_guess = true;
        assert_eq!(frame.step(), None);
    }
}
