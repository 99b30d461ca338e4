//! Lifetimes from columns are those of the library's own rows, however the columns lie in memory.

use std::ffi::{CString, c_char};
use std::ptr::{null, null_mut};

use ::orionrt_plan::{Lifetime, Lifetimes, Planner, TensorId};
use orionrt_c::*;
use proptest::prelude::*;

/// First step, length, size, exponent of the alignment, and the fixed offset as a multiple of it.
type Row = (i64, i64, u64, u32, Option<u64>);

/// Of some rows, the row that they lie within, and where in it they begin.
type Views = Vec<Option<(usize, u64)>>;

fn row() -> impl Strategy<Value = Row> {
    let fixed = prop::option::weighted(0.1, 0u64..1000);
    (-50i64..50, 0i64..20, 0u64..5000, 0u32..8, fixed)
}

fn lifetime(&(lower, length, size, exponent, fixed): &Row) -> Lifetime {
    let row = Lifetime::new(lower, lower + length, size).with_alignment(1 << exponent);
    fixed.map_or(row, |fixed| row.with_fixed_offset(fixed << exponent))
}

/// The bytes of numbers, each `stride` bytes after the one before it, from an odd address on.
fn laid_out<const N: usize>(values: &[[u8; N]], stride: usize) -> Vec<u8> {
    let mut bytes = vec![0xa5; 1 + values.len() * stride + N];
    for (i, value) in values.iter().enumerate() {
        bytes[1 + i * stride..][..N].copy_from_slice(value);
    }
    bytes
}

fn column(bytes: &[u8], stride: usize) -> orionrt_column {
    orionrt_column {
        data: bytes[1..].as_ptr().cast(),
        stride,
    }
}

/// The plan in JSON that C gets for these rows; the message of the error if there is one.
fn planned_in_c(
    rows: &[Lifetime],
    names: &[CString],
    strides: [usize; 7],
) -> Result<String, String> {
    let signed = |value: fn(&Lifetime) -> i64| -> Vec<[u8; 8]> {
        rows.iter().map(|row| value(row).to_ne_bytes()).collect()
    };
    let unsigned = |value: fn(&Lifetime) -> u64| -> Vec<[u8; 8]> {
        rows.iter().map(|row| value(row).to_ne_bytes()).collect()
    };
    let lower = laid_out(&signed(|row| row.lower), strides[0]);
    let upper = laid_out(&signed(|row| row.upper), strides[1]);
    let size = laid_out(&unsigned(|row| row.size), strides[2]);
    let alignment = laid_out(&unsigned(|row| row.alignment), strides[3]);
    let fixed = unsigned(|row| row.fixed_offset.unwrap_or(ORIONRT_NOT_FIXED));
    let fixed = laid_out(&fixed, strides[4]);
    let root = |row: &Lifetime| {
        row.within
            .map_or(ORIONRT_NONE, |within| within.root.index())
    };
    let root: Vec<_> = rows.iter().map(|row| root(row).to_ne_bytes()).collect();
    let root = laid_out(&root, strides[5]);
    let root_offset = unsigned(|row| row.within.map_or(0, |within| within.offset));
    let root_offset = laid_out(&root_offset, strides[6]);
    let pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let left_out = orionrt_column {
        data: null(),
        stride: 0,
    };
    let columns = orionrt_columns {
        count: rows.len(),
        lower: column(&lower, strides[0]),
        upper: column(&upper, strides[1]),
        size: column(&size, strides[2]),
        alignment: column(&alignment, strides[3]),
        fixed_offset: column(&fixed, strides[4]),
        root: column(&root, strides[5]),
        root_offset: column(&root_offset, strides[6]),
        name: match names.len() {
            0 => left_out,
            _ => orionrt_column {
                data: pointers.as_ptr().cast(),
                stride: 0,
            },
        },
    };
    // SAFETY: the columns have as many values as there are rows, and each handle is used as it was
    // given and freed once.
    unsafe {
        let (mut lifetimes, mut plan, mut text, mut error) =
            (null_mut(), null_mut(), null_mut(), null_mut());
        let planner = orionrt_planner_new();
        orionrt_planner_set_node_limit(planner, 1000, null_mut());
        let mut status = orionrt_lifetimes_from_columns(&columns, &mut lifetimes, &mut error);
        if status == orionrt_status::ORIONRT_OK {
            status = orionrt_plan_make(lifetimes, planner, &mut plan, &mut error);
        }
        if status == orionrt_status::ORIONRT_OK {
            status = orionrt_plan_to_json(plan, &mut text, &mut error);
        }
        let answer = match status {
            orionrt_status::ORIONRT_OK => Ok(text_of(orionrt_text_string(text))),
            _ => {
                let message = std::ffi::CStr::from_ptr(orionrt_error_message(error));
                Err(message.to_str().expect("messages are UTF-8").into())
            }
        };
        orionrt_error_free(error);
        orionrt_text_free(text);
        orionrt_plan_free(plan);
        orionrt_planner_free(planner);
        orionrt_lifetimes_free(lifetimes);
        answer
    }
}

/// # Safety
/// The view is that of text which is still there.
unsafe fn text_of(view: orionrt_string) -> String {
    // SAFETY: the caller says that the text is there.
    let bytes = unsafe { std::slice::from_raw_parts(view.data.cast::<u8>(), view.length) };
    String::from_utf8(bytes.to_vec()).expect("texts are UTF-8")
}

/// The lifetimes of rows, of which some lie within others. Most are views that are possible, within
/// the rows before them.
fn viewed(rows: &[Row], views: Views) -> Vec<Lifetime> {
    let mut made: Vec<Lifetime> = Vec::new();
    for (row, view) in rows.iter().zip(views) {
        let mut own = lifetime(row);
        if let Some((root, offset)) = view.filter(|(root, _)| *root < rows.len()) {
            if let Some(of) = made.get(root) {
                let size = own.size.min(of.size.saturating_sub(offset));
                own = Lifetime::new(of.lower, of.upper, size);
            }
            own = own.with_root(TensorId::new(root as u32), offset);
        }
        made.push(own);
    }
    made
}

/// The plan in JSON of the library itself.
fn planned(rows: &[Lifetime], names: &[String]) -> Result<String, String> {
    let named = names.iter().zip(rows.iter().copied());
    let lifetimes = Lifetimes::from_named(named).map_err(|error| error.to_string())?;
    let plan = Planner::new().nodes(1000).plan(&lifetimes);
    let plan = plan.map_err(|error| error.to_string())?;
    let mut json = Vec::new();
    plan.write_json(&mut json).expect("memory takes it");
    Ok(String::from_utf8(json).expect("JSON is UTF-8"))
}

proptest! {
    #[test]
    fn lifetimes_from_columns_are_those_of_rows(
        rows in prop::collection::vec(row(), 0..30),
        views in prop::collection::vec(prop::option::weighted(0.2, (0usize..30, 0u64..3)), 30),
        strides in prop::array::uniform7(8usize..40),
        is_named in any::<bool>(),
    ) {
        let rows = viewed(&rows, views);
        let names: Vec<String> = match is_named {
            true => (0..rows.len()).map(|i| format!("tensor {i}")).collect(),
            false => (0..rows.len()).map(|i| i.to_string()).collect(),
        };
        let given = names.iter().filter(|_| is_named);
        let given: Vec<CString> = given.map(|name| CString::new(&**name).unwrap()).collect();
        prop_assert_eq!(planned_in_c(&rows, &given, strides), planned(&rows, &names));
    }
}
