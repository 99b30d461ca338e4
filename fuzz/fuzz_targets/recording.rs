//! Any bytes as the recording of a process: they are read or refused without a panic, and the
//! events of what is read come once each, in the order of their times.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orionrt_recording::{CHUNK_BYTES, HEADER_BYTES, Reader, prefix_len};

/// Chunks are large and mostly empty: the input has the first bytes of the header and of each.
const OF_EACH: usize = 512;

fuzz_target!(|input: &[u8]| {
    let mut file = Vec::new();
    for (index, part) in input.chunks(OF_EACH).take(8).enumerate() {
        file.extend_from_slice(part);
        file.resize(HEADER_BYTES + index * CHUNK_BYTES, 0);
    }
    for bytes in [input, &file] {
        let Ok(reader) = Reader::new(bytes) else {
            continue;
        };
        assert!(prefix_len(bytes).expect("it was read") <= bytes.len() as u64);
        let times: Vec<u64> = reader.events().map(|one| one.time_ns).collect();
        assert_eq!(times.len(), reader.len());
        assert!(times.is_sorted());
        let frames: usize = reader.stacks().map(|stack| stack.frames.len()).sum();
        assert!(frames * 8 <= bytes.len());
        assert!(reader.modules().count() <= bytes.len());
    }
});
