//! How one frame finds its caller, packed into 29 bits.
//!
//! The canonical frame address (CFA) is the stack pointer of the caller. The return address is in
//! the word below it, where `call` leaves it.

/// How many bits a [`Rule`] takes.
pub(crate) const RULE_BITS: u32 = 29;

const FROM_FP: u32 = 1;
const CFA_SHIFT: u32 = 1;
const CFA_BITS: u32 = 13;
const SAVED_SHIFT: u32 = CFA_SHIFT + CFA_BITS;
const SAVED_BITS: u32 = 12;
const KIND_SHIFT: u32 = SAVED_SHIFT + SAVED_BITS;
const STEP: u32 = 1 << KIND_SHIFT;
const END: u32 = 2 << KIND_SHIFT;

const _: () = assert!(KIND_SHIFT + 2 <= RULE_BITS);

/// A register that the CFA is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    Sp,
    Fp,
}

/// CFA = base + offset; the frame pointer of the caller is the same, or was saved below the CFA.
/// Or: there is no caller. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule(u32);

impl Rule {
    /// The outermost frame.
    pub(crate) const END: Rule = Rule(END);

    /// The rule of a frame, or `None` where it does not fit. `saved`: how far below the CFA the
    /// frame pointer was saved, 0 if it was not.
    pub(crate) fn new(base: Base, offset: i64, saved: i64) -> Option<Self> {
        let cfa = words(offset, CFA_BITS)?;
        let saved = words(saved, SAVED_BITS)?;
        let base = if base == Base::Fp { FROM_FP } else { 0 };
        Some(Rule(STEP | base | cfa << CFA_SHIFT | saved << SAVED_SHIFT))
    }

    pub(crate) fn from_bits(bits: u32) -> Self {
        Rule(bits)
    }

    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    #[inline(always)]
    pub(crate) fn is_end(self) -> bool {
        self.0 & STEP == 0
    }

    #[inline(always)]
    pub(crate) fn base(self) -> Base {
        if self.0 & FROM_FP != 0 {
            Base::Fp
        } else {
            Base::Sp
        }
    }

    #[inline(always)]
    pub(crate) fn offset(self) -> usize {
        (self.0 >> CFA_SHIFT & ((1 << CFA_BITS) - 1)) as usize * 8
    }

    #[inline(always)]
    pub(crate) fn saved(self) -> usize {
        (self.0 >> SAVED_SHIFT & ((1 << SAVED_BITS) - 1)) as usize * 8
    }
}

/// `bytes` as a number of words of at most that many bits.
fn words(bytes: i64, bits: u32) -> Option<u32> {
    let words = u32::try_from(bytes / 8).ok()?;
    (bytes % 8 == 0 && words >> bits == 0).then_some(words)
}
