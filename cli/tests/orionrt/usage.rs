//! `orionrt plan --report`: memory use over time.

use serde_json::{Value, json};

use crate::{
    onnx::network,
    run::{Folder, THREE, fields},
};

/// All offsets are fixed, so every number below can be checked on paper.
///
/// ```text
/// step     0     1     2     3
/// a       100   100               planned at 300, in a buddy arena at 0
/// b             300   300         planned at 0, in a buddy arena at 512 (a run of 512)
/// c                  1000  1000   planned at 300, in a buddy arena at 1024 (a run of 1024)
/// ```
const FIXED: &str =
    "id,lower,upper,size,fixed_offset\na,0,2,100,300\nb,1,3,300,0\nc,2,4,1000,300\n";

fn report(folder: &Folder, input: &str) -> Value {
    folder.done(&["plan", input, "--report", "--json"]).json()["report"].take()
}

#[test]
fn json_has_every_section_of_the_plan_and_of_a_buddy_arena() {
    let folder = Folder::with("in.csv", FIXED);
    let sections = [
        (0, 100, 400, 1200, 128, 128),
        (1, 400, 400, 900, 448, 832),
        (2, 1300, 1300, 0, 1344, 2048),
        (3, 1000, 1300, 300, 1024, 2048),
    ];
    let sections = sections.map(|(lower, live, reach, idle, granted, buddy_reach)| {
        json!({
            "lower": lower,
            "upper": lower + 1,
            "live_bytes": live,
            "reach": reach,
            "idle_bytes": idle,
            "buddy_granted_bytes": granted,
            "buddy_reach": buddy_reach,
        })
    });
    let mut report = report(&folder, "in.csv");
    let mean_use = report["mean_use"].take().as_f64().unwrap();
    assert!((mean_use - 2800.0 / 5200.0).abs() < 1e-12, "{mean_use}");
    let expected = json!({
        "mean_use": null,
        "fullest": sections[2],
        "at_peak": [
            {"id": "c", "size": 1000, "lower": 2, "upper": 4, "offset": 300},
            {"id": "b", "size": 300, "lower": 1, "upper": 3, "offset": 0},
        ],
        "buddy": {
            "block_bytes": 64,
            "peak": 2048,
            "worst": sections[3],
            "internal_bytes_at_worst": 24,
            "external_bytes_at_worst": 1024,
        },
        "sections": sections,
    });
    assert_eq!(report, expected);
}

#[test]
fn without_the_option_there_is_no_report() {
    let folder = Folder::with("in.csv", THREE);
    let json = folder.done(&["plan", "in.csv", "--json"]).json();
    assert!(!fields(&json).contains(&"report"));
    let text = folder.done(&["plan", "in.csv"]).stdout;
    assert!(!text.contains("use over time"), "{text}");
}

/// The cells of the row that starts with `first`.
fn row<'t>(text: &'t str, first: &str) -> Vec<&'t str> {
    let cells = |line: &'t str| -> Vec<_> {
        let cells = line.split(['│', '┆']).map(str::trim);
        cells.filter(|cell| !cell.is_empty()).collect()
    };
    let mut rows = text.lines().map(cells);
    let row = rows.find(|cells| cells.first() == Some(&first));
    row.unwrap_or_else(|| panic!("no row '{first}' in: {text}"))
}

#[test]
fn the_text_has_a_timeline_and_the_tensors_of_the_peak() {
    let folder = Folder::with("in.csv", FIXED);
    let text = folder.done(&["plan", "in.csv", "--report"]).stdout;
    for part in [
        "  peak          1.27 KiB (1,300 bytes)",
        "mean use      53.8 % of the region",
        "fullest       1.27 KiB (1,300 bytes) alive in steps 2..3",
        "buddy arena   2.00 KiB (2,048 bytes) without a plan, in blocks of 64 bytes",
        "most fragmented in steps 3..4:",
        "24 bytes internal, 1.00 KiB (1,024 bytes) external",
    ] {
        assert!(text.contains(part), "'{part}' in: {text}");
    }
    let full = "█".repeat(24);
    let rows: [(&str, &[&str]); 6] = [
        (
            "0..1",
            &["██░░░░░", "100 B", "400 B", "1.17 KiB", "128 B", "28 B"],
        ),
        (
            "1..2",
            &["███████", "400 B", "400 B", "900 B", "832 B", "432 B"],
        ),
        (
            "2..3",
            &[&full, "1.27 KiB", "1.27 KiB", "0 B", "2.00 KiB", "748 B"],
        ),
        (
            "3..4",
            &[
                "██████████████████░░░░░░",
                "1000 B",
                "1.27 KiB",
                "300 B",
                "2.00 KiB",
                "1.02 KiB",
            ],
        ),
        ("c", &["1000 B", "76.9 %", "2..4", "300"]),
        ("b", &["300 B", "23.1 %", "1..3", "0"]),
    ];
    for (first, cells) in rows {
        assert_eq!(row(&text, first)[1..], *cells, "{text}");
    }
    assert!(
        !text.contains("more\n") && !text.contains("each row"),
        "{text}"
    );
}

#[test]
fn a_long_timeline_shows_the_fullest_of_each_row_and_a_long_list_the_largest() {
    let mut input = "id,lower,upper,size\n".to_string();
    for step in 0..40 {
        input += &format!("t{step},{step},{},{}\n", step + 1, 10 * (step + 1));
    }
    for always in 0..14 {
        input += &format!("all{always},0,40,1\n");
    }
    let folder = Folder::with("in.csv", input);
    let text = folder.done(&["plan", "in.csv", "--report"]).stdout;
    assert!(text.contains("each row at its fullest moment"), "{text}");
    let timeline = text
        .lines()
        .filter(|line| line.starts_with('│') && line.contains(".."));
    // 40 sections in threes, and 12 tensors.
    assert_eq!(timeline.count(), 14 + 12);
    assert_eq!(row(&text, "0..3")[2], "44 B");
    assert_eq!(row(&text, "39..40")[2], "414 B");
    assert_eq!(row(&text, "t39")[1..4], ["400 B", "96.6 %", "39..40"]);
    assert!(text.ends_with("\nand 3 more\n"), "{text}");
    let report = report(&folder, "in.csv");
    let count = |name: &str| report[name].as_array().unwrap().len();
    assert_eq!((count("sections"), count("at_peak")), (40, 15));
}

#[test]
fn a_row_shows_the_first_of_equal_sections() {
    let mut input = "id,lower,upper,size,fixed_offset\n".to_string();
    for step in 0..32 {
        input += &format!("t{step},{step},{},64,{}\n", step + 1, step % 2 * 64);
    }
    let folder = Folder::with("in.csv", input);
    let text = folder.done(&["plan", "in.csv", "--report"]).stdout;
    assert_eq!(row(&text, "0..2")[2..5], ["64 B", "64 B", "64 B"], "{text}");
}

#[test]
fn without_live_tensors_there_is_no_timeline() {
    let folder = Folder::with("in.csv", "id,lower,upper,size\nnever,3,3,8\n");
    let text = folder.done(&["plan", "in.csv", "--report"]).stdout;
    assert!(
        text.contains("mean use") && !text.contains("fullest"),
        "{text}"
    );
    let report = report(&folder, "in.csv");
    assert_eq!(
        (&report["fullest"], &report["sections"]),
        (&Value::Null, &json!([]))
    );
    assert_eq!(
        (&report["buddy"]["worst"], &report["buddy"]["peak"]),
        (&Value::Null, &json!(0))
    );
}

#[test]
fn the_buddy_arena_has_larger_blocks_for_huge_sizes_and_is_left_out_beyond_those() {
    let folder = Folder::with("in.csv", "id,lower,upper,size\nlarge,0,1,1099511627776\n");
    let buddy = report(&folder, "in.csv")["buddy"].take();
    assert_eq!(
        (&buddy["block_bytes"], &buddy["peak"]),
        (&json!(1024), &json!(1u64 << 40))
    );
    folder.write(
        "in.csv",
        "id,lower,upper,size\nlarge,0,1,4611686018427387905\n",
    );
    let report = report(&folder, "in.csv");
    assert_eq!(report["buddy"], Value::Null);
    assert_eq!(
        fields(&report["sections"][0]),
        ["idle_bytes", "live_bytes", "lower", "reach", "upper"]
    );
    let text = folder.done(&["plan", "in.csv", "--report"]).stdout;
    assert!(
        text.contains("no arena can hold sizes as large as these"),
        "{text}"
    );
    assert_eq!(row(&text, "0..1")[5..], ["-", "-"]);
}

#[test]
fn the_steps_of_a_models_report_are_its_operators() {
    let folder = Folder::with("model.onnx", network("N"));
    let report = report(&folder, "model.onnx");
    // x (768 bytes) and c (1024), then two of 1024 at a time; an arena has c at 1024, above a hole.
    let of = |name: &str| -> Vec<_> {
        let sections = report["sections"].as_array().unwrap().iter();
        sections
            .map(|section| section[name].as_u64().unwrap())
            .collect()
    };
    assert_eq!((of("lower"), of("upper")), (vec![0, 1, 2], vec![1, 2, 3]));
    assert_eq!(of("live_bytes"), [1792, 2048, 2048]);
    assert_eq!(of("idle_bytes"), [256, 0, 0]);
    assert_eq!(of("buddy_granted_bytes"), [1792, 2048, 2048]);
    assert_eq!(of("buddy_reach"), [2048; 3]);
    assert_eq!(report["fullest"]["lower"], 1);
    assert_eq!(report["buddy"]["external_bytes_at_worst"], 256);
    let at_peak = report["at_peak"].as_array().unwrap();
    let lifetimes = at_peak
        .iter()
        .map(|tensor| (&tensor["lower"], &tensor["upper"]));
    assert!(lifetimes.eq([(&json!(0), &json!(2)), (&json!(1), &json!(3))]));
    let text = folder.done(&["plan", "model.onnx", "--report"]).stdout;
    assert!(
        text.contains("mean use      95.8 % of the region"),
        "{text}"
    );
}
