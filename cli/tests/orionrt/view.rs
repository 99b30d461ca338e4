//! The verb `view`: a page of a plan, opened with the system's program for pages.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use crate::{
    run::{Folder, Run, THREE},
    trace,
};

/// Runs `orionrt view` with these arguments where `opener` is the system's program for pages, if
/// there is a screen.
fn view(folder: &Folder, args: &[&str], opener: Option<&str>) -> Run {
    let mut command = folder.command(&[&["view"], args].concat());
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    command.env("TMPDIR", folder.path("tmp"));
    if let Some(script) = opener {
        folder.write("xdg-open", format!("#!/bin/sh\n{script}\n"));
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path("xdg-open"), mode).unwrap();
        command.env("DISPLAY", ":0").env("PATH", folder.path("."));
    }
    Run::of(command.output().expect("the binary runs"))
}

fn folder() -> Folder {
    let folder = Folder::with("in.csv", THREE);
    fs::create_dir(folder.path("tmp")).unwrap();
    folder
}

/// The path of the page that is to be opened by hand.
fn path_in(stdout: &str) -> &str {
    let line = stdout.lines().find(|line| line.contains("open it"));
    let (_, path) = line.unwrap().split_once("open it").unwrap();
    path.trim()
}

#[test]
fn without_a_screen_the_path_is_printed() {
    let folder = folder();
    let run = view(&folder, &["in.csv"], None);
    assert_eq!((run.status, &*run.stderr), (0, ""));
    assert!(
        run.stdout.contains("peak          3.00 KiB"),
        "{}",
        run.stdout
    );
    let page = Path::new(path_in(&run.stdout));
    assert!(
        page.ends_with("plan.html") && page.starts_with(folder.path("tmp")),
        "{page:?}"
    );
    assert!(fs::read_to_string(page).unwrap().contains("orionrt-data"));
    let mode = fs::metadata(page.parent().unwrap())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o077, 0, "others may look into its folder: {mode:o}");
}

#[test]
fn on_a_screen_the_page_is_opened() {
    let folder = folder();
    let opened = folder.path("opened");
    let script = format!("echo \"$1\" >'{}'", opened.display());
    let run = view(&folder, &["in.csv"], Some(&script));
    assert_eq!((run.status, &*run.stderr), (0, ""));
    let path = folder.read("opened");
    assert!(
        path.trim().ends_with("plan.html") && Path::new(path.trim()).is_file(),
        "{path}"
    );
    assert!(!run.stdout.contains("open it"), "{}", run.stdout);
    let again = view(&folder, &[path.trim()], Some(&script));
    assert_eq!(
        (again.status, &*again.stdout, &*folder.read("opened")),
        (0, "", &*path)
    );
    let closed = view(&folder, &["in.csv", "--no-open"], Some(&script));
    assert_ne!(path_in(&closed.stdout), path.trim());
    assert_eq!(folder.read("opened"), path);
}

#[test]
fn a_page_that_cannot_be_opened_is_still_there() {
    let folder = folder();
    let run = view(&folder, &["in.csv"], Some("exit 3"));
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(Path::new(path_in(&run.stdout)).is_file());
    view(&folder, &["none.html"], None).failed(1, &["cannot read 'none.html'"]);
    view(&folder, &["none.csv"], None).failed(1, &["cannot read 'none.csv'"]);
    view(&folder, &["in.csv", "--dim", "N=2"], None).failed(2, &["for models"]);
    // Those that failed have left nothing.
    assert_eq!(fs::read_dir(folder.path("tmp")).unwrap().count(), 1);
    let page = path_in(&run.stdout);
    view(&folder, &[page, "--dim", "N=2"], None).failed(2, &["--dim is for what is planned"]);
}

#[test]
fn a_plan_is_read_and_not_planned_again() {
    let folder = folder();
    folder.done(&["plan", "in.csv", "--output", "p.json"]);
    let run = view(&folder, &["p.json"], None);
    assert_eq!((run.status, &*run.stderr), (0, ""));
    assert!(run.stdout.starts_with("p.json: ok"), "{}", run.stdout);
    let aligned = view(&folder, &["p.json", "--alignment", "64"], None);
    aligned.failed(
        2,
        &["--alignment is for what is planned", "is a plan already"],
    );
    // It leaves bytes free that a new plan would not.
    let loose = "id,lower,upper,size,offset\na,0,2,1024,0\nb,1,3,2048,4096\nc,2,4,1024,0\n";
    folder.write("loose.csv", loose);
    let csv = view(&folder, &["loose.csv"], None);
    assert!(csv.stdout.starts_with("loose.csv: ok"), "{}", csv.stdout);
    assert!(csv.stdout.contains("6.00 KiB"), "{}", csv.stdout);
    let events = r#"[{"action": "alloc", "addr": 1, "size": 8}]"#;
    folder.write(
        "s.json",
        format!(r#"{{"segments": [], "device_traces": [{events}]}}"#),
    );
    let snapshot = view(&folder, &["s.json", "--device", "0"], None);
    assert!(snapshot.stdout.contains("PyTorch"), "{}", snapshot.stderr);
    assert!(Path::new(path_in(&run.stdout)).ends_with("plan.html"));
}

#[test]
fn what_a_loader_knows_by_its_content_is_planned_whatever_its_name() {
    let folder = folder();
    folder.write("trace.json", trace::recording());
    let recording = view(&folder, &["trace.json"], None);
    assert_eq!((recording.status, &*recording.stderr), (0, ""));
    assert!(
        recording.stdout.contains("9 events"),
        "{}",
        recording.stdout
    );
    // A column of offsets makes other CSV a plan.
    let header = "buffer_id,size,offset,start_time,end_time\n";
    folder.write(
        "allocinfo.csv",
        format!("{header}12,4096,0,7,9\n14,512,4096,8,8\n"),
    );
    let assignment = view(&folder, &["allocinfo.csv"], None);
    assert_eq!((assignment.status, &*assignment.stderr), (0, ""));
    assert!(assignment.stdout.contains("XLA"), "{}", assignment.stdout);
    let both = view(&folder, &["trace.json", "allocinfo.csv"], None);
    assert_eq!((both.status, &*both.stderr), (0, ""));
}
