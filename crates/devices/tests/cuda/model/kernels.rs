//! Modules and their functions.

use std::ffi::{CStr, c_char, c_uint, c_void};

use crate::{
    answers::{INVALID_VALUE, NOT_FOUND, give},
    state::{Model, asked, given_back},
    work::Work,
};

impl Model {
    /// A kernel runs while its module is loaded.
    pub fn has_module(&mut self, function: usize) {
        let module = self.functions.get(&function).map(|(module, _)| *module);
        self.lost |= !module.is_some_and(|module| self.modules.contains(&module));
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn cuModuleLoadData(module: *mut usize, _image: *const c_void) -> u32 {
    asked(|model| {
        let id = model.id();
        model.modules.insert(id);
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
        let name = unsafe { CStr::from_ptr(name) };
        let known = ["square", "add"]
            .into_iter()
            .find(|known| known.as_bytes() == name.to_bytes());
        let Some(known) = known.filter(|_| model.modules.contains(&module)) else {
            return NOT_FOUND;
        };
        let id = model.id();
        model.functions.insert(id, (module, known));
        give(function, id)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuModuleUnload(module: usize) -> u32 {
    given_back(|model| model.modules.remove(&module))
}

#[unsafe(no_mangle)]
pub extern "C" fn cuLaunchKernel(
    function: usize,
    _bx: c_uint,
    _by: c_uint,
    _bz: c_uint,
    _tx: c_uint,
    _ty: c_uint,
    _tz: c_uint,
    _shared: c_uint,
    stream: usize,
    parameters: *const *const c_void,
    _extra: *const c_void,
) -> u32 {
    asked(|model| {
        // SAFETY: the caller has as many parameters as the kernel.
        let address = |at| unsafe { parameters.add(at).read().cast::<u64>().read() };
        // SAFETY: the caller has as many parameters as the kernel.
        let number = |at| unsafe { parameters.add(at).read().cast::<u32>().read() };
        let work = match model.functions.get(&function) {
            Some((_, "square")) => Work::Square(function, address(0), number(1)),
            Some((_, "add")) => Work::Add(function, address(0), address(1), number(2)),
            _ => return INVALID_VALUE,
        };
        model.ask(stream, work)
    })
}
