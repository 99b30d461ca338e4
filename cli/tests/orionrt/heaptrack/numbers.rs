//! What is read from a recording equals what happened.

use std::io::Write;

use serde_json::Value;

use super::heap::{Block, Heap};
use crate::run::Folder;

/// The blocks of a plan of a file, whose names tell the site, and the answer in JSON.
fn planned(folder: &Folder, file: &str) -> (Vec<Block>, Value) {
    let args = ["plan", file, "--strategy", "greedy-size", "--json"];
    let answer = folder.done(&[&args[..], &["--output", "p.csv"]].concat());
    let plan = folder.read("p.csv");
    let blocks = plan.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |index: usize| fields[index].parse().expect(line);
        let (name, _) = fields[0].split_once(" #").expect(line);
        let site = match name.strip_prefix("heap.c:") {
            Some(rest) => rest.strip_suffix(" main").expect(line).parse().ok(),
            None => usize::from_str_radix(name.strip_prefix("heap+0x").expect(line), 16)
                .ok()
                .map(|offset| offset + 1),
        };
        Block {
            lower: number(1),
            upper: number(2),
            size: number(3) as u64,
            site: site.expect(line) - 1,
        }
    });
    (blocks.collect(), answer.json())
}

fn check_facts(answer: &Value, heap: &Heap) {
    let facts = &answer["heaptrack"];
    let live = Heap::live(&heap.blocks, heap.events);
    let peak = *live.iter().max().unwrap();
    let at = live.iter().position(|&bytes| bytes == peak).unwrap();
    // The time of an event is written after it.
    let at = at.saturating_sub(1);
    assert_eq!(facts["live_peak"], peak);
    assert_eq!(answer["load"], peak);
    assert_eq!(facts["peak_ms"], at);
    assert_eq!(facts["total_ms"], heap.events);
    assert_eq!(facts["allocations"], heap.blocks.len());
    assert_eq!(facts["events"], heap.events);
    let left = heap.blocks.iter().filter(|b| b.upper == heap.events + 1);
    assert_eq!(facts["alive_after"], left.clone().count());
    assert_eq!(
        facts["alive_after_bytes"],
        left.map(|b| b.size).sum::<u64>()
    );
    assert_eq!(facts["unknown_frees"], 0);
}

#[test]
fn with_addresses_every_block_is_the_one_that_was_allocated() {
    for seed in 0..8 {
        let heap = Heap::run(seed, 300);
        let folder = Folder::with("raw", &heap.addresses);
        let (blocks, answer) = planned(&folder, "raw");
        assert_eq!(blocks, heap.blocks);
        check_facts(&answer, &heap);
        assert_eq!(answer["heaptrack"]["has_addresses"], true);
    }
}

#[test]
fn with_functions_the_bytes_of_each_site_are_the_same_at_each_step() {
    for seed in 0..8 {
        let heap = Heap::run(seed, 300);
        let folder = Folder::with("recording", &heap.functions);
        let (blocks, answer) = planned(&folder, "recording");
        let begins = |blocks: &[Block]| -> Vec<_> {
            let each = blocks.iter();
            each.map(|b| (b.lower, b.size, b.site)).collect()
        };
        assert_eq!(begins(&blocks), begins(&heap.blocks));
        for site in 0..5 {
            let live = |blocks: &[Block]| {
                let of = blocks.iter().filter(|block| block.site == site);
                Heap::live(&of.copied().collect::<Vec<_>>(), heap.events)
            };
            assert_eq!(live(&blocks), live(&heap.blocks), "{site}");
        }
        check_facts(&answer, &heap);
    }
}

#[test]
fn a_compressed_recording_is_read_on_standard_input_too() {
    let heap = Heap::run(9, 300);
    let folder = Folder::with("recording", &heap.functions);
    let (blocks, _) = planned(&folder, "recording");
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gz.write_all(heap.functions.as_bytes()).unwrap();
    folder.write("recording.gz", gz.finish().unwrap());
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    let zst = ruzstd::encoding::compress_to_vec(heap.functions.as_bytes(), level);
    folder.write("recording.zst", zst);
    for file in ["recording.gz", "recording.zst"] {
        assert_eq!(planned(&folder, file).0, blocks, "{file}");
        let mut command = folder.command(&["plan", "-", "--json"]);
        let file = std::fs::File::open(folder.path(file)).unwrap();
        let output = command.stdin(file).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn options_of_other_files_are_refused() {
    let folder = Folder::with("raw", Heap::run(1, 20).addresses);
    for option in [["--device", "0"], ["--order", "memory"], ["--dim", "n=3"]] {
        let run = folder.run(&[&["plan", "raw"], &option[..]].concat());
        run.failed(2, &[option[0], "raw"]);
    }
    folder.write("cut.zst", &b"\x28\xb5\x2f\xfd\x04"[..]);
    folder
        .run(&["plan", "cut.zst"])
        .failed(1, &["cut.zst", "line 1", "cannot be decompressed"]);
}
