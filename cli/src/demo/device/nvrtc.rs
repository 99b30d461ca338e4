//! NVRTC, CUDA's compiler at run time: from CUDA C to PTX.
//!
//! Stands on `cudarc`. The compiler's library comes with the CUDA toolkit, not with the driver, so
//! it may be missing where there is a device. `cudarc` panics when it is asked for a function of a
//! library that is not there, or does not have it. It knows the answers of CUDA 12.0; later
//! versions add some for functions and options that are not used here. Invariant: nothing of the
//! compiler is called before [`load`] has found all of [`FUNCTIONS`].

use std::{
    ffi::{CString, NulError},
    sync::OnceLock,
};

use cudarc::{
    get_lib_name_candidates,
    nvrtc::{
        result::{self, NvrtcError},
        sys,
    },
};

/// The functions that are called below, by `cudarc`.
const FUNCTIONS: [&str; 7] = [
    "nvrtcCompileProgram",
    "nvrtcCreateProgram",
    "nvrtcDestroyProgram",
    "nvrtcGetProgramLog",
    "nvrtcGetProgramLogSize",
    "nvrtcGetPTX",
    "nvrtcGetPTXSize",
];

/// Products and sums stay apart unless they are written as `fmaf`. The rest is as by default:
/// division and `sqrtf` are rounded correctly, and subnormal numbers are kept.
const OPTIONS: [&str; 1] = ["--fmad=false"];

/// Why there is no PTX for a text in CUDA C.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// The compiler's library is not on this machine, or not where libraries are looked for.
    #[error(
        "kernels in CUDA C cannot be compiled on this machine: the library of CUDA's run-time \
         compiler, libnvrtc, is not there; it comes with the CUDA toolkit, and is looked for where \
         the system looks for libraries, as {}",
        .names.join(", ")
    )]
    NoLibrary {
        /// The names of files under which it is looked for.
        names: Vec<String>,
    },
    /// The library lacks a function.
    #[error("kernels in CUDA C cannot be compiled on this machine: libnvrtc has no function `{0}`")]
    NoFunction(&'static str),
    /// The text has a zero byte.
    #[error("CUDA C cannot have a zero byte: {0}")]
    Text(#[from] NulError),
    /// The text is wrong.
    #[error("NVRTC cannot compile a kernel: {log}")]
    Wrong {
        /// What the compiler says of it.
        log: String,
    },
    /// The compiler has failed.
    #[error("NVRTC fails to {action}: {answer}{}", said(.log))]
    Failed {
        /// What it was asked to do.
        action: &'static str,
        /// What it answered.
        answer: NvrtcError,
        /// What it says of that, if it says anything.
        log: String,
    },
}

/// A log behind the answer to which it belongs.
fn said(log: &str) -> String {
    match log {
        "" => String::new(),
        log => format!(": {log}"),
    }
}

/// Finds the compiler, once in a process.
///
/// # Errors
/// It is not there, or not all of it.
pub fn load() -> Result<(), CompileError> {
    static COMPILER: OnceLock<Result<(), CompileError>> = OnceLock::new();
    COMPILER.get_or_init(find).clone()
}

fn find() -> Result<(), CompileError> {
    // SAFETY: the system's loader finds the compiler's library by its name, as for every program
    // that uses it, and runs its initializers.
    if !unsafe { sys::is_culib_present() } {
        return Err(CompileError::NoLibrary {
            names: get_lib_name_candidates("nvrtc"),
        });
    }
    // SAFETY: the library was found just now; it is loaded once, and stays.
    let library = unsafe { sys::culib() };
    let is_missing = |name: &&str| {
        // SAFETY: the symbol is looked up, and not called as this type.
        unsafe { library.get::<unsafe extern "C" fn()>(name.as_bytes()) }.is_err()
    };
    match FUNCTIONS.into_iter().find(is_missing) {
        Some(missing) => Err(CompileError::NoFunction(missing)),
        None => Ok(()),
    }
}

/// A text in CUDA C as PTX, which the driver compiles for its device.
///
/// # Errors
/// There is no compiler, or the text is wrong.
pub fn compile(source: &str) -> Result<String, CompileError> {
    load()?;
    let source = CString::new(source)?;
    let program = Program::new(source)?;
    program.compile()?;
    program.ptx()
}

/// A text that the compiler was given, until this is dropped.
struct Program {
    program: sys::nvrtcProgram,
    /// The compiler may look at it as long as there is the program.
    _source: CString,
}

impl Program {
    fn new(source: CString) -> Result<Self, CompileError> {
        let program = result::create_program(&source, None);
        Ok(Self {
            program: program.map_err(failed("take a text"))?,
            _source: source,
        })
    }

    fn compile(&self) -> Result<(), CompileError> {
        // SAFETY: the program was made in `new`, and is destroyed in `Drop` alone.
        let compiled = unsafe { result::compile_program(self.program, &OPTIONS) };
        compiled.map_err(|answer| match answer.0 {
            sys::nvrtcResult::NVRTC_ERROR_COMPILATION => CompileError::Wrong { log: self.log() },
            // Such as a second library of the compiler's that is missing.
            _ => CompileError::Failed {
                action: "compile a kernel",
                answer,
                log: self.log(),
            },
        })
    }

    /// What the compiler says of the text, if it does.
    fn log(&self) -> String {
        // SAFETY: the program was made in `new`, and is destroyed in `Drop` alone.
        let log = unsafe { result::get_program_log(self.program) };
        log.map_or_else(|_| String::new(), |log| text(&log))
    }

    fn ptx(&self) -> Result<String, CompileError> {
        // SAFETY: the program was made in `new`, and is destroyed in `Drop` alone.
        let ptx = unsafe { result::get_ptx(self.program) };
        Ok(text(&ptx.map_err(failed("give its result"))?))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: the program was made in `new`, and nobody uses it any more.
        let destroyed = unsafe { result::destroy_program(self.program) };
        // There is nobody left to tell.
        let _ = destroyed;
    }
}

/// The error for what the compiler answered.
fn failed(action: &'static str) -> impl FnOnce(NvrtcError) -> CompileError {
    move |answer| CompileError::Failed {
        action,
        answer,
        log: String::new(),
    }
}

/// A text of the compiler's, which ends with a zero byte.
fn text(characters: &[std::ffi::c_char]) -> String {
    let bytes: Vec<u8> = characters.iter().map(|&byte| byte as u8).collect();
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_compiler_is_an_error_that_names_its_library() {
        // SAFETY: as in `find`.
        if unsafe { sys::is_culib_present() } {
            println!("skipped: the compiler is there");
            return;
        }
        let error = compile("").unwrap_err();
        assert!(matches!(error, CompileError::NoLibrary { .. }));
        let error = error.to_string();
        assert!(error.contains("libnvrtc, is not there"), "{error}");
        assert!(
            error.contains("nvrtc.so") || error.contains("nvrtc.d"),
            "{error}"
        );
    }

    #[test]
    fn a_text_of_the_compiler_ends_before_its_zero_byte() {
        let text = |bytes: &[u8]| {
            let characters: Vec<_> = bytes.iter().map(|&byte| byte as _).collect();
            super::text(&characters)
        };
        assert_eq!(text(b"ptx\n\0"), "ptx");
        assert_eq!(text(b"ptx"), "ptx");
        assert_eq!(text(b""), "");
    }
}
