//! Ctrl-C while a search or a measuring is under way.
//!
//! Nothing here is timed but for an end to all patience: a signal is sent when the program listens.

use std::{
    fs, io,
    io::Write,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    inference,
    run::{Folder, Run, endless},
};

/// Far below the time limit of the searches, far above what they need to end.
const PATIENCE: Duration = Duration::from_secs(45);
const LIMIT: [&str; 2] = ["--time-limit", "60"];
const PAUSE: Duration = Duration::from_millis(50);

/// A run that is stopped if the test ends before it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Starts a program whose results are few enough for a pipe, and returns when it listens to Ctrl-C.
    fn listening(command: &mut Command, stdout: impl Into<Stdio>) -> Self {
        let command = command.stdout(stdout).stderr(Stdio::piped());
        let mut running = Self(command.spawn().expect("the binary runs"));
        running.until("it listens", |running| running.listens().then_some(()));
        running
    }

    /// Looks again and again until there is something.
    fn until<T>(&mut self, what: &str, mut look: impl FnMut(&mut Self) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            assert!(start.elapsed() < PATIENCE, "no patience left until {what}");
            thread::sleep(PAUSE);
        }
    }

    /// Whether SIGINT is among the signals that the process catches.
    fn listens(&self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()));
        let status = status.expect("the process is there");
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let mask = u64::from_str_radix(mask.expect("a mask").trim(), 16).expect("hexadecimal");
        mask & 1 << (Signal::SIGINT as u32 - 1) != 0
    }

    fn interrupt(&self) {
        let id = i32::try_from(self.0.id()).expect("a process id");
        kill(Pid::from_raw(id), Signal::SIGINT).expect("a signal");
    }

    fn status(&mut self) -> Option<i32> {
        let status = self.0.try_wait().expect("a status")?;
        Some(status.code().expect("it was not killed"))
    }

    /// What it said, when it has ended by itself.
    fn finish(mut self) -> Run {
        let status = self.until("it ends", Self::status);
        let read = |stream: Option<&mut dyn io::Read>| {
            let mut text = String::new();
            stream
                .expect("a pipe")
                .read_to_string(&mut text)
                .expect("UTF-8");
            text
        };
        Run {
            status,
            stdout: read(self.0.stdout.as_mut().map(|s| s as _)),
            stderr: read(self.0.stderr.as_mut().map(|s| s as _)),
        }
    }
}

fn interrupted(folder: &Folder, args: &[&str]) -> Run {
    let mut command = folder.command(&[args, &LIMIT].concat());
    let running = Running::listening(&mut command, Stdio::piped());
    // A search that has gone on for a while; one that has just begun would have to end as well.
    thread::sleep(4 * PAUSE);
    running.interrupt();
    running.finish()
}

#[test]
fn an_interrupted_plan_is_the_best_until_then() {
    let folder = Folder::with("in.csv", endless());
    let args = ["plan", "in.csv", "--output", "plan.csv"];
    let run = interrupted(&folder, &[&args[..], &["--json"]].concat());
    assert_eq!((run.status, &*run.stderr), (0, ""));
    assert_eq!(run.json()["interrupted"], true);
    let check = folder.done(&["check", "plan.csv", "--json"]).json();
    assert_eq!(check["peak"], run.json()["peak"]);
    let run = interrupted(&folder, &args);
    assert!(run.stdout.contains("\n  interrupted   "), "{}", run.stdout);
}

#[test]
fn an_interrupted_search_without_a_plan_within_the_capacity_is_status_3() {
    let folder = Folder::with("in.csv", endless());
    let args = ["plan", "in.csv", "--capacity", "1", "--output", "plan.csv"];
    let run = interrupted(&folder, &args);
    assert_eq!(run.status, 3);
    run.said(&["no plan within 1 bytes", "'plan.csv' is not written"]);
    assert!(run.stdout.contains("\n  interrupted   "), "{}", run.stdout);
}

#[test]
fn an_interrupted_comparison_has_the_strategies_until_then() {
    let folder = Folder::with("in.csv", endless());
    let json = interrupted(&folder, &["compare", "in.csv", "--json"]).json();
    assert_eq!(json["interrupted"], true);
    assert_eq!(json["strategies"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&json["best"], &json["strategies"][0]["strategy"]),
        (&"auto".into(), &"auto".into())
    );
    let run = interrupted(&folder, &["compare", "in.csv"]);
    assert_eq!((run.status, &*run.stderr), (0, ""));
    let last = run.stdout.lines().last().unwrap();
    assert!(
        last.starts_with("interrupted: auto was ended early; not begun: "),
        "{last}"
    );
    assert!(last.contains("linear-scan"), "{last}");
}

#[test]
fn an_interrupted_measuring_has_the_iterations_until_then() {
    let folder = inference::folder();
    let mut command = folder.command(&["run", "model.onnx", "--iterations", "1000000", "--json"]);
    let running = Running::listening(&mut command, Stdio::piped());
    thread::sleep(4 * PAUSE);
    running.interrupt();
    let run = running.finish();
    assert_eq!((run.status, &*run.stderr), (0, ""));
    let json = run.json();
    assert_eq!(json["interrupted"], true);
    let iterations = json["iterations"].as_u64().unwrap();
    assert!((1..1_000_000).contains(&iterations), "{iterations}");
}

#[test]
fn a_second_interrupt_ends_the_program_at_once() {
    let folder = Folder::with("in.csv", endless());
    // A program that cannot print its result cannot end by itself either: nobody empties this pipe, and it is full.
    let (reader, writer) = io::pipe().unwrap();
    let mut full = writer.try_clone().unwrap();
    let filling = thread::spawn(move || full.write_all(&[b'x'; 1 << 21]));
    let mut command = folder.command(&[&["plan", "in.csv"], &LIMIT[..]].concat());
    let mut running = Running::listening(&mut command, writer);
    drop(command);
    let status = running.until("it ends", |running| {
        running.interrupt();
        thread::sleep(2 * PAUSE);
        running.status()
    });
    assert_eq!(status, 130);
    drop(reader);
    assert!(filling.join().unwrap().is_err());
}
