//! Runs the binary in a folder of its own.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

/// Three buffers, two of which never share bytes.
pub const THREE: &str = "id,lower,upper,size\na,0,2,1024\nb,1,3,2048\nc,2,4,1024\n";

/// An instance that needs a search: placing large buffers first wastes bytes.
pub fn hard() -> String {
    let mut random = random();
    let rows = (0..60).map(|i| {
        let (lower, length) = (random(100), 1 + random(30));
        format!("t{i},{lower},{},{}\n", lower + length, 1 + random(1000))
    });
    "id,lower,upper,size\n".to_string() + &rows.collect::<String>()
}

/// An instance whose search does not end by itself: between aligned buffers there are gaps that no
/// other buffer fits in, which the lower bound does not count, and there are too many orders to
/// try.
pub fn endless() -> String {
    let mut random = random();
    let rows = (0..120).map(|i| {
        let (lower, upper) = (random(50), 51 + random(50));
        let (size, alignment) = if i % 2 == 0 {
            (33 + random(7), 64)
        } else {
            (40 + random(60), 1)
        };
        format!("t{i},{lower},{upper},{size},{alignment}\n")
    });
    "id,lower,upper,size,alignment\n".to_string() + &rows.collect::<String>()
}

/// Pseudo-random numbers below the argument, the same in every run.
fn random() -> impl FnMut(u64) -> u64 {
    let mut rng = fastrand::Rng::with_seed(1);
    move |below| rng.u64(..below)
}

/// A folder in which the binary runs.
pub struct Folder(TempDir);

/// The outcome of a run.
pub struct Run {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// A folder with one file in it.
    pub fn with(name: &str, content: impl AsRef<[u8]>) -> Self {
        let folder = Self::new();
        folder.write(name, content);
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("a file");
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect(name)
    }

    /// The names of all files, hidden ones too.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("the folder");
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orionrt"));
        command.args(args).current_dir(self.0.path());
        command
    }

    pub fn run(&self, args: &[&str]) -> Run {
        let output = self.command(args).output().expect("the binary runs");
        Run::of(output)
    }

    /// Runs the binary, which must succeed and print nothing on stderr.
    pub fn done(&self, args: &[&str]) -> Run {
        let run = self.run(args);
        assert_eq!((run.status, &*run.stderr), (0, ""), "{args:?}");
        run
    }
}

impl Run {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self {
            status: output.status.code().expect("an exit status"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// The one JSON object on stdout.
    pub fn json(&self) -> Value {
        let value: Value = serde_json::from_str(&self.stdout).expect(&self.stdout);
        assert!(value.is_object(), "{value}");
        value
    }

    /// Checks that the run failed with this status and these messages, and printed no result.
    pub fn failed(&self, status: i32, messages: &[&str]) {
        assert_eq!(
            (self.status, &*self.stdout),
            (status, ""),
            "{}",
            self.stderr
        );
        self.said(messages);
    }

    /// Checks that all of these are on stderr.
    pub fn said(&self, messages: &[&str]) {
        for message in messages {
            assert!(
                self.stderr.contains(message),
                "'{message}' in: {}",
                self.stderr
            );
        }
    }
}

/// The names of an object's fields.
pub fn fields(object: &Value) -> Vec<&str> {
    let object = object.as_object().expect("an object");
    let mut names: Vec<&str> = object.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}
