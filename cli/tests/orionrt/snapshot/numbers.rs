//! What is read from a snapshot equals what the allocator did.

use super::{
    allocator::{Behaviour, Device, Expected, snapshot},
    value::Style,
};
use crate::run::Folder;

/// Plans a snapshot in a file, quickly, and returns the answer in JSON and the rows of the plan.
pub fn planned(folder: &Folder, file: &str, more: &[&str]) -> (serde_json::Value, Vec<Row>) {
    let quick = ["--strategy", "greedy-size", "--nodes", "1"];
    let args = ["plan", file, "--json", "--output", "plan.csv"];
    let answer = folder.done(&[&args[..], &quick, more].concat()).json();
    let plan = folder.read("plan.csv");
    (answer, plan.lines().skip(1).map(Row::of).collect())
}

/// A row of a plan.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    pub name: String,
    pub steps: (i64, i64),
    pub size: u64,
    pub offset: u64,
}

impl Row {
    fn of(line: &str) -> Self {
        // No name of the allocator has a comma.
        let fields: Vec<&str> = line.split(',').collect();
        let number = |index: usize| fields[index].parse().expect(line);
        Self {
            name: fields[0].into(),
            steps: (number(1), number(2)),
            size: number(3) as u64,
            offset: fields[fields.len() - 1].parse().expect(line),
        }
    }
}

/// What the answer and the rows say.
fn read(answer: &serde_json::Value, rows: &[Row]) -> Expected {
    let facts = &answer["snapshot"];
    let number = |name: &str| facts[name].as_u64().expect(name);
    let refused = facts["out_of_memory"].as_array().unwrap().iter();
    let refused = refused.map(|one| {
        let number = |name: &str| one[name].as_u64().expect(name);
        let bytes = ["requested", "device_free", "reserved", "live"].map(number);
        let [requested, free, reserved, live] = bytes;
        (number("step") as i64, requested, free, reserved, live)
    });
    let mut sorted: Vec<_> = rows
        .iter()
        .map(|r| (r.steps.0, r.steps.1, r.size))
        .collect();
    sorted.sort_unstable();
    let line = |row: &Row| {
        let rest = row.name.strip_prefix("model.py:")?;
        let (line, number) = rest.split_once(" forward #").expect(&row.name);
        assert!(number.parse::<u64>().expect(&row.name) > 0);
        line.parse().ok()
    };
    let mut lines: Vec<u64> = rows.iter().filter_map(line).collect();
    lines.sort_unstable();
    Expected {
        rows: sorted,
        lines,
        reserved: number("reserved"),
        reserved_peak: number("reserved_peak"),
        live_peak: number("live_peak"),
        alive_before: number("alive_before") as usize,
        alive_after: number("alive_after") as usize,
        refused: refused.collect(),
    }
}

fn behaviour(seed: u64) -> Behaviour {
    Behaviour {
        seed,
        events: 200,
        // Of two of three snapshots the beginning is lost.
        kept: [usize::MAX, 120, 30][seed as usize % 3],
        expandable: seed % 2 == 1,
        refuses: seed % 4 > 1,
    }
}

#[test]
fn the_blocks_and_bytes_of_a_snapshot_are_those_of_the_allocator() {
    let folder = Folder::new();
    for seed in 0..12 {
        let device = Device::run(0, behaviour(seed));
        let expected = device.expected();
        let value = snapshot(&[device]);
        folder.write("torch.pickle", value.pickle(Style::Torch));
        folder.write("python.pickle", value.pickle(Style::Python));
        folder.write("snapshot.json", value.json().to_string());
        for file in ["torch.pickle", "python.pickle", "snapshot.json"] {
            let (answer, rows) = planned(&folder, file, &[]);
            assert_eq!(read(&answer, &rows), expected, "{file}, seed {seed}");
        }
    }
}

#[test]
fn blocks_have_different_names_and_the_offsets_of_pytorchs_alignment() {
    let folder = Folder::new();
    let device = Device::run(0, behaviour(0));
    folder.write("a.pickle", snapshot(&[device]).pickle(Style::Torch));
    let (answer, rows) = planned(&folder, "a.pickle", &[]);
    let mut names: Vec<&str> = rows.iter().map(|row| &*row.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), rows.len());
    assert!(names.iter().any(|name| name.starts_with("0x7f")));
    assert_eq!(answer["alignment"], 512);
    assert!(rows.iter().all(|row| row.offset % 512 == 0));
    let (answer, _) = planned(&folder, "a.pickle", &["--alignment", "1"]);
    assert_eq!(answer["alignment"], 1);
    assert_eq!(answer["lower_bound"], answer["snapshot"]["live_peak"]);
}

#[test]
fn each_device_is_planned_by_itself_and_by_default_the_one_with_the_most_bytes_alive() {
    let folder = Folder::new();
    let devices: Vec<_> = [(0, 40), (1, 200), (3, 100)].into_iter().collect();
    let run = |&(number, events): &(u64, usize)| {
        let events = Behaviour {
            events,
            ..behaviour(number)
        };
        Device::run(number, events)
    };
    let expected: Vec<Expected> = devices.iter().map(|d| run(d).expected()).collect();
    // Device 2 has done nothing.
    let idle = Behaviour {
        events: 0,
        ..behaviour(2)
    };
    let all = [
        run(&devices[0]),
        run(&devices[1]),
        Device::run(2, idle),
        run(&devices[2]),
    ];
    folder.write("all.pickle", snapshot(&all).pickle(Style::Torch));
    for ((number, _), expected) in devices.iter().zip(&expected) {
        let device = ["--device", &number.to_string()];
        let (answer, rows) = planned(&folder, "all.pickle", &device);
        assert_eq!(&read(&answer, &rows), expected, "device {number}");
        assert_eq!(answer["snapshot"]["device"], *number);
        assert_eq!(answer["snapshot"]["devices"], serde_json::json!([0, 1, 3]));
    }
    let (answer, _) = planned(&folder, "all.pickle", &[]);
    let largest = (0..3)
        .max_by_key(|&index| expected[index].live_peak)
        .unwrap();
    assert_eq!(answer["snapshot"]["device"], devices[largest].0);
}

#[test]
fn a_list_of_segments_alone_is_what_is_alive_at_once() {
    let folder = Folder::new();
    let device = Device::run(0, behaviour(4));
    let expected = device.expected();
    let json = snapshot(&[device]).json();
    folder.write("segments.json", json["segments"].to_string());
    let (answer, rows) = planned(&folder, "segments.json", &[]);
    assert_eq!(rows.len(), expected.alive_after);
    assert!(rows.iter().all(|row| row.steps == (0, 1)), "{rows:?}");
    assert_eq!(answer["snapshot"]["reserved_peak"], expected.reserved);
    assert_eq!(answer["snapshot"]["events"], 0);
}
