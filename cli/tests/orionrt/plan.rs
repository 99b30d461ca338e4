//! `orionrt plan` of CSV files.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::run::{Folder, THREE, endless, fields, hard};

#[test]
fn json_is_one_object_with_all_numbers() {
    let folder = Folder::with("in.csv", THREE);
    let json = folder.done(&["plan", "in.csv", "--json"]).json();
    let expected = [
        "alignment",
        "buffers",
        "elapsed_ms",
        "load",
        "load_ms",
        "load_peak_rss_bytes",
        "lower_bound",
        "optimal",
        "peak",
        "ratio",
        "strategy",
        "total_bytes",
    ];
    assert_eq!(fields(&json), expected);
    let number = |name: &str| json[name].as_u64();
    for (name, value) in [
        ("buffers", 3),
        ("total_bytes", 4096),
        ("lower_bound", 3072),
        ("load", 3072),
        ("peak", 3072),
        ("alignment", 1),
    ] {
        assert_eq!(number(name), Some(value), "{name}");
    }
    assert_eq!(
        (json["ratio"].as_f64(), json["optimal"].as_bool()),
        (Some(1.0), Some(true))
    );
    assert_eq!(json["strategy"], "auto");
    assert!(json["elapsed_ms"].as_f64() >= Some(0.0) && json["load_ms"].as_f64() > Some(0.0));
}

#[test]
fn a_plan_above_the_lower_bound_is_not_called_optimal() {
    let folder = Folder::with("in.csv", hard());
    let args = ["plan", "in.csv", "--json", "--strategy", "linear-scan"];
    let json = folder.done(&args).json();
    assert!(json["peak"].as_u64() > json["lower_bound"].as_u64());
    assert_eq!(json["optimal"], false);
    let ratio = json["peak"].as_f64().unwrap() / json["lower_bound"].as_f64().unwrap();
    assert!((json["ratio"].as_f64().unwrap() - ratio).abs() < 1e-12);
    assert!(folder.done(&args[..2]).stdout.contains("seed 0"));
}

#[test]
fn the_text_tells_planning_from_loading() {
    let folder = Folder::with("in.csv", THREE);
    let report = folder.done(&["plan", "in.csv"]).stdout;
    for part in [
        "in.csv\n",
        "peak          3.00 KiB (3,072 bytes)",
        "optimal",
        "planned in",
        "loaded in",
        "resident",
    ] {
        assert!(report.contains(part), "'{part}' in: {report}");
    }
}

#[test]
fn a_csv_plan_keeps_the_columns_of_its_input_and_their_order() {
    let input = "size,note,upper,id,alignment,lower\n\
                 10,\"first, b\",2,b,8,0\n20,,2,a,1,0\n0,z,0,empty,1,0\n";
    let folder = Folder::with("in.csv", input);
    let run = folder.run(&["plan", "in.csv", "--output", "out.csv"]);
    assert_eq!(run.status, 0);
    run.said(&["warning: in.csv: column 'note'"]);
    let output = folder.read("out.csv");
    let lines: Vec<_> = input.lines().zip(output.lines()).collect();
    assert_eq!((lines.len(), output.lines().count()), (4, 4));
    assert_eq!(lines[0].1, "size,note,upper,id,alignment,lower,offset");
    for (line, written) in &lines[1..] {
        let (kept, offset) = written.rsplit_once(',').unwrap();
        assert_eq!(kept, *line);
        offset.parse::<u64>().unwrap();
    }
    assert!(
        lines[1].1.ends_with(",24") || lines[1].1.ends_with(",0"),
        "{output}"
    );
    assert_eq!(folder.run(&["check", "out.csv"]).status, 0);
    assert_eq!(folder.names(), ["in.csv", "out.csv"]);
}

#[test]
fn the_columns_of_other_tools_are_read_and_gaps_are_planned() {
    // a needs no bytes in step 2: b lies there. `end` is inclusive.
    let input = "buffer_id,start,end,size,gaps\na,0,3,100,2-3\nb,2,2,100,\n";
    let folder = Folder::with("in.csv", input);
    let args = ["plan", "in.csv", "--output", "out.csv", "--json"];
    let json = folder.done(&args).json();
    assert_eq!(
        (&json["peak"], &json["optimal"]),
        (&100.into(), &true.into())
    );
    folder.done(&["check", "out.csv"]);
    folder.write(
        "in.csv",
        "id,lower,upper,size,gaps\na,0,4,100,2-3@0:50\nb,2,3,100,\n",
    );
    let run = folder.run(&["plan", "in.csv", "--json", "--output", "out.csv"]);
    assert_eq!(run.json()["peak"], 150);
    folder.done(&["check", "out.csv"]);
}

#[test]
fn planning_a_csv_plan_again_adds_no_second_offset_column() {
    let folder = Folder::with("in.csv", THREE);
    folder.done(&["plan", "in.csv", "--output", "one.csv"]);
    folder.done(&["plan", "one.csv", "--output", "two.csv"]);
    assert_eq!(folder.read("one.csv"), folder.read("two.csv"));
}

#[test]
fn a_json_plan_has_the_alignments_and_the_peak() {
    let folder = Folder::with("in.csv", THREE);
    folder.done(&[
        "plan",
        "in.csv",
        "--output",
        "out.json",
        "--alignment",
        "512",
    ]);
    let plan: serde_json::Value = serde_json::from_str(&folder.read("out.json")).unwrap();
    assert_eq!(
        (&plan["format"], &plan["peak"]),
        (&"orionrt-plan".into(), &3072.into())
    );
    assert_eq!(plan["tensors"][2]["id"], "c");
    assert_eq!(plan["tensors"][2]["alignment"], 512);
    assert!(
        folder
            .done(&["check", "out.json"])
            .stdout
            .starts_with("out.json: ok\n")
    );
}

#[test]
fn the_alignment_of_a_buffer_is_at_least_that_of_the_option() {
    let input = "id,lower,upper,size,alignment\na,0,1,3,1\nb,0,1,3,256\nc,0,1,3,2\n";
    let folder = Folder::with("in.csv", input);
    folder.done(&["plan", "in.csv", "--alignment", "16", "--output", "out.csv"]);
    for (line, alignment) in folder.read("out.csv").lines().skip(1).zip([16, 256, 16]) {
        let offset: u64 = line.rsplit_once(',').unwrap().1.parse().unwrap();
        assert_eq!(offset % alignment, 0, "{line}");
    }
    let json = folder
        .done(&["plan", "in.csv", "--alignment", "16", "--json"])
        .json();
    assert_eq!(json["alignment"], 16);
    // The topmost tensor takes its 3 bytes, the others 16.
    assert_eq!(json["lower_bound"], 35);
}

#[test]
fn a_capacity_that_is_reached_is_status_0() {
    let folder = Folder::with("in.csv", THREE);
    let run = folder.done(&[
        "plan",
        "in.csv",
        "--capacity",
        "3072",
        "--json",
        "--output",
        "out.csv",
    ]);
    assert_eq!(
        (&run.json()["peak"], &run.json()["capacity"]),
        (&3072.into(), &3072.into())
    );
    folder.done(&["check", "out.csv", "--capacity", "3072"]);
    // In the units that other sizes have, too.
    for verb in [["plan", "in.csv"], ["check", "out.csv"]] {
        let run = folder.done(&[&verb[..], &["--capacity", "3K", "--json"]].concat());
        assert_eq!(run.json()["capacity"], 3072);
        let run = folder.run(&[&verb[..], &["--capacity", "2K"]].concat());
        assert_eq!(run.status, 3, "{}", run.stderr);
    }
}

#[test]
fn a_capacity_that_is_not_reached_is_status_3_and_writes_nothing() {
    let folder = Folder::with("in.csv", THREE);
    folder.write("old.csv", "old");
    let args = [
        "plan",
        "in.csv",
        "--capacity",
        "3071",
        "--output",
        "old.csv",
        "--svg",
        "new.svg",
        "--json",
    ];
    let run = folder.run(&args);
    assert_eq!(run.status, 3);
    run.said(&[
        "in.csv",
        "3,071",
        "3,072",
        "'old.csv' was not written",
        "'new.svg' was not written",
    ]);
    let json = run.json();
    assert_eq!((&json["peak"], &json["buffers"]), (&3072.into(), &3.into()));
    assert_eq!((&*folder.read("old.csv"), folder.names().len()), ("old", 2));
    let run = folder.run(&args[..8]);
    assert_eq!(run.status, 3);
    assert!(run.stdout.contains("3,072 bytes") && !run.stdout.contains("written"));
}

#[test]
fn a_capacity_that_is_not_reached_is_explained() {
    let folder = Folder::with("in.csv", THREE);
    let args = ["plan", "in.csv", "--capacity", "3000"];
    let run = folder.run(&args);
    for part in [
        "capacity      2.93 KiB (3,000 bytes); no plan fits: proven",
        "works         3.00 KiB (3,072 bytes), the smallest capacity known to work",
        "why           2 tensors of 3.00 KiB (3,072 bytes) together are alive in steps 1..2",
        "without any one of them the others fit:",
        "  b: 2.00 KiB (2,048 bytes), steps 1..3",
        "  a: 1.00 KiB (1,024 bytes), steps 0..2",
    ] {
        assert!(run.stdout.contains(part), "'{part}' in: {}", run.stdout);
    }
    let why = &folder.run(&[&args[..], &["--json"]].concat()).json()["why_not"];
    assert_eq!(
        (&why["proven"], &why["smallest_known"]),
        (&true.into(), &3072.into())
    );
    let set = &why["set"];
    assert_eq!(
        (&set["reason"], &set["irreducible"]),
        (&"load".into(), &true.into())
    );
    assert_eq!(set["steps"], serde_json::json!([1, 2]));
    let expected = serde_json::json!([
        {"id": "b", "size": 2048, "lower": 1, "upper": 3},
        {"id": "a", "size": 1024, "lower": 0, "upper": 2},
    ]);
    assert_eq!(set["tensors"], expected);
}

#[test]
fn a_capacity_may_be_missed_without_a_proof() {
    let folder = Folder::with("in.csv", endless());
    let args = ["plan", "in.csv", "--nodes", "1000", "--json"];
    let planned = folder.done(&args).json();
    let bound = planned["lower_bound"].to_string();
    let run = folder.run(&[&args[..], &["--capacity", &bound]].concat());
    assert_eq!(run.status, 3);
    let why = &run.json()["why_not"];
    assert_eq!(
        (&why["proven"], &why["set"]),
        (&false.into(), &serde_json::Value::Null)
    );
    assert_eq!(why["smallest_known"], run.json()["peak"]);
}

#[test]
fn every_strategy_plans_under_its_name() {
    let folder = Folder::with("in.csv", hard());
    let run = folder.run(&["plan", "in.csv", "--strategy", "no-such"]);
    run.failed(2, &["no-such", "auto", "greedy-size", "best-fit"]);
    let names = run.stderr.split_once("one of ").unwrap().1;
    let names = names.lines().next().unwrap();
    for name in names.split(", ") {
        let args = [
            "plan",
            "in.csv",
            "--strategy",
            name,
            "--time-limit",
            "0.1",
            "--output",
            "out.csv",
            "--json",
        ];
        assert_eq!(folder.done(&args).json()["strategy"], name);
        folder.done(&["check", "out.csv"]);
    }
}

#[test]
fn one_seed_gives_one_plan_byte_for_byte() {
    let folder = Folder::with("in.csv", hard());
    let best = folder
        .done(&["plan", "in.csv", "--json", "--time-limit", "2"])
        .json()["peak"]
        .to_string();
    // With this capacity the search ends by itself.
    for (seed, name) in [("5", "one.json"), ("5", "two.json")] {
        let args = [
            "--seed",
            seed,
            "--capacity",
            &best,
            "--output",
            name,
            "--time-limit",
            "60",
        ];
        folder.done(&[&["plan", "in.csv"][..], &args].concat());
    }
    assert_eq!(folder.read("one.json"), folder.read("two.json"));
}

#[test]
fn equal_nodes_give_one_plan_byte_for_byte() {
    let folder = Folder::with("in.csv", endless());
    for name in ["one.json", "two.json"] {
        folder.done(&["plan", "in.csv", "--nodes", "5000", "--output", name]);
    }
    assert_eq!(folder.read("one.json"), folder.read("two.json"));
    folder.done(&["check", "one.json"]);
    folder.done(&["plan", "in.csv", "--nodes", "0", "--output", "none.csv"]);
    folder.done(&["check", "none.csv"]);
}

#[test]
fn threads_and_a_time_limit_of_zero_still_give_a_plan() {
    let folder = Folder::with("in.csv", hard());
    folder.done(&[
        "plan",
        "in.csv",
        "--threads",
        "3",
        "--time-limit",
        "0",
        "--output",
        "out.json",
    ]);
    folder.done(&["check", "out.json"]);
}

#[test]
fn no_buffers_have_a_plan_with_a_peak_of_zero() {
    let folder = Folder::with("in.csv", "id,lower,upper,size\n");
    let args = [
        "plan", "in.csv", "--json", "--output", "out.csv", "--svg", "out.svg",
    ];
    let json = folder.done(&args).json();
    assert_eq!(
        (&json["peak"], &json["ratio"], &json["optimal"]),
        (&0.into(), &1.0.into(), &true.into())
    );
    assert_eq!(folder.read("out.csv"), "id,lower,upper,size,offset\n");
}

#[test]
fn the_picture_has_a_named_rectangle_for_each_tensor() {
    let folder = Folder::with(
        "in.csv",
        THREE.to_string() + "never,3,3,8\nempty,0,4,0\n<&>,0,4,8\n",
    );
    let report = folder.done(&["plan", "in.csv", "--svg", "plan.svg"]).stdout;
    assert!(report.contains("plan.svg"), "{report}");
    let svg = folder.read("plan.svg");
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    assert_eq!(
        (svg.matches("<rect").count(), svg.matches("<title>").count()),
        (4, 4)
    );
    assert!(svg.contains("&lt;&amp;&gt;"));
}

#[test]
fn an_output_that_cannot_be_written_leaves_nothing_behind() {
    let folder = Folder::with("in.csv", THREE);
    fs::create_dir(folder.path("folder.csv")).unwrap();
    for (output, svg, culprit) in [
        ("missing/out.csv", "out.svg", "missing/out.csv"),
        ("folder.csv", "out.svg", "folder.csv"),
        ("out.json", "missing/out.svg", "missing/out.svg"),
        ("in.csv/out.json", "out.svg", "in.csv/out.json"),
        ("out.csv", "folder.csv", "folder.csv"),
        // A folder that exists but takes no files: noticed when the plan already has a temporary
        // file.
        #[cfg(target_os = "linux")]
        ("out.csv", "/proc/plan.svg", "/proc/plan.svg"),
    ] {
        let run = folder.run(&["plan", "in.csv", "--output", output, "--svg", svg]);
        run.failed(1, &["cannot write", culprit]);
        assert_eq!(folder.names(), ["folder.csv", "in.csv"], "{output} {svg}");
    }
    assert_eq!(folder.read("in.csv"), THREE);
}

#[test]
fn no_search_is_begun_for_an_output_that_cannot_be_written() {
    let folder = Folder::with("in.csv", endless());
    // If a search began, the test would wait for it far longer than for anything else.
    let (limit, start) = (Duration::from_secs(600), Instant::now());
    let seconds = limit.as_secs().to_string();
    let args = ["plan", "in.csv", "--time-limit", &seconds];
    let run = folder.run(&[&args[..], &["--output", "missing/out.csv"]].concat());
    run.failed(1, &["missing"]);
    assert!(start.elapsed() < limit);
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_on_a_full_device_is_refused_before_it_is_touched() {
    let folder = Folder::with("in.csv", THREE);
    std::os::unix::fs::symlink("/dev/full", folder.path("out.csv")).unwrap();
    folder
        .run(&["plan", "in.csv", "--output", "out.csv"])
        .failed(1, &["cannot write 'out.csv'", "regular file"]);
    assert_eq!(folder.names(), ["in.csv", "out.csv"]);
}

#[test]
fn one_file_for_both_outputs_is_wrong_usage() {
    let folder = Folder::with("in.csv", THREE);
    folder
        .run(&["plan", "in.csv", "--output", "x.csv", "--svg", "x.csv"])
        .failed(2, &["x.csv"]);
}

#[test]
fn of_many_columns_that_are_not_known_the_first_are_named() {
    let header = "id,lower,upper,size,gaps".to_string() + &",hint".repeat(3_020);
    let row = "a,0,9,8,3-5".to_string() + &",1".repeat(3_020);
    let folder = Folder::with("in.csv", format!("{header}\n{row}\n"));
    let stderr = folder.run(&["plan", "in.csv"]).stderr;
    let named = stderr.matches("column 'hint' is not known").count();
    assert_eq!((named, stderr.lines().count()), (20, 21), "{stderr}");
    let part = "so it is with 3,000 other columns";
    assert!(stderr.contains(part), "'{part}' in: {stderr}");
}
