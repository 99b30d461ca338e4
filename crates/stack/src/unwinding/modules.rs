//! The module, program or library, at an address, and where its unwind table is.
//!
//! glibc 2.35 and later answer without a lock. Elsewhere [`refresh`] lists the modules, and readers
//! check that the list did not change while they looked: if it did, the module is not known. The
//! list may have modules that were unloaded since, and what is said of a module may cease to be
//! true at any time if no frame of the thread is in it: whoever reads a module checks what it
//! reads.

use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::*};
use core::{mem, ptr};

/// A program or library that is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Module {
    /// Its first address.
    pub start: usize,
    /// One past its last address.
    pub end: usize,
    /// The address of its `.eh_frame_hdr`.
    pub table: usize,
}

/// The module at an address, if it has an unwind table.
pub(crate) fn module_at(pc: usize) -> Option<Module> {
    match FINDER.load(Relaxed) {
        0 | NO_FINDER => LIST.find(pc),
        // SAFETY: the address is that of glibc's `_dl_find_object`, stored by `refresh`.
        finder => ask(unsafe { mem::transmute::<usize, Finder>(finder) }, pc),
    }
}

/// Looks for glibc's function and for modules that came or went since the last call, of which it
/// returns whether there are some.
pub(crate) fn refresh() -> bool {
    if FINDER.load(Relaxed) == 0 {
        // SAFETY: a name that ends with a zero byte.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"_dl_find_object".as_ptr()) };
        FINDER.store(
            if found.is_null() {
                NO_FINDER
            } else {
                found as usize
            },
            Relaxed,
        );
    }
    let mut loaded = 0_u64;
    // SAFETY: the callback is for a counter, and gets one.
    unsafe { libc::dl_iterate_phdr(Some(count_loads), (&raw mut loaded).cast()) };
    if LOADED.load(Relaxed) == loaded {
        return false;
    }
    // Modules that come while they are listed may be in the list or not: the count is that from
    // before. If another thread lists them, it stores its own.
    if FINDER.load(Relaxed) > NO_FINDER || LIST.fill() {
        LOADED.store(loaded, Relaxed);
    }
    true
}

/// The address of `_dl_find_object`; 0 if it was not looked for yet.
static FINDER: AtomicUsize = AtomicUsize::new(0);
/// In [`FINDER`]: this C library has none.
const NO_FINDER: usize = 1;
/// How often modules were loaded and unloaded, as the last [`refresh`] saw it.
static LOADED: AtomicU64 = AtomicU64::new(0);

type Finder = unsafe extern "C" fn(*mut c_void, *mut FoundObject) -> c_int;

/// glibc's `struct dl_find_object`.
#[repr(C)]
struct FoundObject {
    flags: u64,
    map_start: *mut c_void,
    map_end: *mut c_void,
    link_map: *mut c_void,
    eh_frame: *mut c_void,
    reserved: [u64; 7],
}

fn ask(finder: Finder, pc: usize) -> Option<Module> {
    let mut found = FoundObject {
        flags: 0,
        map_start: ptr::null_mut(),
        map_end: ptr::null_mut(),
        link_map: ptr::null_mut(),
        eh_frame: ptr::null_mut(),
        reserved: [0; 7],
    };
    // SAFETY: any address may be asked for, and the structure is as the C library has it.
    let result = unsafe { finder(pc as *mut c_void, &mut found) };
    (result == 0 && !found.eh_frame.is_null()).then_some(Module {
        start: found.map_start as usize,
        end: found.map_end as usize,
        table: found.eh_frame as usize,
    })
}

/// Adds up loads and unloads into the counter; the first module knows those of all.
unsafe extern "C" fn count_loads(
    info: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    counter: *mut c_void,
) -> c_int {
    // SAFETY: the C library hands on its own entry, and what `refresh` gave it: a counter.
    unsafe { *counter.cast::<u64>() = 1 + (*info).dlpi_adds + (*info).dlpi_subs };
    1
}

/// How many modules the list has room for.
const MODULES: usize = 512;

static LIST: List = List {
    version: AtomicU64::new(0),
    count: AtomicUsize::new(0),
    modules: [const { [const { AtomicUsize::new(0) }; 3] }; MODULES],
};

/// Modules as start, end and table. The version is odd while somebody writes; its upper half is the
/// number of the process that wrote last, by which the child of a fork knows that nobody is at it.
struct List {
    version: AtomicU64,
    count: AtomicUsize,
    modules: [[AtomicUsize; 3]; MODULES],
}

impl List {
    fn find(&self, pc: usize) -> Option<Module> {
        let version = self.version.load(Acquire);
        let count = self.count.load(Relaxed).min(MODULES);
        let found = self.modules[..count].iter().find_map(|module| {
            let [start, end, table] = [0, 1, 2].map(|word| module[word].load(Relaxed));
            (start <= pc && pc < end).then_some(Module { start, end, table })
        });
        core::sync::atomic::fence(Acquire);
        let unchanged = version % 2 == 0 && self.version.load(Relaxed) == version;
        found.filter(|module| unchanged && module.table != 0)
    }

    /// Lists the modules anew, unless another thread of this process is at it.
    fn fill(&self) -> bool {
        // SAFETY: no arguments, and always right.
        let process = unsafe { libc::getpid() } as u32;
        let Some(version) = self.begin(process) else {
            return false;
        };
        self.count.store(0, Relaxed);
        // SAFETY: the callback adds to the list, which lives for ever.
        unsafe { libc::dl_iterate_phdr(Some(add_module), ptr::null_mut()) };
        self.end(version);
        true
    }

    /// Makes the version odd, and returns it.
    fn begin(&self, process: u32) -> Option<u64> {
        let before = self.version.load(Relaxed);
        let (writer, count) = ((before >> 32) as u32, before as u32);
        if count % 2 == 1 && writer == process {
            return None;
        }
        let version = u64::from(process) << 32 | u64::from(count.wrapping_add(1 + count % 2));
        let exchanged = self
            .version
            .compare_exchange(before, version, Acquire, Relaxed);
        core::sync::atomic::fence(Release);
        exchanged.is_ok().then_some(version)
    }

    fn end(&self, version: u64) {
        let count = u64::from((version as u32).wrapping_add(1));
        self.version.store(version >> 32 << 32 | count, Release);
    }

    /// Adds a module, if there is room. Only while the version is odd.
    fn add(&self, module: [usize; 3]) {
        let count = self.count.load(Relaxed);
        if let Some(words) = self.modules.get(count) {
            for (word, value) in words.iter().zip(module) {
                word.store(value, Relaxed);
            }
            self.count.store(count + 1, Relaxed);
        }
    }
}

unsafe extern "C" fn add_module(
    info: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    _data: *mut c_void,
) -> c_int {
    // SAFETY: the C library's entry, which it keeps until this returns.
    let (base, headers) = unsafe {
        let info = &*info;
        if info.dlpi_phdr.is_null() {
            return 0;
        }
        (
            info.dlpi_addr as usize,
            core::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()),
        )
    };
    let mut module = [usize::MAX, 0, 0];
    for header in headers {
        let start = base.wrapping_add(header.p_vaddr as usize);
        match header.p_type {
            libc::PT_LOAD => {
                module[0] = module[0].min(start);
                module[1] = module[1].max(start.wrapping_add(header.p_memsz as usize));
            }
            libc::PT_GNU_EH_FRAME => module[2] = start,
            _ => {}
        }
    }
    LIST.add(module);
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thread of the parent was at it when the process forked, and is none of the child's.
    #[test]
    fn a_list_that_the_parent_was_writing_is_written_anew() {
        let list = List {
            version: AtomicU64::new(0),
            count: AtomicUsize::new(0),
            modules: [const { [const { AtomicUsize::new(0) }; 3] }; MODULES],
        };
        list.add([4096, 8192, 5000]);
        assert!(list.find(4096).is_some());
        let version = list.begin(7).unwrap();
        assert_eq!(list.begin(7), None);
        assert_eq!(list.find(4096), None);
        let of_child = list.begin(8).unwrap();
        assert_ne!(of_child, version);
        assert_eq!(list.find(4096), None);
        list.end(of_child);
        assert!(list.find(4096).is_some());
        let next = list.begin(8).unwrap();
        assert!(next as u32 > of_child as u32);
    }

    /// Where glibc answers, it is the oracle of the list.
    #[test]
    fn the_list_has_the_modules() {
        refresh();
        LIST.fill();
        let here = the_list_has_the_modules as *const () as usize;
        let places = [
            here,
            libc::qsort as *const () as usize,
            _Unwind_GetIP as *const () as usize,
        ];
        for pc in places {
            let listed = LIST.find(pc).expect("a module with a table");
            assert!(pc < listed.end);
            if FINDER.load(Relaxed) > NO_FINDER {
                assert_eq!(module_at(pc).map(|module| module.table), Some(listed.table));
            }
        }
        assert_eq!(LIST.find(0), None);
        assert_eq!(module_at(usize::MAX), None);
    }

    unsafe extern "C" {
        fn _Unwind_GetIP(context: *mut c_void) -> usize;
    }
}
