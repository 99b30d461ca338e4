//! Snapshots that Python's own pickle writes, where there is `python3`.

use std::process::Command;

use super::{
    allocator::{Behaviour, Device, snapshot},
    numbers::planned,
};
use crate::run::Folder;

const SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/orionrt/snapshot/pickled.py"
);

/// Runs the script in a folder; `false` if there is no Python.
fn python(folder: &Folder, args: &[&str]) -> bool {
    let mut command = Command::new("python3");
    command.arg(SCRIPT).args(args).current_dir(folder.path(""));
    match command.output() {
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{errors}");
            true
        }
        Err(error) => {
            println!("left out: python3: {error}");
            false
        }
    }
}

#[test]
fn what_pythons_pickle_writes_is_read_as_the_json_is() {
    let folder = Folder::new();
    let behaviour = Behaviour {
        seed: 5,
        events: 300,
        kept: 200,
        expandable: true,
        refuses: true,
    };
    let value = snapshot(&[Device::run(0, behaviour), Device::run(1, behaviour)]);
    folder.write("snapshot.json", value.json().to_string());
    if !python(&folder, &["snapshot.json"]) {
        return;
    }
    let (answer, rows) = planned(&folder, "snapshot.json", &[]);
    for protocol in 2..=5 {
        let file = format!("protocol-{protocol}.pickle");
        let (pickled, pickled_rows) = planned(&folder, &file, &[]);
        assert_eq!(pickled["snapshot"], answer["snapshot"], "{file}");
        assert_eq!(pickled_rows, rows, "{file}");
    }
}

#[test]
fn what_python_would_run_is_refused() {
    let folder = Folder::new();
    if !python(&folder, &["--reduce"]) {
        return;
    }
    let files = folder.names();
    assert_eq!(files.len(), 4, "{files:?}");
    for file in &files {
        folder.run(&["plan", file]).failed(1, &["would run code"]);
    }
    assert_eq!(folder.names(), files);
}
