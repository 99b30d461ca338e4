//! A program or library that a profile names: the functions at its addresses.
//!
//! Stands on `addr2line` and `object`. Only absolute paths of plain files are opened, and one with
//! another build id than the profile says is not used: its functions would be elsewhere.

#![forbid(unsafe_code)]

use std::{collections::HashMap, fs::File, path::Path};

use addr2line::Loader;
use object::{Object, ObjectSegment, ObjectSymbol, ReadCache};

/// A function at an address, and where in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct SourceLocation {
    pub(super) function: String,
    /// As the linker knows it.
    pub(super) symbol: String,
    pub(super) file: String,
    pub(super) line: u32,
}

pub(super) struct Binary {
    loader: Loader,
    /// The bytes of the file that each segment is of, and its address.
    segments: Vec<(u64, u64, u64)>,
    /// The size of the symbol at an address.
    sizes: HashMap<u64, u64>,
}

impl Binary {
    /// Opens a file, if it is that of the profile as far as can be seen.
    pub(super) fn open(path: &Path, build_id: &str) -> Option<Self> {
        if !path.is_absolute() || !path.metadata().ok()?.is_file() {
            return None;
        }
        let cache = ReadCache::new(File::open(path).ok()?);
        let object = object::File::parse(&cache).ok()?;
        let found = object.build_id().ok().flatten().map(hexadecimal);
        if !build_id.is_empty() && found.is_some_and(|found| found != build_id) {
            return None;
        }
        let segments = object.segments().map(|segment| {
            let (start, size) = segment.file_range();
            (start, size, segment.address())
        });
        let segments = segments.collect();
        let symbols = object.symbols().chain(object.dynamic_symbols());
        let sizes = symbols.map(|symbol| (symbol.address(), symbol.size()));
        let sizes = sizes.filter(|&(_, size)| size > 0).collect();
        let loader = Loader::new(path).ok()?;
        Some(Self {
            loader,
            segments,
            sizes,
        })
    }

    /// The address that the linker gave to a byte of the file.
    fn address(&self, offset: u64) -> Option<u64> {
        let mut segments = self.segments.iter();
        segments.find_map(|&(start, size, address)| {
            let within = offset.checked_sub(start)?;
            (within < size).then(|| address.checked_add(within))?
        })
    }

    /// The functions at a byte of the file, innermost first: all but the last are inlined. None if
    /// nothing is known.
    pub(super) fn locations(&self, offset: u64) -> Vec<SourceLocation> {
        let Some(address) = self.address(offset) else {
            return Vec::new();
        };
        let mut locations = self.described(address).unwrap_or_default();
        let symbol = self.symbol(address).unwrap_or_default();
        if locations.is_empty() && !symbol.is_empty() {
            locations.push(SourceLocation::default());
        }
        // What debug information does not name is what the table of symbols says.
        if let Some(last) = locations.last_mut().filter(|last| last.symbol.is_empty()) {
            last.function = addr2line::demangle_auto(symbol.into(), None).into();
            last.symbol = symbol.into();
        }
        locations.retain(|location| !location.function.is_empty());
        locations
    }

    /// The symbol that an address is within: the one before it may have ended, since stripped
    /// libraries name only what others call.
    fn symbol(&self, address: u64) -> Option<&str> {
        let symbol = self.loader.find_symbol_info(address)?;
        let size = *self.sizes.get(&symbol.address())?;
        (address - symbol.address() < size).then(|| symbol.name())
    }

    /// What debug information says.
    fn described(&self, address: u64) -> Option<Vec<SourceLocation>> {
        let mut frames = self.loader.find_frames(address).ok()?;
        let mut locations = Vec::new();
        while let Some(frame) = frames.next().ok()? {
            let mut source = SourceLocation::default();
            if let Some(function) = &frame.function {
                source.symbol = function.raw_name().ok()?.into();
                source.function = function.demangle().ok()?.into();
            }
            if let Some(location) = &frame.location {
                source.file = location.file.unwrap_or_default().into();
                source.line = location.line.unwrap_or(0);
            }
            locations.push(source);
        }
        Some(locations)
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
