//! A file on disk → its bytes without the weights.
//!
//! Stands on `wire`'s varints, `limits` and `syntax`. A large message is copied field by field, a
//! small one as it is; payloads of tensors above [`KEPT_PAYLOAD`] are skipped by seeking, never
//! read. Invariants: what comes out decodes to the parts that the whole file does; it has at most
//! [`MAX_KEPT`] bytes.

use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use crate::error::ModelError;
use crate::onnx::limits::Limits;
use crate::onnx::syntax::KEPT_PAYLOAD;
use crate::onnx::wire::{check_fields, varint};

/// The most bytes that a model may have without its weights.
const MAX_KEPT: usize = 48 << 20;

/// What is read from the file at once. Between two payloads there is about one such piece.
const BUFFER: usize = 16 << 10;

/// The bytes of a length that is filled in later: five hold any below 2^35.
const LENGTH: usize = 5;

/// The field `data_location` of `TensorProto`, with the value `EXTERNAL`: the payload is elsewhere.
const PAYLOAD_ELSEWHERE: [u8; 2] = [14 << 3, 1];

/// The bytes of a model's file without the payloads of its large tensors. `length` is the file's.
pub(crate) fn skim(
    source: impl Read + Seek,
    length: u64,
    path: &Path,
) -> Result<Vec<u8>, ModelError> {
    let mut skimmer = Skimmer {
        source: BufReader::with_capacity(BUFFER, source),
        at: 0,
        fields: 0,
        kept: Vec::new(),
        limits: Limits::default(),
        path,
    };
    skimmer.message(Kind::Model, length)?;
    Ok(skimmer.kept)
}

/// The messages that may have a payload somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Model,
    Graph,
    Function,
    Node,
    Attribute,
    Tensor,
    SparseTensor,
}

/// What to do with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is copied as it is.
    Copy,
    /// It is a message whose fields have fates of their own.
    Enter(Kind),
    /// It is a payload: left out, which the tensor then says.
    Payload,
    /// It means nothing to a plan: documentation, metadata, training.
    LeaveOut,
}

impl Kind {
    /// What to do with a large field of this message.
    const fn fate(self, number: u32) -> Fate {
        match (self, number) {
            (Self::Model, 7) | (Self::Attribute, 6 | 11) => Fate::Enter(Self::Graph),
            (Self::Model, 25) => Fate::Enter(Self::Function),
            (Self::Graph, 1) | (Self::Function, 7) => Fate::Enter(Self::Node),
            (Self::Node, 5) | (Self::Function, 11) => Fate::Enter(Self::Attribute),
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) | (Self::SparseTensor, 1 | 2) => {
                Fate::Enter(Self::Tensor)
            }
            (Self::Graph, 15) | (Self::Attribute, 22 | 23) => Fate::Enter(Self::SparseTensor),
            (Self::Tensor, 4 | 5 | 6 | 7 | 9 | 10 | 11) => Fate::Payload,
            (Self::Model, 2..=6 | 14 | 20 | 26)
            | (Self::Graph, 10 | 14 | 16)
            | (Self::Function, 8 | 14)
            | (Self::Node, 6 | 9 | 10)
            | (Self::Attribute, 13)
            | (Self::Tensor, 12 | 16) => Fate::LeaveOut,
            _ => Fate::Copy,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Model => "ModelProto",
            Self::Graph => "GraphProto",
            Self::Function => "FunctionProto",
            Self::Node => "NodeProto",
            Self::Attribute => "AttributeProto",
            Self::Tensor => "TensorProto",
            Self::SparseTensor => "SparseTensorProto",
        }
    }
}

struct Skimmer<'p, R> {
    source: BufReader<R>,
    /// Where in the file the next byte is read.
    at: u64,
    /// The fields of large messages so far.
    fields: u64,
    kept: Vec<u8>,
    limits: Limits,
    path: &'p Path,
}

impl<R: Read + Seek> Skimmer<'_, R> {
    /// Copies the fields of a message that ends at `end`.
    fn message(&mut self, kind: Kind, end: u64) -> Result<(), ModelError> {
        if kind == Kind::Graph {
            self.limits.enter()?;
        }
        let mut lacks_payload = false;
        while self.at < end {
            self.fields += 1;
            check_fields("large messages", self.fields)?;
            lacks_payload |= self.field(kind, end)?;
        }
        if lacks_payload {
            self.keep(&PAYLOAD_ELSEWHERE)?;
        }
        if kind == Kind::Graph {
            self.limits.leave();
        }
        Ok(())
    }

    /// Copies a field, or leaves it out: true for a payload.
    fn field(&mut self, kind: Kind, end: u64) -> Result<bool, ModelError> {
        let begin = self.at;
        let tag = self.varint(kind, end)?;
        let length = match tag & 7 {
            0 => {
                self.keep_varint(tag)?;
                let value = self.varint(kind, end)?;
                self.keep_varint(value)?;
                return Ok(false);
            }
            1 => 8,
            2 => self.varint(kind, end)?,
            5 => 4,
            wire => {
                let found = format!("field {} with wire type {wire}", tag >> 3);
                return Err(malformed(kind, begin, found, "wire type 0, 1, 2 or 5"));
            }
        };
        let left = end - self.at;
        if length > left {
            let found = format!(
                "field {} of {length} bytes, of which {left} are there",
                tag >> 3
            );
            let expected = "a field that ends within its message";
            return Err(malformed(kind, begin, found, expected));
        }
        let is_large = tag & 7 == 2 && length > KEPT_PAYLOAD as u64;
        let fate = match u32::try_from(tag >> 3) {
            Ok(number) if is_large => kind.fate(number),
            _ => Fate::Copy,
        };
        match fate {
            Fate::Copy => {
                self.keep_varint(tag)?;
                if tag & 7 == 2 {
                    self.keep_varint(length)?;
                }
                self.copy(length)?;
            }
            Fate::Enter(inner) => {
                self.keep_varint(tag)?;
                self.enter(inner, length)?;
            }
            Fate::Payload | Fate::LeaveOut => self.skip(length)?,
        }
        Ok(fate == Fate::Payload)
    }

    /// Copies the fields of a message of `length` bytes, with the length that is left of it.
    fn enter(&mut self, kind: Kind, length: u64) -> Result<(), ModelError> {
        let begin = self.kept.len();
        self.keep(&[0; LENGTH])?;
        self.message(kind, self.at + length)?;
        let length = self.kept.len() - begin - LENGTH;
        for (i, byte) in self.kept[begin..begin + LENGTH].iter_mut().enumerate() {
            // All but the last say that another one follows.
            let more = if i + 1 < LENGTH { 0x80 } else { 0 };
            *byte = (length >> (7 * i)) as u8 & 0x7f | more;
        }
        Ok(())
    }

    fn varint(&mut self, kind: Kind, end: u64) -> Result<u64, ModelError> {
        let mut bytes = [0; 10];
        for (i, byte) in bytes.iter_mut().enumerate() {
            if self.at + i as u64 >= end {
                break;
            }
            let read = self.source.read_exact(std::slice::from_mut(byte));
            read.map_err(|source| self.unreadable(source))?;
            if *byte < 0x80 {
                break;
            }
        }
        let Some((value, length)) = varint(&bytes).filter(|&(_, n)| self.at + n as u64 <= end)
        else {
            let found = "a varint that does not end".into();
            let expected = "at most ten bytes within the message";
            return Err(malformed(kind, self.at, found, expected));
        };
        self.at += length as u64;
        Ok(value)
    }

    /// Copies bytes of the file.
    fn copy(&mut self, length: u64) -> Result<(), ModelError> {
        let begin = self.kept.len();
        let bytes = usize::try_from(length).unwrap_or(usize::MAX);
        self.check_room(bytes)?;
        self.kept.resize(begin + bytes, 0);
        let read = self.source.read_exact(&mut self.kept[begin..]);
        read.map_err(|source| self.unreadable(source))?;
        self.at += length;
        Ok(())
    }

    /// Passes over bytes of the file.
    fn skip(&mut self, length: u64) -> Result<(), ModelError> {
        let distance = i64::try_from(length).unwrap_or(i64::MAX);
        let sought = self.source.seek_relative(distance);
        sought.map_err(|source| self.unreadable(source))?;
        self.at += length;
        Ok(())
    }

    fn keep_varint(&mut self, mut value: u64) -> Result<(), ModelError> {
        let (mut bytes, mut length) = ([0; 10], 0);
        while value >= 0x80 {
            bytes[length] = value as u8 | 0x80;
            value >>= 7;
            length += 1;
        }
        bytes[length] = value as u8;
        self.keep(&bytes[..=length])
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), ModelError> {
        self.check_room(bytes.len())?;
        self.kept.extend_from_slice(bytes);
        Ok(())
    }

    fn check_room(&self, more: usize) -> Result<(), ModelError> {
        let found = self.kept.len().saturating_add(more);
        if found <= MAX_KEPT {
            return Ok(());
        }
        Err(ModelError::TooLarge {
            what: "bytes of the model without its weights".into(),
            found: found as u64,
            limit: MAX_KEPT as u64,
        })
    }

    fn unreadable(&self, source: io::Error) -> ModelError {
        ModelError::Read {
            path: self.path.into(),
            source,
        }
    }
}

fn malformed(kind: Kind, at: u64, found: String, expected: &str) -> ModelError {
    ModelError::Malformed {
        place: format!("{} at byte {at}", kind.name()),
        found,
        expected: expected.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::skim;
    use crate::onnx::decode::decode;
    use orionrt_test_models::parts::{encode, model, node, zeros};
    use orionrt_test_models::proto::{
        AttributeProto, FunctionProto, GraphProto, ModelProto, attribute_proto::AttributeType,
    };
    use std::io::{self, Cursor, Read, Seek, SeekFrom};
    use std::path::Path;

    /// Counts the bytes that are read.
    struct Counted<R>(R, usize);

    impl<R: Read> Read for Counted<R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let read = self.0.read(buffer)?;
            self.1 += read;
            Ok(read)
        }
    }

    impl<R: Seek> Seek for Counted<R> {
        fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
            self.0.seek(position)
        }
    }

    fn skimmed(bytes: &[u8]) -> (Vec<u8>, usize) {
        let mut source = Counted(Cursor::new(bytes), 0);
        let kept = skim(&mut source, bytes.len() as u64, Path::new("model")).unwrap();
        (kept, source.1)
    }

    /// Weights of a megabyte everywhere where a file may have them.
    fn heavy() -> ModelProto {
        let large = |name: &str| zeros(name, &[512, 512]);
        let attribute = |name: &str| AttributeProto {
            name: name.into(),
            r#type: AttributeType::Tensor as i32,
            t: Some(large("")),
            ..Default::default()
        };
        let mut constant = node("Constant", &[], &["c"]);
        constant.attribute = vec![attribute("value")];
        let body = GraphProto {
            node: vec![constant.clone()],
            initializer: vec![large("inner"), zeros("small", &[3])],
            ..Default::default()
        };
        let mut branch = node("If", &["c"], &["i"]);
        branch.attribute = vec![AttributeProto {
            name: "then_branch".into(),
            r#type: AttributeType::Graph as i32,
            g: Some(body),
            ..Default::default()
        }];
        let function = FunctionProto {
            name: "F".into(),
            node: vec![constant.clone()],
            attribute_proto: vec![attribute("default")],
            ..Default::default()
        };
        let graph = GraphProto {
            node: vec![constant, branch],
            initializer: vec![large("w"), zeros("s", &[7]), large("v")],
            ..Default::default()
        };
        ModelProto {
            functions: vec![function],
            ..model(graph, 17)
        }
    }

    #[test]
    fn what_is_left_decodes_to_the_same_parts_and_weights_are_not_read() {
        let bytes = encode(&heavy());
        assert!(bytes.len() > 7 << 20);
        let (kept, read) = skimmed(&bytes);
        assert!(kept.len() < 1000, "{} bytes are kept", kept.len());
        assert!(read < 300 << 10, "{read} bytes are read");
        let (whole, left) = (decode(&bytes).unwrap(), decode(&kept).unwrap());
        assert_eq!(format!("{whole:?}"), format!("{left:?}"));
    }

    #[test]
    fn a_file_that_ends_early_is_an_error_wherever_it_ends() {
        let bytes = encode(&heavy());
        for end in (1..bytes.len()).step_by(9973) {
            let source = Cursor::new(&bytes[..end]);
            let kept = skim(source, end as u64, Path::new("model"));
            // Where a field of the outermost message ends, the rest is a file, too.
            let kept = kept.and_then(|kept| decode(&kept).map(|_| ()));
            assert!(kept.is_err(), "{end} bytes");
        }
    }
}
