//! Recordings that heaptrack 1.4 made of `words.cpp`, one with functions and one with addresses.
//! The figures beside them are those of `heaptrack_print`: 56 calls to allocation functions, a peak
//! of 195.10 kB, and 4.35 kB that leaked.

use crate::{page::Document, run::Folder};

const FUNCTIONS: &[u8] = include_bytes!("functions.zst");
const ADDRESSES: &[u8] = include_bytes!("addresses.zst");

#[test]
fn the_figures_are_those_of_heaptrack() {
    for (file, has_addresses) in [(FUNCTIONS, false), (ADDRESSES, true)] {
        let folder = Folder::with("words.zst", file);
        let json = folder.done(&["plan", "words.zst", "--json"]).json();
        let facts = &json["heaptrack"];
        assert_eq!(facts["allocations"], 56);
        assert_eq!(facts["live_peak"].as_u64().unwrap().div_ceil(10), 19510);
        assert_eq!(facts["alive_after_bytes"].as_u64().unwrap() / 10, 435);
        assert_eq!(facts["command"], "./words");
        assert_eq!(facts["has_addresses"], has_addresses);
        assert_eq!(json["load"], facts["live_peak"]);
        assert_eq!(json["alignment"], 16);
    }
}

#[test]
fn blocks_are_named_by_the_lines_of_the_program() {
    let folder = Folder::with("words.zst", FUNCTIONS);
    folder.done(&["plan", "words.zst", "--output", "p.csv"]);
    let plan = folder.read("p.csv");
    for (name, size) in [
        ("words.cpp:11 raw_buffer(unsigned long) #1,", ",100000,"),
        ("words.cpp:10 make_vector(int) #2,", ",4000,"),
        ("words.cpp:16 main #1,", ",46,"),
        ("words.cpp:19 main #1,", ",1000,"),
        ("words.cpp:20 main #1,", ",5000,"),
        ("words.cpp:22 main #1,", ",256,"),
    ] {
        let row = plan.lines().find(|line| line.starts_with(name));
        assert!(
            row.is_some_and(|row| row.contains(size)),
            "{name} in {plan}"
        );
    }
    assert!(!plan.contains("operator new"), "{plan}");
}

#[test]
fn a_page_has_the_calls_and_their_bytes_are_those_of_the_blocks() {
    for (file, outermost) in [(FUNCTIONS, "words.cpp:16 main"), (ADDRESSES, "words+")] {
        let folder = Folder::with("words.zst", file);
        let json = folder.done(&["plan", "words.zst", "--html", "p.html", "--json"]);
        let json = json.json();
        let page = Document::of(&folder.read("p.html"));
        let profile = &page.header["profiles"][0];
        let sum = |name: &str| page.column(&profile[name]).iter().sum::<f64>();
        assert_eq!(sum("at_peak"), json["load"].as_f64().unwrap());
        let after = json["heaptrack"]["alive_after_bytes"].as_f64();
        assert_eq!(sum("at_end"), after.unwrap());
        assert_eq!(sum("allocations"), 56.0);
        let sizes = page.column(&page.header["maps"][0]["tensors"]["size"]);
        assert_eq!(sum("allocated"), sizes.iter().sum::<f64>());
        let names = page.strings(&profile["name"]);
        assert!(
            names.iter().any(|name| name.starts_with(outermost)),
            "{names:?}"
        );
        let maps = page.header["maps"].as_array().unwrap();
        for map in maps {
            let calls = &map["calls"];
            assert_eq!(calls["profile"], 0);
            let of = page.column(&calls["of"]);
            let allocated = page.column(&profile["allocated"]);
            let sizes = page.column(&map["tensors"]["size"]);
            for (call, bytes) in allocated.iter().enumerate() {
                let blocks = of.iter().zip(&sizes).filter(|(of, _)| **of == call as f64);
                assert_eq!(blocks.map(|(_, size)| size).sum::<f64>(), *bytes);
            }
        }
        let parents = page.column(&profile["parent"]);
        assert!(parents.contains(&0.0) && parents.iter().any(|&parent| parent > 0.0));
    }
}

#[test]
fn a_page_has_the_blocks_where_the_heap_had_them_if_the_recording_says_it() {
    let folder = Folder::with("words.zst", ADDRESSES);
    folder.done(&["plan", "words.zst", "--html", "p.html"]);
    let page = Document::of(&folder.read("p.html"));
    let maps = page.header["maps"].as_array().unwrap();
    let titles: Vec<_> = maps.iter().map(|map| &map["title"]).collect();
    assert_eq!(titles, ["as allocated", "as planned"]);
    let recorded = &maps[0]["recorded"];
    assert_eq!(recorded["page_size"], 4096);
    assert!(recorded.get("range").is_none());
    let held = page.column(&recorded["reserved"]["bytes"]);
    assert!(held.iter().all(|bytes| bytes % 4096.0 == 0.0), "{held:?}");
    let most = held.iter().fold(0.0_f64, |most, &bytes| most.max(bytes));
    assert!(most >= maps[0]["load"].as_f64().unwrap());
    // malloc aligns blocks to 16 bytes, and the layout keeps their places in pages.
    let offsets = page.column(&maps[0]["tensors"]["offset"]);
    assert!(
        offsets.iter().all(|offset| offset % 16.0 == 0.0),
        "{offsets:?}"
    );
    assert_eq!(maps[0]["load"], maps[1]["load"]);
    folder.write("functions.zst", FUNCTIONS);
    folder.done(&["plan", "functions.zst", "--html", "p.html"]);
    let page = Document::of(&folder.read("p.html"));
    assert_eq!(page.header["maps"].as_array().unwrap().len(), 1);
    assert!(!page.header["notes"].to_string().contains("addresses"));
}

#[test]
fn what_heaptrack_saw_is_said_beside_the_plan_and_on_the_page() {
    let folder = Folder::with("words.zst", FUNCTIONS);
    let text = folder
        .done(&["plan", "words.zst", "--html", "p.html"])
        .stdout;
    let lines = [
        "56 allocations in 0 ms; 2 blocks of 4.25 KiB alive after them",
        "live at most 191 KiB, after 0 ms; planned 191 KiB; resident at most 3.91 MiB",
        "the last is taken to be freed first",
    ];
    let notes = Document::of(&folder.read("p.html")).header["notes"].to_string();
    for line in lines {
        assert!(text.contains(line), "'{line}' in {text}");
        assert!(notes.contains(line), "'{line}' in {notes}");
    }
    folder.write("addresses.zst", ADDRESSES);
    let text = folder.done(&["plan", "addresses.zst"]).stdout;
    assert!(!text.contains("freed first"), "{text}");
}
