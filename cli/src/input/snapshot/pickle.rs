//! A pickle of protocol 2 or later as a document.
//!
//! Stands on [`document`](super::document). A pickle is a program for a stack machine. Of its
//! opcodes these are followed: those that make lists, dictionaries, tuples, texts, bytes and
//! numbers, and the memo. Those that import or call something are refused. Invariant: each opcode
//! makes at most one value, and none is copied, so a document is at most some tens of times as
//! large as its file.

#![forbid(unsafe_code)]

use std::collections::HashMap;

use super::{
    document::{Document, Id, Value},
    error::SnapshotError,
};

/// The protocols that are read.
const PROTOCOLS: std::ops::RangeInclusive<u8> = 2..=5;

/// Whether a file begins as a pickle of one of the protocols that are read.
pub(super) fn looks_like_pickle(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, protocol, ..] if PROTOCOLS.contains(protocol))
}

/// Reads a pickle. What follows its end is ignored, as Python does.
pub(super) fn read(bytes: &[u8]) -> Result<Document<'_>, SnapshotError> {
    let machine = Machine {
        bytes,
        at: 0,
        begin: 0,
        document: Document::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    machine.run()
}

struct Machine<'f> {
    bytes: &'f [u8],
    /// The next byte.
    at: usize,
    /// The byte of the opcode that is followed.
    begin: usize,
    document: Document<'f>,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'f> Machine<'f> {
    fn run(mut self) -> Result<Document<'f>, SnapshotError> {
        loop {
            self.begin = self.at;
            let opcode = self.byte()?;
            if opcode == b'.' {
                let root = self.pop()?;
                return Ok(self.document.with_root(root));
            }
            self.follow(opcode)?;
        }
    }

    fn follow(&mut self, opcode: u8) -> Result<(), SnapshotError> {
        match opcode {
            0x80 => self.protocol(),
            // FRAME: what follows is read as it comes.
            0x95 => self.take(8).map(|_| ()),
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' => self.pop().map(|_| ()),
            b'1' => self.pop_mark().map(|_| ()),
            b'2' => self.top().map(|id| self.stack.push(id)),
            b'N' | 0x88 | 0x89 | b'J' | b'K' | b'M' | 0x8a | 0x8b | b'G' => self.number(opcode),
            b'X' | 0x8c | 0x8d | b'U' | b'T' | b'C' | b'B' | 0x8e => self.text(opcode),
            b']' | b'}' | b')' | b'l' | b'd' | b't' | 0x85..=0x87 => self.container(opcode),
            b'a' | b'e' | b's' | b'u' => self.fill(opcode),
            b'h' | b'j' | b'q' | b'r' | 0x94 => self.remember(opcode),
            _ => Err(self.refused(opcode)),
        }
    }

    fn protocol(&mut self) -> Result<(), SnapshotError> {
        match self.byte()? {
            protocol if PROTOCOLS.contains(&protocol) => Ok(()),
            protocol => Err(self.wrong(format!("protocol {protocol}"), "protocol 2 to 5")),
        }
    }

    /// None, booleans and numbers.
    fn number(&mut self, opcode: u8) -> Result<(), SnapshotError> {
        let value = match opcode {
            b'N' => Value::None,
            0x88 | 0x89 => Value::Bool(opcode == 0x88),
            b'J' => Value::Integer(i32::from_le_bytes(self.array()?).into()),
            b'K' => Value::Integer(self.byte()?.into()),
            b'M' => Value::Integer(u16::from_le_bytes(self.array()?).into()),
            b'G' => Value::Float(f64::from_be_bytes(self.array()?)),
            _ => self.long(opcode)?,
        };
        self.push(value)
    }

    /// An integer as bytes in two's complement, the lowest first.
    fn long(&mut self, opcode: u8) -> Result<Value<'f>, SnapshotError> {
        let length = match opcode {
            0x8a => self.byte()?.into(),
            _ => self.length4()?,
        };
        let bytes = self.take(length)?;
        let mut all = match bytes.last() {
            Some(high) if high & 0x80 != 0 => [0xff; 16],
            _ => [0; 16],
        };
        let Some(low) = all.get_mut(..length) else {
            let found = format!("an integer of {length} bytes");
            return Err(self.wrong(found, "one of at most 16"));
        };
        low.copy_from_slice(bytes);
        Ok(Value::Integer(i128::from_le_bytes(all)))
    }

    /// Texts and bytes. Texts of Python 2, which are bytes to Python 3, count as texts.
    fn text(&mut self, opcode: u8) -> Result<(), SnapshotError> {
        let length = match opcode {
            0x8c | b'U' | b'C' => self.byte()?.into(),
            b'X' | b'T' | b'B' => self.length4()?,
            _ => self.length8()?,
        };
        let bytes = self.take(length)?;
        self.push(match opcode {
            b'C' | b'B' | 0x8e => Value::Bytes,
            _ => Value::Text(String::from_utf8_lossy(bytes)),
        })
    }

    /// Lists, dictionaries and tuples.
    fn container(&mut self, opcode: u8) -> Result<(), SnapshotError> {
        let value = match opcode {
            b']' | b')' => Value::List(Vec::new()),
            b'}' => Value::Dict(Vec::new()),
            b'd' => {
                let items = self.pop_mark()?;
                Value::Dict(self.pairs(&items)?)
            }
            b'l' | b't' => Value::List(self.pop_mark()?),
            tuple => {
                let count = usize::from(tuple - 0x84);
                let below = self.floor() + count;
                if self.stack.len() < below {
                    return Err(self.empty());
                }
                Value::List(self.stack.split_off(self.stack.len() - count))
            }
        };
        self.push(value)
    }

    /// Puts values into the list or dictionary below them.
    fn fill(&mut self, opcode: u8) -> Result<(), SnapshotError> {
        let items = match opcode {
            b'a' => vec![self.pop()?],
            b's' => {
                let value = self.pop()?;
                vec![self.pop()?, value]
            }
            _ => self.pop_mark()?,
        };
        let is_dict = matches!(opcode, b's' | b'u');
        let pairs = if is_dict {
            self.pairs(&items)?
        } else {
            Vec::new()
        };
        let target = self.top()?;
        match self.document.get_mut(target) {
            Value::Dict(fields) if is_dict => fields.extend(pairs),
            Value::List(list) if !is_dict => list.extend(items),
            other => {
                let found = format!("items for {}", other.describe());
                let expected = if is_dict { "a dictionary" } else { "a list" };
                return Err(self.wrong(found, expected));
            }
        }
        Ok(())
    }

    fn pairs(&self, items: &[Id]) -> Result<Vec<(Id, Id)>, SnapshotError> {
        if !items.len().is_multiple_of(2) {
            return Err(self.wrong("a key without a value".into(), "keys and values in turn"));
        }
        let pairs = items.chunks_exact(2);
        Ok(pairs.map(|pair| (pair[0], pair[1])).collect())
    }

    /// Reads from the memo or writes to it.
    fn remember(&mut self, opcode: u8) -> Result<(), SnapshotError> {
        let key = match opcode {
            b'h' | b'q' => self.byte()?.into(),
            b'j' | b'r' => u32::from_le_bytes(self.array()?),
            _ => self.memo.len() as u32,
        };
        if !matches!(opcode, b'h' | b'j') {
            let id = self.top()?;
            self.memo.insert(key, id);
            return Ok(());
        }
        let Some(&id) = self.memo.get(&key) else {
            let found = format!("entry {key} of the memo, which nothing was put into");
            return Err(self.wrong(found, "an earlier entry"));
        };
        self.stack.push(id);
        Ok(())
    }

    fn push(&mut self, value: Value<'f>) -> Result<(), SnapshotError> {
        let Some(id) = self.document.push(value) else {
            return Err(self.wrong("one more value".into(), "at most 2^32"));
        };
        self.stack.push(id);
        Ok(())
    }

    /// The height of the stack that values may be taken down to.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id, SnapshotError> {
        match self.stack.last() {
            Some(&id) if self.stack.len() > self.floor() => Ok(id),
            _ => Err(self.empty()),
        }
    }

    fn pop(&mut self) -> Result<Id, SnapshotError> {
        let id = self.top()?;
        self.stack.pop();
        Ok(id)
    }

    /// The values above the last mark, which goes.
    fn pop_mark(&mut self) -> Result<Vec<Id>, SnapshotError> {
        match self.marks.pop() {
            Some(height) => Ok(self.stack.split_off(height)),
            None => Err(self.wrong("no mark".into(), "one below the values")),
        }
    }

    fn byte(&mut self) -> Result<u8, SnapshotError> {
        self.array().map(|[byte]| byte)
    }

    fn length4(&mut self) -> Result<usize, SnapshotError> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }

    fn length8(&mut self) -> Result<usize, SnapshotError> {
        let length = u64::from_le_bytes(self.array()?);
        // One that is beyond every file is refused when the bytes are taken.
        Ok(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        let bytes = self.take(N)?;
        let mut array = [0; N];
        array.copy_from_slice(bytes);
        Ok(array)
    }

    fn take(&mut self, count: usize) -> Result<&'f [u8], SnapshotError> {
        let rest = &self.bytes[self.at..];
        let Some(bytes) = rest.get(..count) else {
            let found = format!("{} bytes to the end of the file", rest.len());
            let expected = "as many as the opcode needs, and the opcode STOP at the end";
            return Err(self.wrong(found, expected));
        };
        self.at += count;
        Ok(bytes)
    }

    fn empty(&self) -> SnapshotError {
        self.wrong("an empty stack".into(), "a value")
    }

    fn wrong(&self, found: String, expected: &'static str) -> SnapshotError {
        SnapshotError::Pickle {
            byte: self.begin,
            found,
            expected,
        }
    }

    fn refused(&self, opcode: u8) -> SnapshotError {
        let code = |opcode| SnapshotError::Code {
            byte: self.begin,
            opcode,
        };
        match opcode {
            b'c' => code("GLOBAL"),
            0x93 => code("STACK_GLOBAL"),
            b'R' => code("REDUCE"),
            b'b' => code("BUILD"),
            b'i' => code("INST"),
            b'o' => code("OBJ"),
            0x81 => code("NEWOBJ"),
            0x92 => code("NEWOBJ_EX"),
            0x82..=0x84 => code("EXT"),
            b'P' | b'Q' => code("PERSID"),
            _ => self.wrong(
                format!("the opcode {opcode:#04x}"),
                "one of lists, dictionaries, texts and numbers of protocol 2 or later",
            ),
        }
    }
}
