//! What is recorded is what programs call, however they end.

#[allow(dead_code, reason = "of other tests")]
mod support;

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use orionrt_recording::{CHUNK_BYTES, HEADER_BYTES, Kind, Reader, Recorded, prefix_len};
use support::{compiled, library, on_the_heap, printed, told};

/// An empty folder for the files of a test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("record")
        .join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// The program of these tests.
fn program(name: &str) -> Option<PathBuf> {
    compiled("records.c", name, &["-pthread"])
}

/// The files of a folder, in order of their names.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths.iter().map(|path| used_bytes(path)).collect()
}

/// The bytes of a file that are in use: it is as large as it may become.
fn used_bytes(path: &Path) -> Vec<u8> {
    let mut file = File::open(path).expect("a file");
    let mut bytes = vec![0; HEADER_BYTES];
    file.read_exact(&mut bytes).expect("a header");
    let used = prefix_len(&bytes).expect("a header");
    bytes.resize(usize::try_from(used).expect("a length"), 0);
    file.read_exact(&mut bytes[HEADER_BYTES..]).expect("chunks");
    bytes
}

/// How often a recording has events of this kind and size.
fn count(reader: &Reader, kind: Kind, size: u64) -> usize {
    let events = reader.events().map(|recorded| recorded.event);
    events
        .filter(|event| event.kind == kind && event.size == size)
        .count()
}

fn allocations(reader: &Reader, size: u64) -> usize {
    count(reader, Kind::Allocate, size)
}

/// What a recording comes to: allocations, releases, resizes, and the bytes of the first. Fails if
/// a block is given out while it is in use.
fn sums(reader: &Reader) -> [u64; 4] {
    let mut sums = [0; 4];
    let mut live: HashMap<u64, u64> = HashMap::new();
    let mut resizing: HashMap<u32, u64> = HashMap::new();
    for recorded in reader.events() {
        let event = recorded.event;
        match event.kind {
            Kind::Allocate => {
                sums[0] += 1;
                sums[3] += event.size;
                let other = live.insert(event.address, event.size);
                assert_eq!(other, None, "{recorded:?} is in use");
                assert_eq!(event.address % event.alignment, 0, "{recorded:?}");
            }
            Kind::Free => {
                sums[1] += 1;
                assert!(live.remove(&event.address).is_some(), "{recorded:?}");
            }
            Kind::Resize => {
                assert!(live.remove(&event.address).is_some(), "{recorded:?}");
                resizing.insert(recorded.thread, event.address);
            }
            Kind::Resized => {
                sums[2] += 1;
                assert!(resizing.remove(&recorded.thread).is_some(), "{recorded:?}");
                let other = live.insert(event.address, event.size);
                assert_eq!(other, None, "{recorded:?} is in use");
            }
            _ => {}
        }
    }
    sums
}

/// Runs a command that counts its calls by itself; compares the counts with the recording's.
fn compare(name: &str, command: &mut Command) {
    let Some(counter) = compiled("counts.c", &format!("{name}.so"), &["-shared", "-fPIC"]) else {
        return;
    };
    let folder = folder(name);
    let counts = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name} counts"));
    let preloaded = format!("{}:{}", counter.display(), library().display());
    let status = command
        .env("LD_PRELOAD", preloaded)
        .env("COUNTS", &counts)
        .env("ORIONRT_RECORD", folder.join("of %p"))
        .status();
    assert!(status.expect("it runs").success(), "{command:?}");
    let counted = fs::read(&counts).expect("counts");
    let counted = counted.chunks_exact(8).take(4);
    let counted: Vec<u64> = counted
        .map(|word| u64::from_ne_bytes(word.try_into().expect("eight bytes")))
        .collect();
    let files = files(&folder);
    assert_eq!(files.len(), 1);
    let reader = Reader::new(&files[0]).expect("a recording");
    assert_eq!(reader.header().lost, 0);
    assert!(reader.header().has_exited);
    assert_eq!(sums(&reader)[..], counted);
    assert!(counted[0] > 1000, "{counted:?}");
}

#[test]
fn a_recording_of_threads_has_every_call_once() {
    if let Some(program) = program("records threads") {
        compare("threads", Command::new(program).arg("threads"));
    }
}

#[test]
fn a_recording_of_python_has_every_call_once() {
    let script = "import json, threading\n\
        def work(): [json.loads(json.dumps({str(i): [i] * 9})) for i in range(2000)]\n\
        threads = [threading.Thread(target=work) for _ in range(3)]\n\
        [thread.start() for thread in threads]\n[thread.join() for thread in threads]";
    // It may be found by a script, which is not to be recorded.
    let find = ["-c", "import sys; print(sys.executable)"];
    let Ok(found) = Command::new("python3").args(find).output() else {
        return println!("skipped: there is no python3");
    };
    let mut python = Command::new(String::from_utf8_lossy(&found.stdout).trim());
    python
        .args(["-S", "-c", script])
        .env("PYTHONMALLOC", "malloc");
    compare("python", &mut python);
}

#[test]
fn stacks_are_recorded_where_they_are_asked_for() {
    let Some(program) = program("records stacks") else {
        return;
    };
    let folder = folder("stacks");
    let mut command = on_the_heap(&program);
    command
        .arg("forks")
        .env("ORIONRT_RECORD", folder.join("file"))
        .env("ORIONRT_RECORD_STACKS", "1");
    assert!(command.status().expect("it was compiled").success());
    let files = files(&folder);
    assert_eq!(files.len(), 4);
    for (file, size) in files.iter().zip([777, 555, 555, 555]) {
        let reader = Reader::new(file).expect("a recording");
        let stacks: HashMap<u32, Vec<u64>> = reader
            .stacks()
            .map(|one| (one.number, one.frames))
            .collect();
        let events = reader.events();
        let mut of_size =
            events.filter(|one| one.event.kind == Kind::Allocate && one.event.size == size);
        // The first one begins the recording, by more calls within the library.
        let first = of_size.next().and_then(|one| one.stack).expect("a stack");
        assert!(stacks.contains_key(&first));
        let numbers: HashSet<u32> = of_size.filter_map(|one| one.stack).collect();
        assert_eq!(numbers.len(), 1, "they are allocated in one place");
        let frames = numbers.iter().flat_map(|number| &stacks[number]);
        let is_of_program = |&&frame: &&u64| {
            let mut modules = reader
                .modules()
                .filter(|one| (one.start..one.end).contains(&frame));
            modules.any(|one| Path::new(&one.path) == program)
        };
        // `allocate`, `main`, and what calls that.
        assert!(frames.filter(is_of_program).count() >= 2);
    }
    let without = folder.join("without");
    let mut command = on_the_heap(&program);
    command.arg("nothing").env("ORIONRT_RECORD", &without);
    assert!(command.status().expect("it was compiled").success());
    let bytes = used_bytes(&without);
    let reader = Reader::new(&bytes).expect("a recording");
    assert!(reader.events().all(|one| one.stack.is_none()));
    assert_eq!(reader.stacks().count() + reader.modules().count(), 0);
}

#[test]
fn threads_agree_on_the_numbers_of_stacks() {
    let Some(program) = program("records numbers") else {
        return;
    };
    let folder = folder("numbers");
    let mut command = on_the_heap(&program);
    command
        .arg("threads")
        .env("ORIONRT_RECORD", folder.join("file"))
        .env("ORIONRT_RECORD_STACKS", "1");
    assert!(command.status().expect("it was compiled").success());
    let files = files(&folder);
    let reader = Reader::new(&files[0]).expect("a recording");
    let mut numbers: Vec<u32> = reader.stacks().map(|one| one.number).collect();
    let mut frames: Vec<Vec<u64>> = reader.stacks().map(|one| one.frames).collect();
    let count = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    frames.sort_unstable();
    frames.dedup();
    assert_eq!([numbers.len(), frames.len()], [count; 2], "each comes once");
    let allocated = reader
        .events()
        .filter(|one| one.event.kind == Kind::Allocate);
    let has_one = |one: &Recorded| one.stack.is_some_and(|stack| numbers.contains(&stack));
    assert_eq!(allocated.filter(|one| !has_one(one)).count(), 0);
}

#[test]
fn what_a_handler_frees_while_an_event_is_written_is_free_before_it_is_allocated() {
    let Some(program) = compiled("mapped.c", "records handlers", &[]) else {
        return;
    };
    let folder = folder("handlers");
    let mut command = on_the_heap(&program);
    command
        .arg("handlers")
        .env("ORIONRT_RECORD", folder.join("file"));
    let output = command.output().expect("it was compiled");
    assert!(output.status.success(), "{}", told(&output));
    let files = files(&folder);
    let reader = Reader::new(&files[0]).expect("a recording");
    sums(&reader);
    assert_eq!(allocations(&reader, 711), 4000);
    assert_eq!((reader.threads(), reader.header().lost), (2, 0));
}

#[test]
fn a_stack_that_comes_while_there_is_no_memory_is_recorded_when_there_is() {
    let Some(program) = compiled("mapped.c", "records shortage", &[]) else {
        return;
    };
    let folder = folder("shortage");
    let mut command = on_the_heap(&program);
    command
        .arg("shortage")
        .env("ORIONRT_RECORD", folder.join("file"))
        .env("ORIONRT_RECORD_LIMIT", "16M")
        .env("ORIONRT_RECORD_STACKS", "1");
    let output = command.output().expect("it was compiled");
    if output.status.code() == Some(77) {
        return println!("skipped: memory cannot be asked for in advance here");
    }
    assert!(output.status.success(), "{}", told(&output));
    let files = files(&folder);
    let reader = Reader::new(&files[0]).expect("a recording");
    let numbers: HashSet<u32> = reader.stacks().map(|one| one.number).collect();
    let lost = reader.header().lost;
    assert_eq!(allocations(&reader, 444), 0, "{lost} events are lost");
    assert!(lost >= 1000);
    let of_size = |one: &Recorded| one.event.kind == Kind::Allocate && one.event.size == 555;
    let mut later = reader.events().filter(of_size);
    assert!(later.all(|one| one.stack.is_some_and(|stack| numbers.contains(&stack))));
    assert_eq!(allocations(&reader, 555), 10);
}

#[test]
fn what_happened_before_a_process_ended_is_in_its_file() {
    let Some(program) = program("records ends") else {
        return;
    };
    for how in ["killed", "crashes", "leaves"] {
        let folder = folder(how);
        let mut command = on_the_heap(&program);
        command.arg(how).env("ORIONRT_RECORD", folder.join("file"));
        let _ = command.output().expect("it was compiled");
        let files = files(&folder);
        let reader = Reader::new(&files[0]).expect("a recording");
        assert_eq!(allocations(&reader, 777), 1000, "{how}");
        assert_eq!(allocations(&reader, 888), 1, "{how}");
        let header = reader.header();
        assert!(!header.has_exited, "{how}");
        assert_eq!(header.command[1..], [how]);
        let last = reader.events().last().expect("an event");
        assert!((1..60_000_000_000).contains(&last.time_ns), "{last:?}");
    }
}

#[test]
fn each_child_has_a_file_of_its_own() {
    let Some(program) = program("records forks") else {
        return;
    };
    let folder = folder("forks");
    let mut command = on_the_heap(&program);
    command
        .arg("forks")
        .env("ORIONRT_RECORD", folder.join("file"));
    assert!(command.status().expect("it was compiled").success());
    let files = files(&folder);
    let readers: Vec<_> = files
        .iter()
        .map(|file| Reader::new(file).expect("a recording"))
        .collect();
    let [parent, children @ ..] = &*readers else {
        panic!("there are no files");
    };
    assert_eq!(
        [777, 555, 444].map(|size| allocations(parent, size)),
        [1000, 0, 10]
    );
    let mut of_children: Vec<_> = children.iter().map(|one| allocations(one, 555)).collect();
    of_children.sort_unstable();
    assert_eq!(of_children, [100, 200, 300]);
    for child in children {
        assert_eq!(child.header().parent, parent.header().process);
        assert_eq!(allocations(child, 777), 0);
        assert_eq!(child.threads(), 1);
    }
}

#[test]
fn a_process_that_becomes_another_program_has_a_file_for_each() {
    let Some(program) = program("records becomes") else {
        return;
    };
    let folder = folder("becomes");
    let mut command = on_the_heap(&program);
    command
        .arg("becomes")
        .env("ORIONRT_RECORD", folder.join("%p"));
    assert!(command.status().expect("it was compiled").success());
    let files = files(&folder);
    assert_eq!(files.len(), 2);
    for (file, what) in files.iter().zip(["becomes", "nothing"]) {
        let reader = Reader::new(file).expect("a recording");
        assert_eq!(reader.header().command[1..], [what]);
        assert_eq!(allocations(&reader, 777), 1000, "{what}");
    }
}

#[test]
fn a_program_that_closes_all_files_is_recorded_on() {
    let Some(program) = program("records closes") else {
        return;
    };
    let folder = folder("closes");
    let mut command = on_the_heap(&program);
    command
        .arg("closes")
        .env("ORIONRT_RECORD", folder.join("file"));
    assert!(command.status().expect("it was compiled").success());
    let files = files(&folder);
    let reader = Reader::new(&files[0]).expect("a recording");
    assert_eq!(allocations(&reader, 333), 100_000);
}

#[test]
fn what_a_full_recording_has_no_room_for_is_counted() {
    let Some(program) = program("records full") else {
        return;
    };
    let folder = folder("full");
    let mut command = on_the_heap(&program);
    command
        .arg("closes")
        .env("ORIONRT_RECORD", folder.join("file"))
        .env("ORIONRT_RECORD_LIMIT", "300K");
    assert!(command.status().expect("it was compiled").success());
    let files = files(&folder);
    let reader = Reader::new(&files[0]).expect("a recording");
    assert_eq!(reader.header().units, 300 / 4 - HEADER_BYTES / 4096);
    let calls = [Kind::Allocate, Kind::Free];
    let recorded = reader
        .events()
        .filter(|one| calls.contains(&one.event.kind));
    let all = recorded.count() as u64 + reader.header().lost;
    assert!((202_000..202_100).contains(&all), "{all}");
}

#[test]
fn threads_with_few_events_take_little_of_a_file() {
    let Some(program) = program("records short") else {
        return;
    };
    let folder = folder("short");
    let mut command = on_the_heap(&program);
    command
        .arg("short")
        .env("ORIONRT_RECORD", folder.join("file"))
        .env("ORIONRT_RECORD_LIMIT", "16M");
    assert!(command.status().expect("it was compiled").success());
    let files = files(&folder);
    let reader = Reader::new(&files[0]).expect("a recording");
    assert_eq!(reader.header().lost, 0);
    assert_eq!(allocations(&reader, 333), 2000);
    assert_eq!(reader.threads(), 2001);
}

#[test]
fn a_file_that_cannot_be_made_is_said_once_and_the_program_runs() {
    let Some(program) = program("records refused") else {
        return;
    };
    let mut command = on_the_heap(&program);
    command
        .arg("threads")
        .env("ORIONRT_RECORD", "/nowhere/file");
    let output = command.output().expect("it was compiled");
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "orionrt: no recording in /nowhere/file: no such directory\n"
    );
}

#[test]
fn a_child_that_nobody_tells_of_has_a_file_of_its_own() {
    let Some(program) = program("records clones") else {
        return;
    };
    let folder = folder("clones");
    let mut command = on_the_heap(&program);
    command
        .arg("clones")
        .env("ORIONRT_RECORD", folder.join("file"));
    assert!(command.status().expect("it was compiled").success());
    let files = files(&folder);
    let sizes = |file: &Vec<u8>| {
        let reader = Reader::new(file).expect("a recording");
        [777, 555, 444].map(|size| allocations(&reader, size))
    };
    let sizes: Vec<_> = files.iter().map(sizes).collect();
    assert_eq!(sizes, [[1000, 0, 10], [0, 100, 0]]);
}

#[test]
fn a_child_that_only_exits_has_no_file() {
    let Some(program) = program("records exits") else {
        return;
    };
    for stacks in ["0", "1"] {
        let folder = folder(&format!("exits {stacks}"));
        let mut command = on_the_heap(&program);
        command
            .arg("exits")
            .env("ORIONRT_RECORD", folder.join("file"))
            .env("ORIONRT_RECORD_STACKS", stacks);
        assert!(command.status().expect("it was compiled").success());
        let files = files(&folder);
        assert_eq!(files.len(), 1, "with {stacks} for stacks");
        let reader = Reader::new(&files[0]).expect("a recording");
        assert!(reader.header().has_exited);
    }
}

#[test]
fn children_of_children_do_not_map_more_and_more_tables_of_stacks() {
    const TABLE_PAGES: u64 = (8 << 20) / 4096;
    let Some(program) = program("records generations") else {
        return;
    };
    let folder = folder("generations");
    let mut command = on_the_heap(&program);
    command
        .arg("generations")
        .env("ORIONRT_RECORD", folder.join("file"))
        .env("ORIONRT_RECORD_STACKS", "1");
    let pages: Vec<u64> = printed(&mut command)
        .lines()
        .map(|line| line.parse().expect("a number"))
        .collect();
    let [first, .., last] = pages[..] else {
        panic!("{pages:?}");
    };
    assert!(last < first + TABLE_PAGES, "{pages:?}");
}

#[test]
fn a_process_that_exits_leaves_a_file_that_is_as_long_as_it_has_to_be() {
    let Some(program) = program("records length") else {
        return;
    };
    let folder = folder("length");
    let mut command = on_the_heap(&program);
    let file = folder.join("file");
    command.arg("nothing").env("ORIONRT_RECORD", &file);
    assert!(command.status().expect("it was compiled").success());
    let len = fs::metadata(&file).expect("a file").len();
    let used = used_bytes(&file).len() as u64;
    assert!((used..=used + CHUNK_BYTES as u64).contains(&len), "{len}");
}

/// Runs the program of these tests where the system can do less; `None` if that cannot be had.
fn run_limited(name: &str, how: &str, what: &str) -> Option<(PathBuf, Output)> {
    let program = program(&format!("records {name}"))?;
    let limited = compiled("limited.c", &format!("limited {name}"), &[])?;
    let folder = folder(name);
    let output = Command::new(limited)
        .args([how.as_ref(), program.as_os_str(), what.as_ref()])
        .env("PRELOAD", library())
        .env("ORIONRT_RECORD", folder.join("file"))
        .env("ORIONRT_RECORD_LIMIT", "64M")
        .env(
            "ORIONRT_RECORD_STACKS",
            if how == "tables" { "1" } else { "0" },
        )
        .output();
    let output = output.expect("it was compiled");
    if output.status.code() == Some(77) {
        println!("skipped: {how} cannot be limited here");
        return None;
    }
    Some((folder, output))
}

#[test]
fn where_memory_cannot_be_asked_for_in_advance_a_file_gets_its_blocks_by_chunks() {
    // The process leaves, so that its file keeps its length.
    let Some((folder, output)) = run_limited("old system", "populate", "leaves") else {
        return;
    };
    assert!(output.status.success(), "{}", told(&output));
    let file = fs::metadata(folder.join("file")).expect("a file");
    assert_eq!(file.len(), 64 << 20);
    assert!(file.blocks() * 512 < 1 << 20, "{} blocks", file.blocks());
    let files = files(&folder);
    let reader = Reader::new(&files[0]).expect("a recording");
    assert_eq!(allocations(&reader, 777), 1000);
    assert_eq!(reader.header().lost, 0);
}

#[test]
fn a_process_whose_files_must_be_small_runs_without_a_recording() {
    let Some((folder, output)) = run_limited("small files", "files", "threads") else {
        return;
    };
    assert!(output.status.success(), "{}", told(&output));
    let told = String::from_utf8_lossy(&output.stderr);
    let why = ": the limit of file sizes is too low\n";
    assert!(told.ends_with(why), "{told}");
    assert!(files(&folder).is_empty());
}

#[test]
fn a_file_that_gets_no_memory_is_removed() {
    let Some((folder, output)) = run_limited("no memory", "memory", "threads") else {
        return;
    };
    assert!(output.status.success(), "{}", told(&output));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.ends_with(": no memory\n"), "{told}");
    assert!(files(&folder).is_empty());
}

#[test]
fn a_recording_whose_table_of_stacks_gets_no_memory_says_so_and_has_none() {
    let Some((folder, output)) = run_limited("no table", "tables", "nothing") else {
        return;
    };
    assert!(output.status.success(), "{}", told(&output));
    let told = String::from_utf8_lossy(&output.stderr);
    let file = folder.join("file");
    assert_eq!(
        told,
        format!("orionrt: no stacks in {}: no memory\n", file.display())
    );
    let files = files(&folder);
    let reader = Reader::new(&files[0]).expect("a recording");
    assert_eq!(allocations(&reader, 777), 1000);
    assert!(reader.events().all(|one| one.stack.is_none()));
}
