//! Buffer assignments of XLA as input of `orionrt plan`: those that jax 0.10 wrote of the functions
//! in `functions.py`.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::{page::Document, run::Folder};

const LOOP: &str = include_str!("loop.txt");
const TRAIN: &str = include_str!("train.txt");
const UNET: &str = include_str!("unet.txt");
const ALL: [&str; 3] = [LOOP, TRAIN, UNET];

/// A value as the file says it, read in another way than the command line reads it.
#[derive(Clone, Debug)]
struct Stated {
    name: String,
    is_temporary: bool,
    offset: u64,
    size: u64,
    /// Both ends are included.
    range: Option<(i64, i64)>,
}

fn number<N: std::str::FromStr>(text: &str) -> N {
    text.parse().ok().expect(text)
}

/// What stands between two texts.
fn between<'t>(text: &'t str, begin: &str, end: &str) -> &'t str {
    let text = text.split(begin).nth(1).expect(text);
    text.split(end).next().expect(text)
}

fn stated(text: &str) -> Vec<Stated> {
    let ranges = between(text, "  BufferLiveRange:\n", "  Live ranges at");
    let ranges: HashMap<&str, (i64, i64)> = (ranges.lines())
        .map(|line| {
            let parts: Vec<&str> = line.trim().split([':', '-']).collect();
            let end = parts.len() - 2;
            let name = &line.trim()[..line.trim().rfind(':').unwrap()];
            (name, (number(parts[end]), number(parts[end + 1])))
        })
        .collect();
    let mut is_temporary = false;
    let mut all = Vec::new();
    for line in text.lines() {
        if line.starts_with("allocation ") {
            is_temporary = line.contains("preallocated-temp");
        } else if line.starts_with(" value: ") {
            let words: Vec<&str> = between(line, "<", ">").split(' ').collect();
            let name = words[1];
            let key = format!("{name}{}", if name.contains('{') { "" } else { "{}" });
            all.push(Stated {
                name: name.trim_end_matches("{}").into(),
                is_temporary,
                offset: number(between(line, "offset=", ")")),
                size: number(between(line, "size=", ",")),
                range: ranges.get(&*key).copied(),
            });
        }
    }
    all
}

fn alive(value: &Stated, step: i64) -> bool {
    value
        .range
        .is_some_and(|(first, last)| (first..=last).contains(&step))
}

fn planned(text: &str) -> (Value, Value) {
    let folder = Folder::with("xla.txt", text);
    let args = ["plan", "xla.txt", "--json", "--output", "plan.json"];
    let answer = folder.done(&args).json();
    let plan = serde_json::from_str(&folder.read("plan.json")).expect("JSON");
    (answer, plan)
}

#[test]
fn the_live_ranges_that_are_read_have_the_peak_that_xla_states() {
    for text in ALL {
        let step = number(between(text, "Live ranges at ", " (peak)"));
        let peak = between(text, "Stack trace breakdown for peak usage: ", " bytes");
        let live = stated(text).into_iter().filter(|value| alive(value, step));
        let live: u64 = live.map(|value| value.size).sum();
        assert_eq!(live, number::<u64>(&peak.replace(' ', "")));
    }
}

#[test]
fn every_temporary_value_is_a_tensor_with_its_size_and_steps() {
    for text in ALL {
        let (answer, plan) = planned(text);
        let tensors = plan["tensors"].as_array().expect("a list");
        let values: Vec<_> = stated(text)
            .into_iter()
            .filter(|v| v.is_temporary)
            .collect();
        assert_eq!(tensors.len(), values.len());
        for (tensor, value) in tensors.iter().zip(&values) {
            let (first, last) = value.range.expect("a range");
            assert_eq!(tensor["id"], *value.name);
            assert_eq!(tensor["size"], value.size);
            if tensor["within"].is_null() {
                // It may have others within it.
                assert!(tensor["lower"].as_i64().unwrap() <= first, "{tensor}");
                assert!(tensor["upper"].as_i64().unwrap() > last, "{tensor}");
            } else {
                assert_eq!(tensor["lower"], first);
                assert_eq!(tensor["upper"], last + 1);
            }
        }
        assert_eq!(answer["xla"]["values"], values.len());
        assert_eq!(answer["xla"]["without_range"], 0);
    }
}

#[test]
fn the_load_is_that_of_the_places_in_use() {
    for text in ALL {
        let values: Vec<_> = stated(text)
            .into_iter()
            .filter(|v| v.is_temporary)
            .collect();
        let last = values
            .iter()
            .map(|value| value.range.unwrap().1)
            .max()
            .unwrap();
        let load = |step| -> u64 {
            let mut places: HashMap<u64, u64> = HashMap::new();
            for value in values.iter().filter(|value| alive(value, step)) {
                let size = places.entry(value.offset).or_default();
                *size = value.size.max(*size);
            }
            places.values().sum()
        };
        let (answer, _) = planned(text);
        assert_eq!(answer["load"], (0..=last).map(load).max().unwrap());
    }
}

#[test]
fn xlas_offsets_are_a_plan_of_the_same_lifetimes_and_never_better() {
    for (text, temporary, allocations) in
        [(LOOP, 32848, 1), (TRAIN, 404_736, 1), (UNET, 939_392, 1)]
    {
        let (answer, _) = planned(text);
        let facts = &answer["xla"];
        assert_eq!(facts["temporary_bytes"], temporary);
        assert_eq!(facts["allocations"], allocations);
        assert_eq!(facts["is_valid"], true);
        assert!(answer["peak"].as_u64().unwrap() <= temporary);
        assert_eq!(answer["optimal"], true);
    }
    // Here XLA's own search left some of it on the table.
    assert_eq!(planned(UNET).0["peak"], 869_760);
}

#[test]
fn the_state_of_a_loop_has_one_place() {
    let (answer, plan) = planned(LOOP);
    assert_eq!(answer["xla"]["within"], 8);
    let tensors = plan["tensors"].as_array().expect("a list");
    let of = |id: &str| tensors.iter().find(|tensor| tensor["id"] == id).expect(id);
    let offset = &of("wrapped_add")["offset"];
    for name in ["copy.7", "arg_tuple.3{0}", "arg_tuple.1{0}", "while.5{0}"] {
        assert_eq!(&of(name)["offset"], offset, "{name}");
    }
}

#[test]
fn what_xla_has_assigned_is_said_beside_the_plan_and_on_the_page() {
    let folder = Folder::with("unet.txt", UNET);
    let text = folder
        .done(&["plan", "unet.txt", "--html", "p.html"])
        .stdout;
    let lines = [
        "temporaries 917 KiB (939,392 bytes), planned 849 KiB (869,760 bytes)",
        "20 values, of which 0 within others, in 1 allocation",
        "parameters 323 KiB, outputs 48.0 KiB, constants 4 B, thread-local 36 B",
    ];
    let notes = Document::of(&folder.read("p.html")).header["notes"].to_string();
    for line in lines {
        assert!(text.contains(line), "'{line}' in {text}");
        assert!(notes.contains(line), "'{line}' in {notes}");
    }
    assert!(text.contains("alignment 64"), "{text}");
}

#[test]
fn the_page_has_xlas_own_places_above_the_plan() {
    let folder = Folder::with("unet.txt", UNET);
    folder.done(&["plan", "unet.txt", "--html", "p.html"]);
    let page = Document::of(&folder.read("p.html"));
    let maps = page.header["maps"].as_array().expect("a list");
    let peak = |map: &Value| map["peak"].as_u64().expect("a number");
    assert_eq!(
        maps.iter().map(peak).collect::<Vec<_>>(),
        [939_392, 869_760]
    );
    assert_eq!(maps[0]["strategy"], "XLA");
    // Offsets that are no plan are not drawn.
    let overlapping = UNET.replace("offset=524288", "offset=524160");
    assert_ne!(overlapping, UNET);
    folder.write("bad.txt", overlapping);
    let text = folder.done(&["plan", "bad.txt", "--html", "q.html"]).stdout;
    assert!(text.contains("no plan of these lifetimes"), "{text}");
    let page = Document::of(&folder.read("q.html"));
    assert_eq!(page.header["maps"].as_array().expect("a list").len(), 1);
}

#[test]
fn each_of_the_two_files_alone_is_refused_and_says_how_to_give_both() {
    let (assignment, ranges) = UNET.split_once("HloLiveRange").expect("both");
    let ranges = format!("HloLiveRange{ranges}");
    let folder = Folder::with("a.txt", assignment);
    folder.write("b.txt", &ranges);
    let how = "cat M-buffer-assignment.txt M-live-range.txt | orionrt plan -";
    folder
        .run(&["plan", "a.txt"])
        .failed(1, &["a.txt", "no live ranges", how]);
    folder
        .run(&["plan", "b.txt"])
        .failed(1, &["b.txt", "live ranges alone", how]);
    // In either order, and on standard input.
    folder.write("c.txt", ranges + "\n" + assignment);
    let answer = folder.done(&["plan", "c.txt", "--json"]).json();
    assert_eq!(answer["xla"], planned(UNET).0["xla"]);
    let mut command = folder.command(&["plan", "-", "--json"]);
    let file = std::fs::File::open(folder.path("c.txt")).expect("the file");
    assert!(
        command
            .stdin(file)
            .output()
            .expect("it runs")
            .status
            .success()
    );
    let run = folder.run(&["plan", "c.txt", "--order", "memory"]);
    run.failed(2, &["--order memory", "a buffer assignment of XLA"]);
}

/// A memory space assignment in the form that XLA writes, made up: the first two take turns.
const ALTERNATE: &str = "\
buffer_id,buffer_name,alt_mem_benefit,size,definition_time,use_times,use_names,is_scoped
1,\"fusion{}\",0.5,4096,0,\"3\",\"add, operand 0\",0
buffer_id,size,offset,start_time,end_time
1,4096,0,0,3
2,4096,8192,4,6
-3,1024,4096,2,5
";

#[test]
fn a_memory_space_assignment_is_planned_beside_xlas_own_places() {
    let folder = Folder::with("a.csv", ALTERNATE);
    let run = folder.done(&["plan", "a.csv", "--html", "p.html", "--json"]);
    let answer = run.json();
    let facts = json!({
        "allocations": 3,
        "within": 0,
        "bytes": 12288,
        "alignment": 4096,
        "is_valid": true,
    });
    assert_eq!(answer["xla_alternate_memory"], facts);
    assert_eq!(
        (&answer["alignment"], &answer["peak"]),
        (&4096.into(), &5120.into())
    );
    let page = Document::of(&folder.read("p.html"));
    let maps = page.header["maps"].as_array().expect("a list");
    let shown = maps
        .iter()
        .map(|map| (map["title"].as_str().unwrap(), &map["peak"]));
    let expected = [
        ("as XLA has it", &json!(12288)),
        ("as planned", &json!(5120)),
    ];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    let names = page.strings(&maps[0]["tensors"]["name"]);
    assert_eq!(names, ["fusion{}", "buffer 2", "scoped allocation 3"]);
    let text = folder.done(&["plan", "a.csv"]).stdout;
    for line in [
        "fast memory up to 12.0 KiB (12,288 bytes), planned 5.00 KiB (5,120 bytes)",
        "3 allocations, of which 0 within others; offsets are multiples of 4,096",
    ] {
        assert!(text.contains(line), "'{line}' in {text}");
    }
    let args = ["plan", "a.csv", "--alignment", "512", "--json"];
    assert_eq!(folder.done(&args).json()["alignment"], 512);
    folder
        .run(&["plan", "a.csv", "--device", "0"])
        .failed(2, &["--device 0 is for memory snapshots"]);
}
