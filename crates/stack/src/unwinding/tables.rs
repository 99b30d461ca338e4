//! The row of a module's unwind table that describes the frame of an address: `.eh_frame_hdr`'s
//! binary search table names the entry of the function, whose instructions make the row.
//!
//! Reads the module alone, through copies, whatever it has there, and needs 7 KiB of stack.

use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameOffset, Reader, Register, RegisterRule, UnwindContext,
    UnwindContextStorage, UnwindSection, UnwindTableRow,
};

use super::module_bytes::{Bytes, ModuleBytes};
use super::modules::Module;
use super::rule::{Base, Rule};

/// DWARF's numbers of the registers.
pub(crate) const FP: Register = gimli::X86_64::RBP;
pub(crate) const SP: Register = gimli::X86_64::RSP;
const RETURN_ADDRESS: Register = gimli::X86_64::RA;

/// How a frame finds its caller, in DWARF's own words.
pub(crate) struct Row<'m> {
    pub cfa: CfaRule<usize>,
    pub return_address: RegisterRule<usize>,
    pub fp: RegisterRule<usize>,
    /// The caller is not one: a signal interrupted it.
    pub is_signal: bool,
    /// The section that expressions are in.
    pub section: EhFrame<Bytes<'m>>,
}

/// The row at an address of the module, or `None` if there is no table or no entry.
pub(crate) fn row_at<'m>(pc: usize, module: &Module, bytes: &'m ModuleBytes) -> Option<Row<'m>> {
    let header = Header::at(module.table, bytes)?;
    let entry = header.entry_of(pc)?;
    let offset = EhFrameOffset(entry.checked_sub(header.section)?);
    let section = EhFrame::from(bytes.from(header.section)?);
    let bases = BaseAddresses::default().set_eh_frame(header.section as u64);
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

/// How all linkers write `.eh_frame_hdr`: version 1; the address of `.eh_frame`, as 4 signed bytes
/// counted from where they are; the number of functions, as 4 bytes; and for each, sorted, its
/// address and that of its entry, as 4 signed bytes counted from the header.
const FORMAT: [u8; 4] = [1, 0x1b, 0x03, 0x3b];
const TABLE: usize = 12;
const TABLE_ROW: usize = 8;

/// A module's `.eh_frame_hdr`.
struct Header<'m> {
    bytes: Bytes<'m>,
    address: usize,
    /// The address of `.eh_frame`.
    section: usize,
    count: usize,
}

impl<'m> Header<'m> {
    fn at(address: usize, module: &'m ModuleBytes) -> Option<Self> {
        let bytes = module.from(address)?;
        let mut fields = bytes.clone();
        if fields.read_u8_array::<[u8; 4]>().ok()? != FORMAT {
            return None;
        }
        let section = address
            .wrapping_add(4)
            .wrapping_add_signed(fields.read_i32().ok()? as isize);
        let count = fields.read_u32().ok()? as usize;
        (count <= fields.len() / TABLE_ROW).then_some(Header {
            bytes,
            address,
            section,
            count,
        })
    }

    /// The address of the entry of the last function that begins at `pc` or before.
    fn entry_of(&self, pc: usize) -> Option<usize> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = (low + high) / 2;
            if self.word(middle, 0)? <= pc {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        self.word(low.checked_sub(1)?, 4)
    }

    /// One of the two addresses of a row of the table, by where it is in the row.
    fn word(&self, row: usize, place: usize) -> Option<usize> {
        let mut bytes = self.bytes.clone();
        bytes.skip(TABLE + row * TABLE_ROW + place).ok()?;
        let offset = bytes.read_i32().ok()?;
        Some(self.address.wrapping_add_signed(offset as isize))
    }
}

impl Row<'_> {
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

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn row_in(module: Module, pc: usize) -> bool {
        row_at(pc, &module, &ModuleBytes::new(module)).is_some()
    }

    /// The module of this test, with its table.
    fn own_module() -> (usize, Module) {
        super::super::modules::refresh();
        let pc = row_at as *const () as usize;
        (pc, super::super::modules::module_at(pc).unwrap())
    }

    /// Wherever the linker has put it, and whatever stands before it.
    #[test]
    fn functions_of_a_module_have_a_row() {
        let (_, module) = own_module();
        let bytes = ModuleBytes::new(module);
        let header = Header::at(module.table, &bytes).unwrap();
        assert!(header.count > 100);
        // Some hundreds of them.
        let rows = (0..header.count).step_by(header.count / 256 + 1);
        let starts = rows.map(|row| header.word(row, 0).unwrap());
        let without: Vec<usize> = starts.filter(|&pc| !row_in(module, pc)).collect();
        assert!(without.is_empty(), "{module:x?}: {without:x?}");
    }

    #[test]
    fn a_module_that_was_unloaded_has_no_row() {
        let (pc, module) = own_module();
        assert!(row_in(module, pc), "{pc:x} in {module:x?}");
        // What a list of modules says that is out of date: nothing, or nothing that can be read,
        // is there any more.
        // SAFETY: a mapping of its own.
        let start = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let pages = libc::mmap(core::ptr::null_mut(), 8192, libc::PROT_NONE, flags, -1, 0);
            assert_ne!(pages, libc::MAP_FAILED);
            pages as usize
        };
        for table in [start, start + 4096, start + 8190, start + 8192, 0, 8] {
            let end = start + 8192;
            let module = Module { start, end, table };
            assert!(!row_in(module, start + 16), "{module:x?}");
        }
        let gone = Module {
            start: 4096,
            end: 8192,
            table: 5000,
        };
        assert!(!row_in(gone, 4100));
        // A module ends before its table, or in it.
        for end in [module.table - 1, module.table + 4, module.table + 16] {
            assert!(
                !row_in(Module { end, ..module }, pc),
                "{module:x?} to {end:x}"
            );
        }
        // SAFETY: nobody has a pointer into it.
        unsafe { libc::munmap(start as *mut _, 8192) };
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// Something else is where the table was: no row, or any, but no fault and no panic.
        #[test]
        fn any_bytes_can_be_a_table(
            mut bytes in prop::collection::vec(
                prop_oneof![4 => 0_u8..32, 1 => any::<u8>(), 1 => Just(0xff)], 24..400),
            section in 0_i32..400,
            entry in 0_i32..400,
            count in prop_oneof![0_u32..3, any::<u32>()],
            pc in 0_usize..400,
        ) {
            bytes[..4].copy_from_slice(&FORMAT);
            bytes[4..8].copy_from_slice(&(section - 4).to_ne_bytes());
            bytes[8..12].copy_from_slice(&count.to_ne_bytes());
            bytes[12..16].fill(0);
            bytes[16..20].copy_from_slice(&entry.to_ne_bytes());
            let bytes: Vec<u8> = bytes;
            let start = bytes.as_ptr() as usize;
            let module = Module { start, end: start + bytes.len(), table: start };
            row_in(module, start + pc);
        }
    }
}
