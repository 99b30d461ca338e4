//! The options `--html` and `--perfetto`: a page with the plan in it, and a trace.
//!
//! The document is read as `docs/page.md` describes it, not by the code that writes it.

use std::io::Read;

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::read::GzDecoder;
use orionrt_test_models::{
    parts::{encoded, node, value},
    proto::{
        AttributeProto, GraphProto,
        attribute_proto::AttributeType,
        tensor_proto::DataType::{Bool, Float},
    },
};
use serde_json::Value;

use crate::{
    onnx::model,
    run::{Folder, THREE},
};

/// What a page has between the tags of its data.
pub struct Document {
    pub header: Value,
    columns: Vec<u8>,
}

impl Document {
    pub fn of(page: &str) -> Self {
        let tag = r#"<script id="orionrt-data" type="application/octet-stream">"#;
        let (_, data) = page.split_once(tag).expect("the data's tag");
        let (data, _) = data.split_once("</script>").expect("its end");
        let packed = STANDARD.decode(data).expect("base64");
        let mut bytes = Vec::new();
        GzDecoder::new(&packed[..])
            .read_to_end(&mut bytes)
            .expect("gzip");
        let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!((&bytes[..4], number(4)), (&b"ORPG"[..], 1));
        let end = 12 + number(8) as usize;
        Self {
            header: serde_json::from_slice(&bytes[12..end]).expect("JSON"),
            columns: bytes[end.next_multiple_of(8)..].into(),
        }
    }

    fn map(&self) -> &Value {
        &self.header["maps"][0]
    }

    pub fn column(&self, column: &Value) -> Vec<f64> {
        let number = |name: &str| column[name].as_f64().unwrap_or_default();
        let scale = column["scale"].as_f64().unwrap_or(1.0);
        let width = match column["type"].as_str() {
            Some("u8") => 1,
            Some("u16") => 2,
            Some("u32") => 4,
            _ => 8,
        };
        let start = number("at") as usize;
        let stored = &self.columns[start..start + width * number("count") as usize];
        let mut sum = 0.0;
        let value = |bytes: &[u8]| {
            if width == 8 {
                return f64::from_le_bytes(bytes.try_into().unwrap());
            }
            let plain = bytes
                .iter()
                .rev()
                .fold(0, |sum, &byte| sum << 8 | u64::from(byte));
            if column["delta"] != true {
                return plain as f64;
            }
            sum += if plain % 2 == 1 {
                -((plain / 2) as f64) - 1.0
            } else {
                (plain / 2) as f64
            };
            sum
        };
        let values = stored.chunks_exact(width).map(value);
        values.map(|value| number("base") + scale * value).collect()
    }

    /// The strings that a column has the numbers of.
    pub fn strings(&self, column: &Value) -> Vec<String> {
        let bytes = self.column(&self.header["strings"]["bytes"]);
        let bytes: Vec<u8> = bytes.iter().map(|&byte| byte as u8).collect();
        let ends = self.column(&self.header["strings"]["ends"]);
        let string = |&number: &f64| {
            let number = number as usize;
            let start = if number == 0 { 0.0 } else { ends[number - 1] };
            String::from_utf8(bytes[start as usize..ends[number] as usize].into()).expect("UTF-8")
        };
        self.column(column).iter().map(string).collect()
    }

    fn of_tensors(&self, name: &str) -> Vec<f64> {
        self.column(&self.map()["tensors"][name])
    }

    /// Each list's items.
    fn lists(&self, lists: &Value) -> Vec<Vec<f64>> {
        let items = self.column(&lists["items"]);
        let mut start = 0;
        let list = |end: &f64| {
            let range = start..*end as usize;
            start = range.end;
            items[range].to_vec()
        };
        self.column(&lists["ends"]).iter().map(list).collect()
    }
}

/// Makes a page; returns its document, and the result that is printed as JSON.
fn page(folder: &Folder, args: &[&str]) -> (Document, Value) {
    let json = folder
        .done(&[args, &["--html", "p.html", "--json"]].concat())
        .json();
    (Document::of(&folder.read("p.html")), json)
}

#[test]
fn a_column_of_streams_is_on_the_page_and_nowhere_else() {
    let rows = "id,lower,upper,size,stream,color\na,0,2,8,copy,x\nb,2,4,8,,y\nc,4,6,8,copy,z\n";
    let folder = Folder::with("in.csv", rows);
    let run = folder.run(&["plan", "in.csv", "--html", "p.html"]);
    assert_eq!(
        (run.status, run.stderr.matches("is ignored").count()),
        (0, 1),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("'color' is not known"),
        "{}",
        run.stderr
    );
    let document = Document::of(&folder.read("p.html"));
    let streams = &document.map()["streams"];
    assert_eq!(
        streams["names"],
        serde_json::json!(["stream copy", "no stream"])
    );
    assert_eq!(document.column(&streams["of"]), [0.0, 1.0, 0.0]);
    // Bytes go from one stream to the other: streams do not change the plan, and that is said.
    assert_eq!(document.map()["peak"], 8);
    let notes = document.header["notes"].to_string();
    assert!(
        notes.contains("2 streams: the plan takes the steps"),
        "{notes}"
    );
    for plain in [
        &["plan", "in.csv"][..],
        &["plan", "in.csv", "--perfetto", "p.json"],
    ] {
        let stderr = folder.run(plain).stderr;
        let is_said = stderr.contains("'stream' is not known and is ignored");
        assert!(is_said, "{stderr}");
    }
    // The plan of a page has the streams wherever it is drawn.
    folder.write("other.csv", THREE);
    for (verb, count) in [
        (&["compare", "in.csv"][..], 2),
        (&["view", "in.csv", "other.csv", "--no-open"], 1),
    ] {
        let run = folder.run(&[verb, &["--html", "p.html"]].concat());
        assert!(!run.stderr.contains("'stream'"), "{}", run.stderr);
        let document = Document::of(&folder.read("p.html"));
        let maps = document.header["maps"].as_array().unwrap();
        let with_streams = maps.iter().filter(|map| !map["streams"].is_null());
        assert_eq!((with_streams.count(), maps.len()), (count, 2), "{verb:?}");
    }
}

#[test]
fn a_page_has_the_numbers_of_the_plan() {
    let folder = Folder::with("in.csv", THREE);
    let (document, json) = page(&folder, &["plan", "in.csv", "--capacity", "5000"]);
    let map = document.map();
    for name in ["peak", "load", "lower_bound"] {
        assert_eq!(map[name], json[name], "{name}");
    }
    assert_eq!(map["least_alignment"], 1);
    assert_eq!(
        (&map["is_optimal"], &map["capacity"]),
        (&true.into(), &5000.into())
    );
    assert_eq!(
        (&map["first_step"], &map["end_step"]),
        (&0.into(), &4.into())
    );
    assert_eq!(
        (&map["operators"], &document.header["title"]),
        (&Value::Null, &"in.csv".into())
    );
    assert_eq!(document.strings(&map["tensors"]["name"]), ["a", "b", "c"]);
    let of = |name| document.of_tensors(name);
    assert_eq!(
        (of("lower"), of("upper")),
        (vec![0.0, 1.0, 2.0], vec![2.0, 3.0, 4.0])
    );
    assert_eq!(
        (of("size"), of("within")),
        (vec![1024.0, 2048.0, 1024.0], vec![0.0; 3])
    );
    let (offsets, sizes) = (of("offset"), of("size"));
    let highest = offsets
        .iter()
        .zip(sizes)
        .map(|(offset, size)| offset + size);
    assert_eq!(highest.fold(0.0, f64::max), 3072.0);
    let profile = |name: &str| document.column(&map["profile"][name]);
    assert_eq!(profile("step"), [0.0, 1.0, 3.0]);
    assert_eq!(profile("load"), [1024.0, 3072.0, 1024.0]);
}

#[test]
fn steps_at_which_nothing_is_alive_have_no_load() {
    let folder = Folder::with("in.csv", "id,lower,upper,size\na,-5,-3,8\nb,2,4,16\n");
    let (document, _) = page(&folder, &["plan", "in.csv"]);
    let profile = |name: &str| document.column(&document.map()["profile"][name]);
    assert_eq!(
        (profile("step"), profile("load")),
        (vec![-5.0, -3.0, 2.0], vec![8.0, 0.0, 16.0])
    );
}

#[test]
fn the_steps_of_a_map_are_those_of_all_lifetimes() {
    for (rows, steps) in [
        ("a,0,5,64\nnever,100,100,64\nz,-7,-7,8\n", [-7, 100]),
        ("z,3,3,64\n", [3, 4]),
        ("", [0, 1]),
    ] {
        let folder = Folder::with("in.csv", format!("id,lower,upper,size\n{rows}"));
        let (document, _) = page(&folder, &["plan", "in.csv"]);
        let found = ["first_step", "end_step"].map(|name| document.map()[name].as_i64().unwrap());
        assert_eq!(found, steps, "{rows}");
        let first = document.column(&document.map()["profile"]["step"])[0];
        assert_eq!(first, steps[0] as f64, "{rows}");
    }
}

#[test]
fn gaps_of_a_tensor_are_its_own() {
    let rows = "id,lower,upper,size,gaps\na,0,2,8,\nb,0,9,8,3-5 7-8\n";
    let folder = Folder::with("in.csv", rows);
    let (document, _) = page(&folder, &["plan", "in.csv"]);
    let gaps = |name: &str| document.column(&document.map()["tensors"]["gaps"][name]);
    assert_eq!(gaps("ends"), [0.0, 2.0]);
    assert_eq!(
        (gaps("lower"), gaps("upper")),
        (vec![3.0, 7.0], vec![5.0, 8.0])
    );
}

#[test]
fn windows_of_a_tensor_are_kept() {
    let rows = "id,lower,upper,size,gaps\na,0,6,100,2-4@10:30\nb,2,4,70,\n";
    let folder = Folder::with("in.csv", rows);
    let (document, _) = page(&folder, &["plan", "in.csv"]);
    let windows = &document.map()["tensors"]["windows"];
    let windows = |name: &str| document.column(&windows[name]);
    assert_eq!(windows("ends"), [3.0, 3.0]);
    assert_eq!(
        (windows("lower"), windows("upper")),
        (vec![0.0, 2.0, 4.0], vec![2.0, 4.0, 6.0])
    );
    assert_eq!(
        (windows("first"), windows("end")),
        (vec![0.0, 10.0, 0.0], vec![100.0, 30.0, 100.0])
    );
    assert_eq!(document.header["notes"].as_array().map(Vec::len), Some(0));
    let without = Folder::with("in.csv", "id,lower,upper,size\na,0,6,100\n");
    let (document, _) = page(&without, &["plan", "in.csv"]);
    assert!(document.map()["tensors"].get("windows").is_none());
    assert_eq!(document.header["notes"].as_array().map(Vec::len), Some(0));
}

/// ```text
/// x [1, 4, 8, 8] ─ relu ─► a ─ exp ─► b ─ add(b, a) ─► c ─ sum ─► d ─ neg ─► y
/// ```
fn network() -> Vec<u8> {
    let nodes = vec![
        node("Relu", &["x"], &["a"]),
        node("Exp", &["a"], &["b"]),
        node("Add", &["b", "a"], &["c"]),
        node("GlobalAveragePool", &["c"], &["d"]),
        node("Neg", &["d"], &["y"]),
    ];
    model(&["1", "4", "8", "8"], nodes, Vec::new())
}

#[test]
fn a_page_of_a_model_has_its_operators_and_types() {
    let folder = Folder::with("model.onnx", network());
    let (document, json) = page(&folder, &["plan", "model.onnx", "--aliasing", "in-place"]);
    let (map, operators) = (document.map(), &document.map()["operators"]);
    let types = ["Relu", "Exp", "Add", "GlobalAveragePool", "Neg"];
    assert_eq!(document.strings(&operators["type"]), types);
    let names = document.strings(&map["tensors"]["name"]);
    let number = |name: &str| names.iter().position(|other| other == name).unwrap() as f64;
    let [a, b, c] = ["a", "b", "c"].map(number);
    assert_eq!(document.lists(&operators["reads"])[2], [b, a]);
    assert_eq!(document.lists(&operators["writes"])[2], [c]);
    let shapes = document.strings(&map["tensors"]["shape"]);
    let elements = document.strings(&map["tensors"]["element"]);
    let at = |name: &str| number(name) as usize;
    assert_eq!(
        (&*shapes[at("c")], &*elements[at("c")]),
        ("1×4×8×8", "float32")
    );
    assert_eq!(shapes[at("d")], "1×4×1×1");
    let inside = document
        .of_tensors("within")
        .iter()
        .filter(|&&within| within > 0.0)
        .count();
    assert_eq!(Some(inside as u64), json["aliased"].as_u64());
    assert!(inside > 0);
}

#[test]
fn what_is_said_to_lower_the_peak_does() {
    let folder = Folder::with("model.onnx", network());
    let (document, json) = page(&folder, &["plan", "model.onnx"]);
    let savings = document.map()["savings"].as_array().unwrap();
    assert_eq!(savings.len(), 1, "{savings:?}");
    let with = folder
        .done(&["plan", "model.onnx", "--aliasing", "in-place", "--json"])
        .json();
    let number = |value: &Value| value.as_u64().unwrap();
    assert_eq!(
        (&savings[0]["kind"], &savings[0]["load"]),
        (&"in-place".into(), &with["load"])
    );
    assert_eq!(
        number(&savings[0]["saves"]),
        number(&json["load"]) - number(&with["load"])
    );
}

#[test]
fn what_nothing_was_tried_for_has_no_savings() {
    let folder = Folder::with("model.onnx", network());
    folder.write("in.csv", THREE);
    let in_place = ["plan", "model.onnx", "--aliasing", "in-place"];
    // Another order was tried, and does not help.
    let (document, _) = page(&folder, &in_place);
    assert_eq!(document.map()["savings"], serde_json::json!([]));
    let all = [&in_place[..], &["--order", "memory"]].concat();
    for args in [&all[..], &["plan", "in.csv"]] {
        let (document, _) = page(&folder, args);
        assert_eq!(document.map().get("savings"), None, "{args:?}");
    }
}

#[test]
fn a_page_says_how_the_model_is_executed() {
    let folder = Folder::with("model.onnx", network());
    folder.write("in.csv", THREE);
    let execution = |args: &[&str]| page(&folder, args).0.map()["execution"].clone();
    let weights = folder.done(&["plan", "model.onnx", "--json"]).json()["weights_bytes"].clone();
    assert!(weights.is_u64(), "{weights}");
    assert_eq!(
        execution(&["plan", "model.onnx"]),
        serde_json::json!({"order": "file", "aliasing": "off", "weights": weights})
    );
    assert_eq!(execution(&["plan", "in.csv"]), Value::Null);
    let options = ["--order", "memory", "--aliasing", "in-place"];
    let plan = [&["plan", "model.onnx"], &options[..]].concat();
    let file_load = folder
        .done(&[&plan[..], &["--json", "--output", "plan.json"]].concat())
        .json()["load_before"]
        .clone();
    let found = execution(&plan);
    assert_eq!(
        (&found["order"], &found["aliasing"]),
        (&"memory".into(), &"in-place".into())
    );
    assert!(file_load.is_u64(), "{file_load}");
    assert_eq!(found["file_load"], file_load);
    // A plan's file states it, and the operators, which a model has itself.
    let (alone, _) = page(&folder, &["check", "plan.json"]);
    let stated = &alone.map()["execution"];
    assert_eq!(
        (&stated["order"], &stated["aliasing"]),
        (&"memory".into(), &"in-place".into())
    );
    assert_eq!(stated.get("weights"), None);
    let names = alone.strings(&stated["operators"]);
    let (beside, _) = page(&folder, &["check", "plan.json", "--model", "model.onnx"]);
    assert_eq!(beside.map()["execution"].get("operators"), None);
    assert_eq!(beside.strings(&beside.map()["operators"]["name"]), names);
    // Of the path to an order the page has the file's name only.
    folder.write("order.txt", names.join("\n"));
    let order = folder.path("order.txt").display().to_string();
    let listed = execution(&["plan", "model.onnx", "--order", &order]);
    assert_eq!(
        listed,
        serde_json::json!({"order": "order.txt", "aliasing": "off", "weights": weights})
    );
}

#[test]
fn an_order_of_operators_is_that_of_the_plan() {
    let folder = Folder::with("model.onnx", network());
    let (document, json) = page(&folder, &["plan", "model.onnx", "--order", "memory"]);
    let names = document.strings(&document.map()["operators"]["name"]);
    assert_eq!(json["order"], serde_json::json!(names));
    let types = document.strings(&document.map()["operators"]["type"]);
    assert_eq!((names.len(), &*types[0]), (5, "Relu"));
}

#[test]
fn names_are_data_and_nothing_else() {
    let name = "</script><script>alert(1)</script>\u{202e}\"'&";
    let quoted = name.replace('"', "\"\"");
    let rows = format!("id,lower,upper,size\n\"{quoted}\",0,2,8\n");
    let folder = Folder::with("<script>.csv", rows);
    let (document, _) = page(&folder, &["plan", "<script>.csv"]);
    assert_eq!(document.strings(&document.map()["tensors"]["name"]), [name]);
    assert_eq!(document.header["title"], "<script>.csv");
    let page = folder.read("p.html");
    assert!(
        !page.contains("alert(1)"),
        "the name is in the page as it is"
    );
}

#[test]
fn what_a_page_cannot_show_is_refused_by_its_number() {
    let folder = Folder::with("in.csv", "id,lower,upper,size\na,0,9007199254740993,8\n");
    let run = folder.run(&["plan", "in.csv", "--html", "p.html", "--output", "p.csv"]);
    run.failed(1, &["cannot write 'p.html'", "9007199254740993", "2^53"]);
    folder.write("in.csv", THREE);
    let capacity = ["--capacity", "9007199254740992"];
    let run = folder.run(&[&["plan", "in.csv", "--html", "p.html"], &capacity[..]].concat());
    run.failed(1, &["cannot write 'p.html'", "9007199254740992", "2^53"]);
    assert_eq!(folder.names(), ["in.csv"]);
}

#[test]
fn a_trace_has_the_operators_with_what_they_read_and_write() {
    let folder = Folder::with("model.onnx", network());
    let args = ["plan", "model.onnx", "--perfetto", "trace.json", "--json"];
    let json = folder.done(&args).json();
    let trace: Value = serde_json::from_str(&folder.read("trace.json")).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("a list");
    let add = events
        .iter()
        .find(|event| event["cat"] == "Add")
        .expect("the operator");
    assert_eq!(
        (&add["ts"], &add["dur"], &add["ph"]),
        (&2.into(), &1.into(), &"X".into())
    );
    assert_eq!(add["args"]["reads"], serde_json::json!(["b", "a"]));
    let loads = events.iter().filter(|event| event["ph"] == "C");
    let most = loads
        .map(|event| event["args"]["bytes"].as_u64().unwrap())
        .max();
    assert_eq!(most, json["load"].as_u64());
}

#[test]
fn a_plan_that_is_checked_is_drawn_and_with_its_model_its_operators() {
    let folder = Folder::with("model.onnx", network());
    folder.done(&[
        "plan",
        "model.onnx",
        "--aliasing",
        "in-place",
        "--output",
        "plan.json",
    ]);
    let (alone, json) = page(&folder, &["check", "plan.json", "--capacity", "9999"]);
    assert_eq!(
        (&alone.header["kind"], &alone.header["title"]),
        (&"check".into(), &"plan.json".into())
    );
    assert_eq!(
        (&alone.map()["peak"], &alone.map()["capacity"]),
        (&json["peak"], &9999.into())
    );
    assert_eq!(alone.map()["operators"], Value::Null);
    let note = alone.header["notes"][0].as_str().unwrap();
    assert!(note.starts_with("not verified: whether names"), "{note}");
    let (with_model, _) = page(&folder, &["check", "plan.json", "--model", "model.onnx"]);
    let types = with_model.strings(&with_model.map()["operators"]["type"]);
    assert_eq!(types, ["Relu", "Exp", "Add", "GlobalAveragePool", "Neg"]);
    assert_eq!(with_model.of_tensors("offset"), alone.of_tensors("offset"));
    for (option, would) in [("plan.json", "the plan"), ("model.onnx", "the model")] {
        let args = [
            "check",
            "plan.json",
            "--model",
            "model.onnx",
            "--html",
            option,
        ];
        folder
            .run(&args)
            .failed(2, &[&format!("would replace {would} '{option}'")]);
    }
}

/// Two nodes that each choose between two branches of one operator.
fn choices() -> GraphProto {
    let branch = |result: &str| GraphProto {
        name: "branch".into(),
        node: vec![node("Exp", &["x"], &[result])],
        output: vec![value(result, Float, &["8"])],
        ..Default::default()
    };
    let choice = |result: &str| {
        let mut choice = node("If", &["c"], &[result]);
        for name in ["then_branch", "else_branch"] {
            choice.attribute.push(AttributeProto {
                name: name.into(),
                r#type: AttributeType::Graph as i32,
                g: Some(branch(&format!("{result}_{name}"))),
                ..Default::default()
            });
        }
        choice
    };
    GraphProto {
        name: "choices".into(),
        node: vec![choice("a"), choice("b")],
        input: vec![value("c", Bool, &[]), value("x", Float, &["8"])],
        output: vec![value("a", Float, &["8"]), value("b", Float, &["8"])],
        ..Default::default()
    }
}

#[test]
fn bodies_are_in_the_order_of_their_operators() {
    let folder = Folder::with("model.onnx", encoded(choices()));
    let names = |of: &Document| of.strings(&of.map()["operators"]["name"]);
    let bodies = |of: &Document| {
        let bodies = &of.map()["operators"]["bodies"];
        let (lower, upper) = (of.column(&bodies["lower"]), of.column(&bodies["upper"]));
        let steps = lower.into_iter().zip(upper);
        let steps: Vec<_> = steps
            .map(|(lower, upper)| lower as u64..upper as u64)
            .collect();
        (of.strings(&bodies["name"]), steps)
    };
    let (as_filed, _) = page(&folder, &["plan", "model.onnx"]);
    let places = vec![0..1, 1..2, 3..4, 4..5];
    let then_else = |first: &str, second: &str| {
        let both = [first, second]
            .map(|node| [format!("{node}/then_branch"), format!("{node}/else_branch")]);
        both.concat()
    };
    assert_eq!(
        bodies(&as_filed),
        (then_else("If_a", "If_b"), places.clone())
    );
    // The nodes change places, with all that is in them.
    let operators = names(&as_filed);
    let turned = [&operators[3..], &operators[..3]].concat().join("\n");
    folder.write("turned.txt", turned + "\n");
    let (turned, _) = page(&folder, &["plan", "model.onnx", "--order", "turned.txt"]);
    assert_eq!(bodies(&turned), (then_else("If_b", "If_a"), places));
}
