//! CSV as other tools write it: their names of columns, what is left out, and files of other kinds.
//!
//! What OrionRT writes itself is in `tests/files.rs`.

#![cfg(feature = "files")]

use orionrt::{
    Lifetimes, Plan, Planner, TensorId,
    files::{CsvTable, CsvWarning, FileKind, FileMistake, FilePosition},
    lifetimes::Piece,
};
use proptest::prelude::*;

fn read(text: &str) -> (Lifetimes, Vec<CsvWarning>) {
    Lifetimes::read_csv_with_warnings(text.as_bytes()).unwrap()
}

fn refused(text: &[u8]) -> String {
    Lifetimes::read_csv(text).unwrap_err().to_string()
}

#[test]
fn minimalloc_s_names_of_columns_are_known() {
    let (usual, warnings) = read("id,lower,upper,size,alignment,gaps\na,0,4,8,2,1-2\nb,2,5,8,1,\n");
    assert_eq!(warnings, []);
    for id in ["id", "buffer", "buffer_id"] {
        for lower in ["lower", "start", "begin"] {
            let exclusive =
                format!("{id},{lower},upper,size,alignment,gaps\na,0,4,8,2,1-2\nb,2,5,8,1,\n");
            assert_eq!(read(&exclusive), (usual.clone(), vec![]), "{exclusive}");
            let inclusive =
                format!("gaps,size,end,{lower},alignment,{id}\n1-1,8,3,0,2,a\n,8,4,2,1,b\n");
            assert_eq!(read(&inclusive), (usual.clone(), vec![]), "{inclusive}");
        }
    }
}

#[test]
fn a_plan_written_like_its_input_keeps_an_inclusive_end() {
    let input = "buffer,start,end,size\na,0,1,8\nb,1,2,8\n";
    let (lifetimes, _) = read(input);
    let plan = Planner::new().plan(&lifetimes).unwrap();
    let mut output = Vec::new();
    plan.write_csv_like(input.as_bytes(), &mut output).unwrap();
    let (back, warnings) = Plan::read_csv_with_warnings(&output[..]).unwrap();
    assert!(output.starts_with(b"buffer,start,end,size,offset\n"));
    assert_eq!((back.offsets(), back.peak()), (plan.offsets(), 16));
    assert_eq!(warnings, []);
}

#[test]
fn an_inclusive_end_without_a_step_after_it_is_refused_at_its_line() {
    let last = i64::MAX;
    let text = format!("id,start,end,size\na,0,1,8\nb,0,{last},8\n");
    assert_eq!(
        refused(text.as_bytes()),
        format!("line 3: end is '{last}', expected a whole number from -2^63 to 2^63 - 2")
    );
}

#[test]
fn columns_that_mean_the_same_are_refused() {
    assert_eq!(
        refused(b"id,lower,upper,end,size\na,0,4,3,8\n"),
        "line 1: the header has the columns 'upper' and 'end', which mean the same, expected one"
    );
    assert_eq!(
        refused(b"id,lower,upper,size,size\na,0,4,3,8\n"),
        "line 1: the header has two columns 'size', expected one"
    );
}

#[test]
fn a_column_that_is_not_known_is_a_warning_that_names_it() {
    let (lifetimes, warnings) = read("id,hint,lower,upper,size, Alignment \na,-1,0,4,8,64\n");
    let all: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        all,
        [
            "column 'hint' is not known and is ignored",
            "column 'Alignment' is not known and is ignored"
        ]
    );
    assert_eq!(lifetimes.rows()[0].alignment, 1);
}

#[test]
fn a_gap_with_a_window_leaves_the_bytes_of_the_window_alive() {
    let text =
        "id,lower,upper,size,gaps\na,0,9,8,1-2\n\nb,0,9,8,1-2 3-5@0:4 6-7@4:8\nc,3,5,8,3-4@0:1\n";
    let (lifetimes, warnings) = read(text);
    assert_eq!(warnings, []);
    let id = TensorId::new;
    assert!(lifetimes.gaps(id(0)).eq(Some(1..2)));
    assert!(lifetimes.gaps(id(1)).eq(Some(1..2)));
    assert_eq!(lifetimes.gaps(id(2)).count(), 0);
    assert!(lifetimes.pieces(id(1)).eq([
        Piece::new(0..1, 0..8),
        Piece::new(2..3, 0..8),
        Piece::new(3..5, 0..4),
        Piece::new(5..6, 0..8),
        Piece::new(6..7, 4..8),
        Piece::new(7..9, 0..8),
    ]));
    assert!(
        lifetimes
            .pieces(id(2))
            .eq([Piece::new(3..4, 0..1), Piece::new(4..5, 0..8)])
    );
}

#[test]
fn a_window_that_is_none_is_refused_with_its_line() {
    let refused =
        |gaps: &str| refused(format!("id,lower,upper,size,gaps\na,0,9,8,{gaps}\n").as_bytes());
    assert_eq!(
        refused("1-2@4:9"),
        "line 2: id 'a': its window of bytes 4..9 does not lie within its 8 bytes"
    );
    assert_eq!(
        refused("3-4 1-4@0:4"),
        "line 2: id 'a': its window in steps 1..4 has steps of its gap 3..4, in which \
         it needs no bytes"
    );
}

#[test]
fn a_file_of_another_kind_is_named_as_what_it_looks_like() {
    let files: [(&[u8], FileKind, &str); 5] = [
        (b"\x08\x09\x12\x07pytorch", FileKind::Onnx, "an ONNX model"),
        (
            b"\x1c\0\0\0TFL3\0",
            FileKind::Tflite,
            "a TensorFlow Lite model",
        ),
        (b"{\"tensors\": []}", FileKind::Json, "JSON"),
        (
            b"\x1f\x8b\x08\0",
            FileKind::Gzip,
            "a file compressed by gzip",
        ),
        (b"\xff\xfei\0d\0", FileKind::Utf16, "text in UTF-16"),
    ];
    for (bytes, kind, name) in files {
        let error = Lifetimes::read_csv(bytes).unwrap_err();
        let found =
            |mistake| matches!(mistake, FileMistake::OtherKind { found, .. } if found == kind);
        assert!(found(error.mistake.clone()), "{error:?}");
        assert_eq!(
            error.to_string(),
            format!(
                "whole file: this looks like {name}, \
                 expected CSV with the header id,lower,upper,size"
            )
        );
    }
    // Text that is no such table keeps its own message.
    assert!(refused(b"").starts_with("line 1: the header has no column 'id'"));
    assert!(refused(b"a,b\n1,2\n").starts_with("line 1: the header has no column 'id'"));
}

fn plc(records: &[[u64; 8]]) -> Vec<u8> {
    let words = records.iter().flatten();
    words.flat_map(|word| word.to_be_bytes()).collect()
}

#[test]
fn records_of_idealloc_are_read_or_refused_by_number() {
    let good = [3, 0, 4, 1024, 99, 98, 0, 1000];
    let aligned = [5, 2, 6, 64, 0, 0, 64, 64];
    let lifetimes = Lifetimes::read_plc(&plc(&[good, aligned])[..]).unwrap();
    let rows = [("3", 0, 4, 1024, 1), ("5", 2, 6, 64, 64)];
    assert_eq!(lifetimes, Lifetimes::from_rows(rows).unwrap());

    let refused = |bytes: &[u8]| Lifetimes::read_plc(bytes).unwrap_err().to_string();
    assert_eq!(
        refused(&plc(&[good])[1..]),
        "whole file: the file has 63 bytes, expected a multiple of 64"
    );
    let far = [5, 0, u64::MAX, 64, 0, 0, 0, 64];
    assert_eq!(
        refused(&plc(&[good, far])),
        format!(
            "tensors[1]: death is '{}', expected a whole number from 0 to 2^63 - 1",
            u64::MAX
        )
    );
    let backwards = [6, 5, 4, 64, 0, 0, 0, 64];
    assert!(refused(&plc(&[good, backwards])).starts_with("tensors[1]: id '6'"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Lifetimes::read_plc(&bytes[..]);
        let _ = orionrt::files::detect(&bytes);
        let _ = Lifetimes::read_csv_with_warnings(&bytes[..]);
    }
}

#[test]
fn some_rows_of_a_table_are_lifetimes_for_themselves_and_mistakes_keep_their_lines() {
    let text = "id,lower,upper,size,lane\na,0,2,8,x\na,0,2,8,\" y\"\nb,1,3,8,x\n";
    let table = CsvTable::read(text.as_bytes()).unwrap();
    // An id may be that of a row of another table, not of the same one.
    let error = table.lifetimes().unwrap_err().to_string();
    assert!(error.starts_with("line 3: id 'a'"), "{error}");
    let lanes = table.column("lane").unwrap().unwrap();
    assert_eq!(lanes, ["x", " y", "x"]);
    assert_eq!(table.column("stream").unwrap(), None);
    let first = table.filtered(|row| lanes[row] == "x").unwrap();
    assert_eq!(first.lifetimes().unwrap().0.load(), 16);
    assert_eq!(first.column("lane").unwrap().unwrap(), ["x", "x"]);
    let second = first.filtered(|row| row == 1).unwrap();
    let names = second.lifetimes().unwrap().0;
    assert_eq!(names.name(TensorId::from_index(0)), Some("b"));
    let wrong = CsvTable::read(text.replace("b,1,3,8", "b,1,-3,8").as_bytes()).unwrap();
    let wrong = wrong.filtered(|row| row > 1).unwrap();
    let error = wrong.lifetimes().unwrap_err().to_string();
    assert!(error.starts_with("line 4: id 'b'"), "{error}");
    let overlap = "id,lower,upper,size,offset,lane\na,0,2,8,0,x\nb,0,2,8,0,y\nc,0,2,8,4,x\n";
    let table = CsvTable::read(overlap.as_bytes()).unwrap();
    let error = table.filtered(|row| row != 1).unwrap().plan().unwrap_err();
    assert_eq!(error.position, FilePosition::Line(4));
    table
        .filtered(|row| row < 2 && row > 0)
        .unwrap()
        .plan()
        .unwrap();
}

#[test]
fn a_table_is_written_with_as_many_offsets_as_rows() {
    let text = "lane,id,lower,upper,size,offset\nx,a,0,2,8,7\ny,b,0,2,8,7\nx,c,2,4,8,7\n";
    let table = CsvTable::read(text.as_bytes()).unwrap();
    let written = |table: &CsvTable, offsets: &[u64]| {
        let mut output = Vec::new();
        let written = table.write_with_offsets(offsets, &mut output);
        written.map(|()| String::from_utf8(output).unwrap())
    };
    let kept = table.filtered(|row| row != 1).unwrap();
    let expected = "lane,id,lower,upper,size,offset\nx,a,0,2,8,16\nx,c,2,4,8,0\n";
    assert_eq!(written(&kept, &[16, 0]).unwrap(), expected);
    for wrong in [&[0][..], &[0, 0, 0]] {
        assert!(written(&kept, wrong).is_err(), "{wrong:?}");
    }
    assert!(written(&table, &[0, 8, 0]).is_ok());
}

#[test]
fn a_column_is_not_read_where_two_have_its_name() {
    let text = "id,lower,upper,size,lane,lane\na,0,2,8,x,y\n";
    let error = CsvTable::read(text.as_bytes())
        .unwrap()
        .column("lane")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 1: the header has two columns 'lane', expected one"
    );
}
