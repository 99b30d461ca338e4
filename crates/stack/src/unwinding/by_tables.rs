//! The step from a frame to its caller by a rule of the cache, or by a row of the tables.

use gimli::{CfaRule, RegisterRule};

use super::cache::CACHE;
use super::expression;
use super::frame::Frame;
use super::rule::{Base, Rule};
use super::tables::{self, FP, Row, SP};

impl Frame {
    /// Becomes the caller's frame, if there is one.
    #[inline(always)]
    pub(crate) fn step(&mut self) -> Option<()> {
        // A return address may be that of the next function: the call was the last instruction.
        let pc = self.registers.pc.wrapping_sub(usize::from(!self.is_exact));
        match CACHE.get(pc) {
            Some(rule) => self.follow(rule),
            None => self.look_up(pc),
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
        let Some(row) = tables::row_at(pc) else {
            return self.follow_frame_pointer();
        };
        match row.rule() {
            Some(rule) => {
                CACHE.insert(pc, rule);
                self.follow(rule)
            }
            None => self.follow_row(&row),
        }
    }

    /// A row that is no rule.
    fn follow_row(&mut self, row: &Row) -> Option<()> {
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
        if !row.is_signal && cfa <= self.registers.sp {
            return None;
        }
        let pc = self.caller_has(&row.return_address, row, cfa)?;
        let fp = match &row.fp {
            RegisterRule::Undefined | RegisterRule::SameValue => self.registers.fp,
            rule => self.caller_has(rule, row, cfa)?,
        };
        self.registers.fp = fp;
        self.enter(pc, cfa, row.is_signal)
    }

    /// What the caller has in a register, as a row tells.
    fn caller_has(&mut self, rule: &RegisterRule<usize>, row: &Row, cfa: usize) -> Option<usize> {
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
