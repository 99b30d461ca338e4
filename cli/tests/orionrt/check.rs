//! `orionrt check`: valid plans, and plans that have been tampered with.

use crate::run::{Folder, fields};

const PLAN: &str =
    "id,lower,upper,size,alignment,offset\na,0,2,1024,64,0\nb,1,3,2048,64,1024\nc,2,4,1024,64,0\n";

fn json_plan() -> String {
    let folder = Folder::with("in.csv", PLAN);
    folder.done(&["plan", "in.csv", "--output", "plan.json"]);
    folder.read("plan.json")
}

#[test]
fn a_valid_plan_is_ok() {
    let folder = Folder::with("plan.csv", PLAN);
    let report = folder.done(&["check", "plan.csv"]).stdout;
    for part in [
        "plan.csv: ok\n",
        "lower bound   3.00 KiB (3,072 bytes)",
        "peak          3.00 KiB (3,072 bytes)",
    ] {
        assert!(report.contains(part), "'{part}' in: {report}");
    }
    let json = folder.done(&["check", "plan.csv", "--json"]).json();
    let expected = [
        "alignment",
        "buffers",
        "load",
        "lower_bound",
        "not_verified",
        "ok",
        "optimal",
        "peak",
        "ratio",
        "strategy",
        "total_bytes",
        "verified",
    ];
    assert_eq!(fields(&json), expected);
    assert_eq!(
        (&json["ok"], &json["peak"], &json["alignment"]),
        (&true.into(), &3072.into(), &64.into())
    );
    folder.write("plan.json", json_plan());
    let json = folder.done(&["check", "plan.json", "--json"]).json();
    assert_eq!(
        (&json["strategy"], &json["buffers"]),
        (&"auto".into(), &3.into())
    );
}

#[test]
fn a_tampered_csv_plan_is_refused_and_its_line_named() {
    let cases: [(&str, &str, &[&str]); 8] = [
        (
            "2048,64,1024",
            "2048,64,960",
            &["line 3", "'a' and 'b'", "960..1024", "steps 1..2"],
        ),
        (
            "c,2,4,1024,64,0",
            "c,2,4,1024,64,2048",
            &["line 4", "'b' and 'c'"],
        ),
        ("a,0,2,", "a,0,3,", &["line 4", "'a' and 'c'"]),
        (
            "2048,64,1024",
            "2048,64,1032",
            &["line 3", "1032", "multiple of its alignment 64"],
        ),
        ("64,0\nb", "64,-64\nb", &["line 2", "offset is '-64'"]),
        ("64,1024", "64,9223372036854775744", &["line 3", "2^63"]),
        (
            "alignment,offset",
            "alignment,place",
            &["line 1", "no column 'offset'"],
        ),
        ("64,0\nb", "64\nb", &["line 2", "5 fields, expected 6"]),
    ];
    for (from, to, messages) in cases {
        let tampered = PLAN.replacen(from, to, 1);
        assert_ne!(tampered, PLAN, "{from}");
        let folder = Folder::with("plan.csv", tampered);
        let run = folder.run(&["check", "plan.csv"]);
        assert!(
            run.stderr.starts_with("error: plan.csv: "),
            "{}",
            run.stderr
        );
        run.failed(1, messages);
    }
}

#[test]
fn a_tampered_json_plan_is_refused_and_its_tensor_named() {
    let plan = json_plan();
    let cases: [(&str, &str, &[&str]); 7] = [
        (
            "\"peak\": 3072",
            "\"peak\": 3071",
            &["peak", "3071", "3072"],
        ),
        (
            "\"lower_bound\": 3072",
            "\"lower_bound\": 1",
            &["lower_bound", "1", "3072"],
        ),
        (
            "\"upper\": 2",
            "\"upper\": 3",
            &["tensors[2]", "'a' and 'c'"],
        ),
        (
            "\"alignment\": 64",
            "\"alignment\": 65",
            &["tensors[0]", "'a'", "not a power of two"],
        ),
        (
            "\"version\": 1",
            "\"version\": 2",
            &["version 2", "expected 'orionrt-plan' version 1"],
        ),
        (
            "\"size\": 2048",
            "\"size\": \"2048\"",
            &["line ", "column "],
        ),
        ("\"id\": \"b\"", "\"id\": \"a\"", &["tensors[1]", "unique"]),
    ];
    for (from, to, messages) in cases {
        let tampered = plan.replacen(from, to, 1);
        assert_ne!(tampered, plan, "{from}");
        let run = Folder::with("plan.json", tampered).run(&["check", "plan.json", "--json"]);
        assert!(
            run.stderr.starts_with("error: plan.json: "),
            "{}",
            run.stderr
        );
        run.failed(1, messages);
    }
    let cut = &plan[..plan.len() / 2];
    Folder::with("plan.json", cut)
        .run(&["check", "plan.json"])
        .failed(1, &["plan.json: line ", "column "]);
}

#[test]
fn a_peak_above_the_capacity_is_status_3() {
    let folder = Folder::with("plan.csv", PLAN);
    folder.done(&["check", "plan.csv", "--capacity", "3072"]);
    let run = folder.run(&["check", "plan.csv", "--capacity", "3071", "--json"]);
    assert_eq!((run.status, &run.json()["ok"]), (3, &false.into()));
    run.said(&["plan.csv", "3,072", "3,071"]);
}
