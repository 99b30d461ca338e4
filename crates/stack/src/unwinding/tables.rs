//! The row of a module's unwind table that describes the frame of an address: `.eh_frame_hdr`'s
//! binary search table names the entry of the function, whose instructions make the row.
//!
//! Reads memory of the module alone, and needs 3 KiB of stack.

use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, EhFrameOffset, EndianSlice, NativeEndian,
    Register, RegisterRule, UnwindContext, UnwindContextStorage, UnwindSection, UnwindTableRow,
};

use super::modules::{Module, module_at};
use super::rule::{Base, Rule};

/// DWARF's numbers of the registers.
pub(crate) const FP: Register = gimli::X86_64::RBP;
pub(crate) const SP: Register = gimli::X86_64::RSP;
const RETURN_ADDRESS: Register = gimli::X86_64::RA;

pub(crate) type Bytes = EndianSlice<'static, NativeEndian>;

/// How a frame finds its caller, in DWARF's own words.
pub(crate) struct Row {
    pub cfa: CfaRule<usize>,
    pub return_address: RegisterRule<usize>,
    pub fp: RegisterRule<usize>,
    /// The caller is not one: a signal interrupted it.
    pub is_signal: bool,
    /// The section that expressions are in.
    pub section: EhFrame<Bytes>,
}

/// The row at an address, or `None` if there is no table or no entry.
pub(crate) fn row_at(pc: usize) -> Option<Row> {
    let module = module_at(pc)?;
    // SAFETY: the module at `pc` was loaded a moment ago.
    let (bases, section, offset) = unsafe { entry_at(pc, module)? };
    let entry = section
        .fde_from_offset(&bases, offset, EhFrame::cie_from_offset)
        .ok()?;
    if !entry.contains(pc as u64) || entry.cie().return_address_register() != RETURN_ADDRESS {
        return None;
    }
    let mut context = UnwindContext::<usize, OnStack>::new_in();
    let row = entry
        .unwind_info_for_address(&section, &bases, &mut context, pc as u64)
        .ok()?;
    Some(Row {
        cfa: row.cfa().clone(),
        return_address: row.register(RETURN_ADDRESS),
        fp: row.register(FP),
        is_signal: entry.is_signal_trampoline(),
        section,
    })
}

/// The section with the unwind entries, and the offset of the entry that may be that of `pc`.
///
/// # Safety
///
/// The module is loaded.
unsafe fn entry_at(
    pc: usize,
    module: Module,
) -> Option<(BaseAddresses, EhFrame<Bytes>, EhFrameOffset<usize>)> {
    // SAFETY: the caller's promise.
    let header = EhFrameHdr::from(unsafe { bytes(module.table, module)? });
    let bases = BaseAddresses::default().set_eh_frame_hdr(module.table as u64);
    let header = header.parse(&bases, size_of::<usize>() as u8).ok()?;
    let start = header.eh_frame_ptr().direct().ok()?;
    let bases = bases.set_eh_frame(start);
    let entry = header
        .table()?
        .lookup(pc as u64, &bases)
        .ok()?
        .direct()
        .ok()?;
    let offset = EhFrameOffset(entry.checked_sub(start)? as usize);
    // SAFETY: the caller's promise.
    let section = EhFrame::from(unsafe { bytes(start as usize, module)? });
    Some((bases, section, offset))
}

/// From an address to the end of its module. A section's length is not known; its entries end it.
///
/// # Safety
///
/// The module is loaded, and nothing of what is read at `start` points beyond its section.
unsafe fn bytes(start: usize, module: Module) -> Option<Bytes> {
    let length = module.end.checked_sub(start)?;
    // SAFETY: the module's own tables say what is read, and they are in its read-only segment.
    let bytes = unsafe { core::slice::from_raw_parts(start as *const u8, length) };
    Some(EndianSlice::new(bytes, NativeEndian))
}

impl Row {
    /// The row as a rule, if it is as most are.
    pub(crate) fn rule(&self) -> Option<Rule> {
        if self.is_signal {
            return None;
        }
        match (&self.cfa, &self.return_address) {
            (_, RegisterRule::Undefined) => Some(Rule::END),
            (CfaRule::RegisterAndOffset { register, offset }, RegisterRule::Offset(-8)) => {
                let base = match *register {
                    SP => Base::Sp,
                    FP => Base::Fp,
                    _ => return None,
                };
                let saved = match self.fp {
                    RegisterRule::Undefined | RegisterRule::SameValue => 0,
                    RegisterRule::Offset(below) if below < 0 => below.checked_neg()?,
                    _ => return None,
                };
                Rule::new(base, *offset, saved)
            }
            _ => None,
        }
    }
}

/// Room for rows on the stack: a rule for each register, and a row for each that is remembered.
struct OnStack;

impl UnwindContextStorage<usize> for OnStack {
    type Rules = [(Register, RegisterRule<usize>); 20];
    type Stack = [UnwindTableRow<usize, Self>; 4];
}
