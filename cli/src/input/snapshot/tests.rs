//! Files made to do harm: each ends with an error that names a place, or is read, with no more
//! values than its bytes allow.

use std::collections::BTreeMap;

use super::{
    calls::calls,
    document::{Document, Value},
    entries::{Action, Device, devices},
    error::SnapshotError,
    frames::Names,
    json, pickle,
    reader::Reader,
    replay::replay,
};

fn read(bytes: &[u8]) -> Result<BTreeMap<u64, Device>, SnapshotError> {
    devices(&Reader::new(&pickle::read(bytes)?))
}

fn error_of(bytes: &[u8]) -> String {
    read(bytes).expect_err("an error").to_string()
}

/// The opcodes of a text.
fn text(text: &str) -> Vec<u8> {
    let mut bytes = vec![0x8c, text.len() as u8];
    bytes.extend(text.as_bytes());
    bytes
}

/// A pickle whose root is a dictionary with this trace of one device.
fn with_trace(trace: &[u8]) -> Vec<u8> {
    let name = text("device_traces");
    [b"\x80\x04}", &name[..], b"](", trace, b"es."].concat()
}

/// An event that asks for 8 bytes at 7.
fn event() -> Vec<u8> {
    let fields = [
        ("action", text("alloc")),
        ("addr", b"K\x07".into()),
        ("size", b"K\x08".into()),
    ];
    let fields = fields.map(|(name, value)| [text(name), value].concat());
    [b"}(", &fields.concat()[..], b"u"].concat()
}

#[test]
fn a_pickle_that_is_cut_off_anywhere_is_an_error_with_a_byte() {
    let whole = with_trace(&[b"](", &event()[..], b"e"].concat());
    assert_eq!(read(&whole).expect("whole")[&0].events.len(), 1);
    for length in 2..whole.len() {
        let message = error_of(&whole[..length]);
        assert!(message.contains("of the pickle"), "{length}: {message}");
    }
}

#[test]
fn a_pickle_with_any_byte_changed_never_panics() {
    let whole = with_trace(&[b"](", &event()[..], b"e"].concat());
    for at in 0..whole.len() {
        for byte in 0..=255 {
            let mut changed = whole.clone();
            changed[at] = byte;
            for device in read(&changed).into_iter().flatten() {
                replay(&device.1);
            }
        }
    }
}

#[test]
fn every_opcode_alone_ends_with_a_value_or_an_error() {
    for opcode in 0..=255_u8 {
        for rest in [
            &b""[..],
            b"\0",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            b"(]}K\x01",
        ] {
            for before in [&b""[..], b"]", b"(", b"]]", b"}(", b"K\x01K\x02K\x03"] {
                let _ = read(&[b"\x80\x04", before, &[opcode], rest, b"."].concat());
            }
        }
    }
}

#[test]
fn a_memo_bomb_has_as_many_values_as_opcodes_and_is_refused() {
    // Each list has the one before it ten times: 10^60 values if they were copied.
    let mut bytes = b"\x80\x02]q\x00".to_vec();
    for level in 1..=60 {
        bytes.extend(b"](");
        bytes.extend([b'h', level - 1].repeat(10));
        bytes.extend([b'e', b'q', level]);
    }
    bytes.push(b'.');
    let document = pickle::read(&bytes).expect("a document");
    assert!(document.len() <= bytes.len());
    assert!(error_of(&bytes).contains("a dictionary"));
}

#[test]
fn events_that_are_one_object_are_refused() {
    let trace = [b"](", &event()[..], b"\x94", &b"h\0".repeat(3), b"e"].concat();
    let message = error_of(&with_trace(&trace));
    assert!(message.starts_with("device_traces[0][1]"), "{message}");
    let traces = [b"](", &event()[..], b"e\x94", &b"h\0".repeat(3)].concat();
    let message = error_of(&with_trace(&traces));
    assert!(message.starts_with("device_traces[1]"), "{message}");
}

#[test]
fn a_list_within_itself_is_refused() {
    let message = error_of(b"\x80\x02}q\0X\x0d\0\0\0device_traces]q\x01h\x01as.");
    assert!(message.contains("device_traces[0]"), "{message}");
}

#[test]
fn deep_nesting_takes_no_stack() {
    let depth = 1_000_000;
    let bytes = [
        b"\x80\x02",
        &b"]".repeat(depth)[..],
        &b"a".repeat(depth - 1),
        b".",
    ]
    .concat();
    let document = pickle::read(&bytes).expect("a document");
    assert_eq!(document.len(), depth + 1);
    drop(document);
    let marks = [
        b"\x80\x02",
        &b"(".repeat(depth)[..],
        &b"l".repeat(depth),
        b".",
    ]
    .concat();
    assert!(pickle::read(&marks).is_ok());
}

#[test]
fn huge_counts_are_refused_before_anything_is_allocated() {
    for opcode in [0x8b, b'X', b'T', b'B', 0x8d, 0x8e] {
        let bytes = [b"\x80\x04", &[opcode][..], &[0xff; 8], b"."].concat();
        let message = error_of(&bytes);
        assert!(
            message.contains("to the end of the file"),
            "{opcode}: {message}"
        );
    }
    let far = b"\x80\x02]r\xff\xff\xff\xffj\xff\xff\xff\xff.";
    assert!(matches!(
        pickle::read(far).as_ref().map(Document::len),
        Ok(2)
    ));
    let long = [b"\x80\x02\x8a\x40", &[1; 64][..], b"."].concat();
    assert!(error_of(&long).contains("an integer of 64 bytes"));
}

#[test]
fn every_opcode_that_runs_code_is_refused_by_name() {
    for (opcode, name) in [
        (b'c', "GLOBAL"),
        (0x93, "STACK_GLOBAL"),
        (b'R', "REDUCE"),
        (b'b', "BUILD"),
        (b'i', "INST"),
        (b'o', "OBJ"),
        (0x81, "NEWOBJ"),
        (0x92, "NEWOBJ_EX"),
        (0x82, "EXT"),
        (b'Q', "PERSID"),
    ] {
        let message = error_of(&[0x80, 4, b']', b']', opcode, b'.']);
        let expected = format!("byte 4 of the pickle: {name} would run code");
        assert!(message.starts_with(&expected), "{message}");
    }
}

#[test]
fn integers_have_their_sign_and_all_bytes() {
    let value = |opcodes: &[u8]| {
        let bytes = [b"\x80\x02", opcodes, b"."].concat();
        let document = pickle::read(&bytes).expect("a number");
        match document.get(document.root()) {
            Value::Integer(number) => *number,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(value(b"\x8a\0"), 0);
    assert_eq!(value(b"\x8a\x01\xff"), -1);
    assert_eq!(value(b"\x8a\x02\xff\0"), 255);
    assert_eq!(value(b"\x8b\x01\0\0\0\x80"), -128);
    assert_eq!(value(b"J\xfe\xff\xff\xff"), -2);
    assert_eq!(value(b"M\x01\x02"), 513);
    assert_eq!(
        value(&[&b"\x8a\x10"[..], &[0xff; 15], b"\x7f"].concat()),
        i128::MAX
    );
}

#[test]
fn sizes_that_overflow_together_are_not_added_up_wrongly() {
    let event = |action: &str| format!(r#"{{"action":"{action}","addr":1,"size":{}}}"#, i64::MAX);
    let trace = [
        event("segment_alloc"),
        event("segment_map"),
        event("segment_alloc"),
    ]
    .join(",");
    let text = format!(r#"{{"device_traces":[[{trace}]]}}"#);
    let document = json::read(text.as_bytes()).expect("JSON");
    let devices = devices(&Reader::new(&document)).expect("a device");
    assert!(
        devices[&0]
            .events
            .iter()
            .all(|event| event.action == Action::Reserve)
    );
    assert_eq!(replay(&devices[&0]).reserved_peak, u64::MAX);
}

#[test]
fn names_are_short_whatever_the_frames_say() {
    let name = "é\"<b>".repeat(10_000);
    let frame = serde_json::json!({ "filename": format!("/{name}.py"), "name": name, "line": 1 });
    let event = serde_json::json!({ "action": "alloc", "addr": 1, "size": 1, "frames": [frame] });
    let text = serde_json::json!({ "device_traces": [[event]] }).to_string();
    let document = json::read(text.as_bytes()).expect("JSON");
    let reader = Reader::new(&document);
    let device = &devices(&reader).expect("a device")[&0];
    let block = replay(device).blocks[0];
    let name = Names::new(&reader).of(&block).expect("a name");
    assert!((100..200).contains(&name.len()), "{name}");
}

#[test]
fn a_function_called_tensor_names_a_block_only_in_a_snapshot_of_a_plan() {
    let name_of = |generator: &str, filename: &str| {
        let inner = serde_json::json!({ "filename": filename, "name": "tensor", "line": 7 });
        let outer = serde_json::json!({ "filename": "/a/model.py", "name": "forward", "line": 3 });
        let frames = [inner, outer];
        let event =
            serde_json::json!({ "action": "alloc", "addr": 1, "size": 1, "frames": frames });
        let text = serde_json::json!({ "generator": generator, "device_traces": [[event]] });
        let text = text.to_string();
        let document = json::read(text.as_bytes()).expect("JSON");
        let reader = Reader::new(&document);
        let replay = replay(&devices(&reader).expect("a device")[&0]);
        let name = Names::new(&reader).of(&replay.blocks[0]).expect("a name");
        let calls = calls(&reader, &replay).expect("frames").expect("calls");
        let leaf = calls.of_blocks[0].index();
        (name, calls.name(&calls.calls()[leaf]).to_string())
    };
    let names = |name: &str, call: &str| (name.to_string(), call.to_string());
    assert_eq!(name_of("", "??"), names("model.py:3 forward #1", "tensor"));
    assert_eq!(
        name_of("", "x.py"),
        names("x.py:7 tensor #1", "x.py:7 tensor")
    );
    assert_eq!(name_of("orionrt", "x.py"), names("x.py #1", "x.py"));
    assert_eq!(name_of("orionrt", "conv"), names("conv #1", "conv"));
}

#[test]
fn names_of_calls_have_at_most_400_bytes_and_an_ellipsis() {
    let name = "n".repeat(10_000);
    let frame = serde_json::json!({ "filename": format!("/{name}"), "name": name, "line": 1 });
    let event = serde_json::json!({ "action": "alloc", "addr": 1, "size": 1, "frames": [frame] });
    let text = serde_json::json!({ "device_traces": [[event]] }).to_string();
    let document = json::read(text.as_bytes()).expect("JSON");
    let reader = Reader::new(&document);
    let replay = replay(&devices(&reader).expect("a device")[&0]);
    let calls = calls(&reader, &replay).expect("frames").expect("calls");
    let name = calls.name(&calls.calls()[0]);
    assert_eq!(name, format!("{}…", "n".repeat(400)));
}
