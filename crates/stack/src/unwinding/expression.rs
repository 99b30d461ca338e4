//! DWARF expressions in unwind tables: those that linkers write for the procedure linkage table, C
//! libraries for signal frames, and compilers for frames that they align.
//!
//! A stack machine of 16 words, without jumps, so an expression ends where its bytes do.

use gimli::{Encoding, Format, Operation, UnwindExpression};

use super::arch::Registers;
use super::memory::Memory;
use super::module_bytes::Bytes;
use super::tables::{FP, SP};

const ENCODING: Encoding = Encoding {
    address_size: size_of::<usize>() as u8,
    format: Format::Dwarf32,
    version: 4,
};

/// The value of an expression, or `None` if it uses what is not known here.
pub(crate) fn value(
    expression: &UnwindExpression<usize>,
    section: &gimli::EhFrame<Bytes<'_>>,
    registers: Registers,
    first: Option<usize>,
    memory: &mut Memory,
) -> Option<usize> {
    let mut stack = Stack {
        words: [0; 16],
        depth: 0,
    };
    if let Some(first) = first {
        stack.push(first)?;
    }
    let mut operations = expression.get(section).ok()?.operations(ENCODING);
    while let Some(operation) = operations.next().ok()? {
        apply(operation, &mut stack, registers, memory)?;
    }
    stack.pop()
}

fn apply(
    operation: Operation<Bytes<'_>>,
    stack: &mut Stack,
    registers: Registers,
    memory: &mut Memory,
) -> Option<()> {
    let result = match operation {
        Operation::RegisterOffset {
            register, offset, ..
        } => {
            let value = match register {
                SP => registers.sp,
                FP => registers.fp,
                gimli::X86_64::RA => registers.pc,
                _ => return None,
            };
            value.wrapping_add_signed(offset as isize)
        }
        Operation::Deref {
            size: 8,
            space: false,
            ..
        } => {
            let address = stack.pop()?;
            memory.read(address)?
        }
        Operation::UnsignedConstant { value } => value as usize,
        Operation::SignedConstant { value } => value as usize,
        Operation::PlusConstant { value } => stack.pop()?.wrapping_add(value as usize),
        Operation::Plus => stack.binary(usize::wrapping_add)?,
        Operation::Minus => stack.binary(usize::wrapping_sub)?,
        Operation::And => stack.binary(|a, b| a & b)?,
        Operation::Or => stack.binary(|a, b| a | b)?,
        Operation::Shl => stack.binary(|a, b| a.checked_shl(b as u32).unwrap_or(0))?,
        Operation::Shr => stack.binary(|a, b| a.checked_shr(b as u32).unwrap_or(0))?,
        Operation::Ge => stack.binary(|a, b| usize::from(a as isize >= b as isize))?,
        Operation::Pick { index } => stack.peek(index)?,
        Operation::Nop => return Some(()),
        _ => return None,
    };
    stack.push(result)
}

struct Stack {
    words: [usize; 16],
    depth: usize,
}

impl Stack {
    fn push(&mut self, word: usize) -> Option<()> {
        *self.words.get_mut(self.depth)? = word;
        self.depth += 1;
        Some(())
    }

    fn pop(&mut self) -> Option<usize> {
        self.depth = self.depth.checked_sub(1)?;
        Some(self.words[self.depth])
    }

    fn peek(&self, below: u8) -> Option<usize> {
        let index = self.depth.checked_sub(1 + usize::from(below))?;
        Some(self.words[index])
    }

    fn binary(&mut self, of: impl Fn(usize, usize) -> usize) -> Option<usize> {
        let second = self.pop()?;
        let first = self.pop()?;
        Some(of(first, second))
    }
}
