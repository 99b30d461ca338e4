//! A model of NVRTC, CUDA's compiler at run time: what tests load as `libnvrtc`.
//!
//! It has the host's compiler make a library of a text in CUDA C, behind a prelude that has CUDA's
//! words (`host.hpp`). Its "PTX" names that library, which the model of the driver loads, and
//! removes. Products and sums are not fused: it takes no other options than `--fmad=false`.
#![allow(non_snake_case, clippy::missing_safety_doc)]

use std::{
    collections::BTreeMap,
    env,
    ffi::{CStr, CString, c_char, c_int, c_void},
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    ptr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

const SUCCESS: u32 = 0;
const INVALID_INPUT: u32 = 3;
const INVALID_OPTION: u32 = 5;
const COMPILATION: u32 = 6;

const PRELUDE: &str = include_str!("host.hpp");

/// Numbers the libraries of this process.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// The libraries of the texts that were compiled before.
static COMPILED: Mutex<BTreeMap<String, Vec<u8>>> = Mutex::new(BTreeMap::new());

/// A text, and what became of it.
#[derive(Default)]
pub struct Program {
    source: String,
    ptx: CString,
    log: CString,
}

/// Writes what a call answers to where it was told.
fn give<T>(to: *mut T, value: T) -> u32 {
    // SAFETY: the compiler's interface says that this can be written.
    unsafe { to.write(value) };
    SUCCESS
}

/// The kernels of a text, by their names.
fn kernels(source: &str) -> Vec<&str> {
    let behind = source.split("__global__ void ").skip(1);
    behind.filter_map(|text| text.split('(').next()).collect()
}

/// Makes a library of a text, and says where it is, or what is wrong.
fn compile(source: &str) -> Result<PathBuf, String> {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("orionrt-kernel-{}-{number}.so", process::id());
    let library = env::temp_dir().join(name);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let done = match compiled.get(source) {
        Some(bytes) => fs::write(&library, bytes),
        None => {
            compile_to(source, &library)?;
            fs::read(&library).map(|bytes| {
                compiled.insert(source.to_owned(), bytes);
            })
        }
    };
    done.map(|()| library).map_err(|error| error.to_string())
}

/// Has the compiler of the host make a library of a text.
fn compile_to(source: &str, library: &Path) -> Result<(), String> {
    let mut compiler = Command::new("g++")
        .args([
            "-x",
            "c++",
            "-std=c++17",
            "-shared",
            "-fPIC",
            "-O2",
            "-march=native",
        ])
        .args([
            "-ffp-contract=off",
            "-fno-semantic-interposition",
            "-Wl,-Bsymbolic",
            "-o",
        ])
        .args([library.as_os_str(), "-".as_ref()])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("g++: {error}"))?;
    let launched = kernels(source).into_iter();
    let launched: String = launched.map(|name| format!("LAUNCHED({name})\n")).collect();
    let text = format!("{PRELUDE}\n#line 1 \"kernel.cu\"\n{source}\n{launched}");
    let written = compiler
        .stdin
        .take()
        .expect("a pipe")
        .write_all(text.as_bytes());
    let output = compiler
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    match output.status.success() {
        true => written.map_err(|error| error.to_string()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvrtcCreateProgram(
    program: *mut *mut Program,
    source: *const c_char,
    _name: *const c_char,
    headers: c_int,
    _texts: *const c_void,
    _names: *const c_void,
) -> u32 {
    if headers != 0 {
        return INVALID_INPUT;
    }
    // SAFETY: the text ends with a zero byte.
    let source = unsafe { CStr::from_ptr(source) };
    let new = Program {
        source: source.to_string_lossy().into_owned(),
        ..Program::default()
    };
    give(program, Box::into_raw(Box::new(new)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvrtcCompileProgram(
    program: *mut Program,
    count: c_int,
    options: *const *const c_char,
) -> u32 {
    for at in 0..count as usize {
        // SAFETY: there are so many options, each of which ends with a zero byte.
        let option = unsafe { CStr::from_ptr(options.add(at).read()) };
        if option != c"--fmad=false" {
            return INVALID_OPTION;
        }
    }
    // SAFETY: the program was made above, and is used by one thread.
    let program = unsafe { &mut *program };
    let text = |text: String| CString::new(text).expect("no zero byte");
    match compile(&program.source) {
        Ok(library) => {
            program.ptx = text(format!("// library: {}\n", library.display()));
            SUCCESS
        }
        Err(log) => {
            program.log = text(log);
            COMPILATION
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvrtcGetPTXSize(program: *const Program, bytes: *mut usize) -> u32 {
    // SAFETY: the program was made above.
    give(bytes, unsafe { &(*program).ptx }.as_bytes_with_nul().len())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvrtcGetPTX(program: *const Program, to: *mut u8) -> u32 {
    // SAFETY: the program was made above.
    copy(unsafe { &(*program).ptx }, to)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvrtcGetProgramLogSize(program: *const Program, bytes: *mut usize) -> u32 {
    // SAFETY: the program was made above.
    give(bytes, unsafe { &(*program).log }.as_bytes_with_nul().len())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvrtcGetProgramLog(program: *const Program, to: *mut u8) -> u32 {
    // SAFETY: the program was made above.
    copy(unsafe { &(*program).log }, to)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvrtcDestroyProgram(program: *mut *mut Program) -> u32 {
    // SAFETY: the program was made above, and is destroyed once.
    drop(unsafe { Box::from_raw(program.read()) });
    SUCCESS
}

/// Copies a text to where the caller has room for it, as it has asked for its size.
fn copy(text: &CStr, to: *mut u8) -> u32 {
    let bytes = text.to_bytes_with_nul();
    // SAFETY: the caller has asked for the size, and has so much room there.
    unsafe { ptr::copy(bytes.as_ptr(), to, bytes.len()) };
    SUCCESS
}
