//! Plans from earlier searches: the options `--keep` and `--start-from`.

use crate::run::{Folder, THREE, hard};

/// A plan that wastes bytes, so that the planner would not make it by itself.
const EARLIER: &str = "id,lower,upper,size,offset
a,0,2,1024,512
b,1,3,2048,8192
c,2,4,1024,4096
gone,0,4,64,0
";

fn offsets(plan: &str) -> Vec<u64> {
    let rows = plan.lines().skip(1);
    let last = rows.map(|row| row.rsplit_once(',').unwrap().1.parse());
    last.collect::<Result<_, _>>().unwrap()
}

#[test]
fn kept_tensors_stay_where_they_were_if_they_fit() {
    let folder = Folder::with("earlier.csv", EARLIER);
    folder.write("same.csv", THREE);
    folder.write("grown.csv", THREE.replace("c,2,4,1024", "c,2,4,4097"));
    let plan = |input: &str| {
        let args = ["--keep", "earlier.csv", "--output", "new.csv", "--json"];
        let json = folder.done(&[&["plan", input][..], &args].concat()).json();
        folder.done(&["check", "new.csv"]);
        let kept = [&json["kept"], &json["kept_of"]].map(|n| n.as_u64().unwrap());
        (offsets(&folder.read("new.csv")), kept)
    };
    assert_eq!(plan("same.csv"), (vec![512, 8192, 4096], [3, 4]));
    // The grown tensor no longer fits where it was.
    let (new, kept) = plan("grown.csv");
    assert_eq!((&new[..2], kept), (&[512, 8192][..], [2, 4]));
}

#[test]
fn the_report_says_how_many_were_kept() {
    let folder = Folder::with("earlier.csv", EARLIER);
    folder.write("in.csv", THREE);
    let args = ["plan", "in.csv", "--keep", "earlier.csv"];
    let report = folder.done(&args).stdout;
    assert!(
        report.contains("kept          3 of 4 tensors of earlier.csv\n"),
        "{report}"
    );
    assert!(!folder.done(&args[..2]).stdout.contains("kept"));
}

#[test]
fn after_an_edit_only_edited_tensors_move() {
    let folder = Folder::with("in.csv", hard());
    folder.done(&["plan", "in.csv", "--output", "old.json"]);
    // One tensor is new, one is gone, and one is larger than any gap.
    let edited: String = hard()
        .lines()
        .filter(|line| !line.starts_with("t7,"))
        .map(|line| match line.strip_prefix("t30,") {
            Some(_) => "t30,20,60,50000\n".into(),
            None => format!("{line}\n"),
        })
        .collect();
    folder.write("edited.csv", edited + "new,10,90,17\n");
    let args = ["plan", "edited.csv", "--keep", "old.json", "--json"];
    let args = [&args[..], &["--output", "new.csv", "--nodes", "1000"]].concat();
    let json = folder.done(&args).json();
    assert_eq!((&json["kept"], &json["kept_of"]), (&58.into(), &60.into()));
    folder.done(&["check", "new.csv"]);
}

#[test]
fn a_search_never_ends_above_the_plan_that_it_starts_from() {
    let folder = Folder::with("in.csv", hard());
    let peak = |args: &[&str]| {
        let all = [&["plan", "in.csv", "--json"][..], args].concat();
        folder.done(&all).json()["peak"].as_u64().unwrap()
    };
    let best = peak(&["--output", "best.csv"]);
    let weak = ["--strategy", "linear-scan", "--nodes", "1"];
    assert!(peak(&weak) > best);
    let started = peak(&[&weak[..], &["--start-from", "best.csv"]].concat());
    assert!(started <= best, "{started} {best}");
    let both = ["--start-from", "best.csv", "--keep", "best.csv"];
    assert!(peak(&[&both[..], &["--nodes", "1"]].concat()) <= best);
}

#[test]
fn an_earlier_plan_may_be_replaced() {
    let folder = Folder::with("plan.csv", EARLIER);
    folder.write("in.csv", THREE);
    let args = ["--start-from", "plan.csv", "--output", "plan.csv"];
    folder.done(&[&["plan", "in.csv"][..], &args].concat());
    folder.done(&["check", "plan.csv", "--capacity", "3072"]);
}

#[test]
fn a_bad_earlier_plan_has_the_same_message_as_in_check() {
    let folder = Folder::with("in.csv", THREE);
    folder.write("overlap.csv", EARLIER.replace("8192", "600"));
    folder.write("lifetimes.csv", THREE);
    folder.write("cut.json", "{\"format\": ");
    let files = ["overlap.csv", "lifetimes.csv", "cut.json", "none.csv", "."];
    for file in files {
        let check = folder.run(&["check", file]);
        check.failed(1, &[file]);
        for option in ["--keep", "--start-from"] {
            let run = folder.run(&["plan", "in.csv", option, file, "--output", "out.csv"]);
            run.failed(1, &[&check.stderr]);
        }
    }
    assert!(!folder.names().contains(&"out.csv".into()));
}
