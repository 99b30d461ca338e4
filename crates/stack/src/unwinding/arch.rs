//! What depends on the processor: its registers, reading a word, and asking the kernel whether a
//! page can be read.
//!
//! All of it is assembly: a word of the stack is read as it is, whatever the compiler or a
//! sanitizer believes to be there, and the system call leaves `errno` alone.

use core::arch::asm;

/// The registers by which a frame finds its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Registers {
    /// The next instruction.
    pub pc: usize,
    /// The stack pointer.
    pub sp: usize,
    /// The frame pointer: `rbp` or `x29`.
    pub fp: usize,
}

#[cfg(target_arch = "x86_64")]
impl Registers {
    /// The registers in the function that this is inlined into.
    #[inline(always)]
    pub(crate) fn here() -> Self {
        let (pc, sp, fp);
        // SAFETY: reads registers and nothing else.
        unsafe {
            asm!(
                "lea {pc}, [rip]",
                "mov {sp}, rsp",
                "mov {fp}, rbp",
                pc = out(reg) pc,
                sp = out(reg) sp,
                fp = out(reg) fp,
                options(nomem, nostack, preserves_flags),
            );
        }
        Registers { pc, sp, fp }
    }
}

#[cfg(target_arch = "aarch64")]
impl Registers {
    /// The registers in the function that this is inlined into.
    #[inline(always)]
    pub(crate) fn here() -> Self {
        let (pc, sp, fp);
        // SAFETY: reads registers and nothing else.
        unsafe {
            asm!(
                "adr {pc}, .",
                "mov {sp}, sp",
                "mov {fp}, x29",
                pc = out(reg) pc,
                sp = out(reg) sp,
                fp = out(reg) fp,
                options(nomem, nostack, preserves_flags),
            );
        }
        Registers { pc, sp, fp }
    }
}

/// Something to do after a call, so that the call is no tail call and leaves the frame in place.
#[inline(always)]
pub(crate) fn keep_frame() {
    // SAFETY: no instruction at all.
    unsafe { asm!("", options(nostack, preserves_flags)) };
}

/// Reads a word of memory.
///
/// # Safety
///
/// `address` is a multiple of 8, and its page can be read.
#[inline(always)]
pub(crate) unsafe fn read_word(address: usize) -> usize {
    let word;
    // SAFETY: the caller's promise; the load changes nothing.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!("mov {}, [{}]", out(reg) word, in(reg) address,
             options(readonly, nostack, preserves_flags));
        #[cfg(target_arch = "aarch64")]
        asm!("ldr {}, [{}]", out(reg) word, in(reg) address,
             options(readonly, nostack, preserves_flags));
    }
    word
}

/// Reads a byte of memory.
///
/// # Safety
///
/// Its page can be read.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) unsafe fn read_byte(address: usize) -> u8 {
    let byte: u32;
    // SAFETY: the caller's promise; the load changes nothing.
    unsafe {
        asm!("movzx {:e}, byte ptr [{}]", out(reg) byte, in(reg) address,
             options(readonly, nostack, preserves_flags));
    }
    byte as u8
}

/// The thread pointer, that of the thread's own variables. The C library puts them at the upper end
/// of the stack of each thread but the first.
#[inline(always)]
pub(crate) fn thread_pointer() -> usize {
    let pointer;
    // SAFETY: reads a register, and on x86-64 the word that it points to, which is the pointer
    // itself in every thread that has variables of its own.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!("mov {}, fs:[0]", out(reg) pointer, options(readonly, nostack, preserves_flags));
        #[cfg(target_arch = "aarch64")]
        asm!("mrs {}, tpidr_el0", out(reg) pointer,
             options(nomem, nostack, preserves_flags));
    }
    pointer
}

/// Whether the 8 bytes at `address`, a multiple of 8, can be read.
///
/// `rt_sigprocmask` reads the new set of signals before it looks at what to do with it. Asked for
/// something that does not exist it changes nothing: the error is `EFAULT` where the set cannot be
/// read, and `EINVAL` where it can.
pub(crate) fn is_readable(address: usize) -> bool {
    let result: isize;
    // SAFETY: the call changes nothing, whatever the address is: there is no such `how`.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!("syscall",
             inlateout("rax") libc::SYS_rt_sigprocmask as isize => result,
             in("rdi") usize::MAX, in("rsi") address, in("rdx") 0_usize, in("r10") 8_usize,
             lateout("rcx") _, lateout("r11") _,
             options(nostack));
        #[cfg(target_arch = "aarch64")]
        asm!("svc 0",
             in("x8") libc::SYS_rt_sigprocmask,
             inlateout("x0") usize::MAX as isize => result,
             in("x1") address, in("x2") 0_usize, in("x3") 8_usize,
             options(nostack));
    }
    result == -(libc::EINVAL as isize)
}

/// The address in a return address that may be signed by pointer authentication.
#[inline(always)]
pub(crate) fn plain_address(address: usize) -> usize {
    if cfg!(target_arch = "aarch64") {
        address & ((1 << 48) - 1)
    } else {
        address
    }
}
