//! The column `fixed_offset`: from the input to the plan and its check.

use crate::run::Folder;

/// The first bytes are fixed for the input, and the output is fixed above where the planner would
/// place it.
const FIXED: &str = "id,lower,upper,size,alignment,fixed_offset
input,0,2,64,64,0
work,1,3,100,1,
output,2,4,64,64,256
";

#[test]
fn fixed_buffers_are_at_their_offsets_and_pass_the_check() {
    let folder = Folder::with("in.csv", FIXED);
    for name in ["plan.csv", "plan.json"] {
        let args = ["plan", "in.csv", "--json", "--output", name];
        let json = folder.done(&args).json();
        assert_eq!(
            (&json["peak"], &json["lower_bound"]),
            (&320.into(), &320.into())
        );
        let json = folder.done(&["check", name, "--json"]).json();
        assert_eq!((&json["ok"], &json["peak"]), (&true.into(), &320.into()));
    }
    let plan = folder.read("plan.csv");
    let lines: Vec<_> = plan.lines().collect();
    assert_eq!(
        lines[0],
        "id,lower,upper,size,alignment,fixed_offset,offset"
    );
    assert_eq!(
        (lines[1], lines[3]),
        ("input,0,2,64,64,0,0", "output,2,4,64,64,256,256")
    );
    assert_eq!(
        folder.read("plan.json").matches("\"fixed_offset\"").count(),
        2
    );
}

#[test]
fn a_plan_that_moves_a_fixed_buffer_is_refused() {
    let folder = Folder::with("in.csv", FIXED);
    for (name, from, to, position) in [
        ("plan.csv", ",256,256", ",256,512", "line 4"),
        (
            "plan.json",
            "\"offset\": 256",
            "\"offset\": 512",
            "tensors[2]",
        ),
    ] {
        folder.done(&["plan", "in.csv", "--output", name]);
        let plan = folder.read(name);
        assert!(plan.contains(from), "{plan}");
        folder.write(name, plan.replacen(from, to, 1));
        let message = format!("error: {name}: {position}: ");
        let run = folder.run(&["check", name]);
        run.failed(1, &[&message, "'output'", "512", "fixed at 256"]);
    }
}

#[test]
fn fixed_buffers_that_overlap_are_named() {
    let overlapping = FIXED.replace("work,1,3,100,1,", "work,1,3,100,1,200");
    let folder = Folder::with("in.csv", overlapping);
    for verb in ["plan", "compare"] {
        folder
            .run(&[verb, "in.csv"])
            .failed(1, &["error: in.csv: ", "'work'", "'output'", "256..300"]);
    }
}

#[test]
fn a_bad_fixed_offset_is_named_with_its_line() {
    for (value, messages) in [
        ("here", ["line 3", "fixed_offset is 'here'", "or nothing"]),
        ("-1", ["line 3", "fixed_offset is '-1'", "from 0"]),
    ] {
        let bad = FIXED.replace("work,1,3,100,1,", &format!("work,1,3,100,1,{value}"));
        let folder = Folder::with("in.csv", bad);
        folder.run(&["plan", "in.csv"]).failed(1, &messages);
    }
    // Aligned to what the file says, but not to what the command line asks for.
    let folder = Folder::with("in.csv", FIXED);
    folder
        .run(&["plan", "in.csv", "--alignment", "512"])
        .failed(1, &["'output'", "256", "512"]);
}
