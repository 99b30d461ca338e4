//! Modules and their functions.

use std::ffi::{CStr, c_char, c_uint, c_void};

use crate::{
    answers::{INVALID_PTX, INVALID_VALUE, NOT_FOUND, give},
    libraries::Library,
    state::{Model, asked, given_back},
    work::{Code, Work},
};

/// The most blocks that a device takes in the second and the third dimension.
const MOST_BLOCKS: c_uint = 65_535;

/// The most threads that a device takes in a block.
const MOST_THREADS: u64 = 1024;

impl Model {
    /// Runs a kernel, which loses the device if its module is not loaded, or memory that it is
    /// given is not there.
    pub fn run(&mut self, function: usize, [grid, block]: [[u32; 3]; 2], values: &[u64]) {
        let function = self.functions.get(&function).copied();
        let loaded = function.filter(|(module, _)| self.modules.contains_key(module));
        let Some((_, code)) = loaded else {
            self.lost = true;
            return;
        };
        match code {
            Code::Square => {
                if let Some(x) = self.floats(values[0], values[1] as u32) {
                    x.iter_mut().for_each(|x| *x *= *x);
                }
            }
            Code::Add => {
                let count = values[2] as u32;
                let both = [values[0], values[1]].map(|at| self.floats(at, count));
                if let [Some(x), Some(y)] = both {
                    x.iter().zip(y).for_each(|(x, y)| *y += *x);
                }
            }
            Code::Compiled(kernel) => match values.iter().all(|&at| self.has(at, 4)) {
                true => (kernel.launch)(&grid, &block, values.as_ptr()),
                false => self.lost = true,
            },
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn cuModuleLoadData(module: *mut usize, image: *const c_void) -> u32 {
    asked(|model| {
        // SAFETY: a module in PTX is a text that ends with a zero byte.
        let image = unsafe { CStr::from_ptr(image.cast()) };
        let Ok(library) = Library::named_in(image).transpose() else {
            return INVALID_PTX;
        };
        let id = model.id();
        model.modules.insert(id, library);
        give(module, id)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuModuleGetFunction(
    function: *mut usize,
    module: usize,
    name: *const c_char,
) -> u32 {
    asked(|model| {
        // SAFETY: the name ends with a zero byte.
        let name = unsafe { CStr::from_ptr(name) }.to_str().unwrap_or_default();
        let code = match (model.modules.get(&module), name) {
            (Some(Some(library)), name) => library.kernel(name).map(Code::Compiled),
            (Some(None), "square") => Some(Code::Square),
            (Some(None), "add") => Some(Code::Add),
            _ => None,
        };
        let Some(code) = code else {
            return NOT_FOUND;
        };
        let id = model.id();
        model.functions.insert(id, (module, code));
        give(function, id)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuModuleUnload(module: usize) -> u32 {
    given_back(|model| model.modules.remove(&module).is_some())
}

#[unsafe(no_mangle)]
pub extern "C" fn cuLaunchKernel(
    function: usize,
    bx: c_uint,
    by: c_uint,
    bz: c_uint,
    tx: c_uint,
    ty: c_uint,
    tz: c_uint,
    _shared: c_uint,
    stream: usize,
    parameters: *const *const c_void,
    _extra: *const c_void,
) -> u32 {
    asked(|model| {
        // SAFETY: the caller has as many parameters as the kernel.
        let address = |at| unsafe { parameters.add(at).read().cast::<u64>().read() };
        // SAFETY: the caller has as many parameters as the kernel.
        let number = |at| u64::from(unsafe { parameters.add(at).read().cast::<u32>().read() });
        let values = match model.functions.get(&function) {
            Some((_, Code::Square)) => vec![address(0), number(1)],
            Some((_, Code::Add)) => vec![address(0), address(1), number(2)],
            Some((_, Code::Compiled(kernel))) => (0..kernel.parameters).map(address).collect(),
            None => return INVALID_VALUE,
        };
        let threads = [[bx, by, bz], [tx, ty, tz]];
        let in_block = [tx, ty, tz].map(u64::from).iter().product::<u64>();
        let is_too_large = by.max(bz) > MOST_BLOCKS || in_block > MOST_THREADS;
        if threads.as_flattened().contains(&0) || is_too_large {
            return INVALID_VALUE;
        }
        model.ask(stream, Work::Kernel(function, threads, values))
    })
}
