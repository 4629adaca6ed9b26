//! Strict decoding. Protobuf parsers merge a field that comes twice, cut numbers to their type and accept any amount of
//! anything; two readers of the same bytes could then see different things. So every message is first scanned against its
//! [`Shape`] and refused unless it says each thing once, within its bounds. Unknown fields pass: newer versions add them.

use crate::limits;
use prost::Message;

/// Fields of a message, at most: bounds the scanner's counters.
pub const FIELDS: usize = 16;

/// Why bytes are not the message they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// More bytes than the caller allows.
    #[error("{len} bytes are more than the {max} allowed")]
    TooLong {
        /// Bytes given.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// The bytes end in the middle of something.
    #[error("{message} ends too early")]
    Truncated {
        /// Message being read.
        message: &'static str,
    },
    /// A field number or wire type that protobuf does not know, or the long abandoned groups.
    #[error("{message} has a malformed field key")]
    BadKey {
        /// Message being read.
        message: &'static str,
    },
    /// A number longer than its type.
    #[error("{message}.{field} is a number out of range")]
    OutOfRange {
        /// Message being read.
        message: &'static str,
        /// Its field.
        field: &'static str,
    },
    /// A known field with another type's encoding.
    #[error("{message}.{field} has the wrong type")]
    WrongType {
        /// Message being read.
        message: &'static str,
        /// Its field.
        field: &'static str,
    },
    /// A field that may come once came twice, or two variants of one choice came.
    #[error("{message}.{field} comes twice")]
    Twice {
        /// Message being read.
        message: &'static str,
        /// Its field.
        field: &'static str,
    },
    /// A repeated field with more elements than allowed.
    #[error("{message}.{field} has more than {max} elements")]
    TooMany {
        /// Message being read.
        message: &'static str,
        /// Its field.
        field: &'static str,
        /// Elements allowed.
        max: usize,
    },
    /// A field with more bytes than allowed.
    #[error("{message}.{field} is longer than {max} bytes")]
    FieldTooLong {
        /// Message being read.
        message: &'static str,
        /// Its field.
        field: &'static str,
        /// Bytes allowed.
        max: usize,
    },
    /// Text that is not UTF-8.
    #[error("{message}.{field} is not text")]
    NotText {
        /// Message being read.
        message: &'static str,
        /// Its field.
        field: &'static str,
    },
    /// Messages nested deeper than [`limits::DEPTH`].
    #[error("messages are nested too deeply")]
    TooDeep,
    /// The scan passed and the parser refused.
    #[error("{message} cannot be parsed")]
    Malformed {
        /// Message being read.
        message: &'static str,
    },
}

/// A message that can be decoded strictly. Implemented in [`super::shapes`] for every message of the protocol.
pub trait Wire: Message + Default {
    /// What the message may contain.
    const SHAPE: &'static Shape;
}

/// What a message may contain.
#[derive(Debug)]
pub struct Shape {
    /// Its name in `protocol/proto`.
    pub name: &'static str,
    /// Its known fields, at most [`FIELDS`].
    pub fields: &'static [Field],
}

/// A known field.
#[derive(Debug)]
pub struct Field {
    /// Number.
    pub tag: u32,
    /// Name in `protocol/proto`.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// How often it may come.
    pub count: Count,
}

/// What a field holds.
#[derive(Debug)]
pub enum Kind {
    /// Unsigned number of 32 bits.
    U32,
    /// Unsigned number of 64 bits.
    U64,
    /// 8 bytes, little-endian.
    Fixed64,
    /// 0 or 1.
    Bool,
    /// Up to so many bytes.
    Bytes(usize),
    /// Up to so many bytes of UTF-8.
    Text(usize),
    /// Another message.
    Msg(&'static Shape),
}

/// How often a field may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Once or not at all.
    Once,
    /// At most one of all fields marked so: a variant of the message's `oneof`.
    Choice,
    /// Up to so many times.
    Many(usize),
}

/// Decodes a message strictly. The size is checked before anything else, and nothing is allocated before the scan has passed.
///
/// # Errors
/// Everything that [`WireError`] lists.
pub fn decode<M: Wire>(bytes: &[u8], max: usize) -> Result<M, WireError> {
    if bytes.len() > max {
        return Err(WireError::TooLong { len: bytes.len(), max });
    }
    scan(M::SHAPE, bytes, 1)?;
    M::decode(bytes).map_err(|_| WireError::Malformed { message: M::SHAPE.name })
}

/// Decodes a row that this device wrote itself: it is no peer's word, and only has to be whole.
///
/// # Errors
/// Bytes that are not a message of this type.
pub fn decode_own<M: Message + Default>(bytes: &[u8]) -> Result<M, WireError> {
    M::decode(bytes).map_err(|_| WireError::Malformed { message: "row" })
}

/// Bytes that [`encode`] would make.
#[must_use]
pub fn size<M: Message>(message: &M) -> usize {
    message.encoded_len()
}

/// Encodes a message.
#[must_use]
pub fn encode<M: Message>(message: &M) -> Vec<u8> {
    message.encode_to_vec()
}

fn scan(shape: &'static Shape, bytes: &[u8], depth: usize) -> Result<(), WireError> {
    if depth > limits::DEPTH {
        return Err(WireError::TooDeep);
    }
    let message = shape.name;
    let mut counts = [0_usize; FIELDS];
    let mut chosen = false;
    let mut reader = Reader { rest: bytes, message };
    while !reader.rest.is_empty() {
        let (tag, value) = reader.field()?;
        let Some((index, field)) = shape.fields.iter().enumerate().find(|(_, field)| field.tag == tag) else { continue };
        let name = field.name;
        let seen = counts.get_mut(index).ok_or(WireError::Malformed { message })?;
        *seen = seen.saturating_add(1);
        match field.count {
            Count::Once if *seen > 1 => return Err(WireError::Twice { message, field: name }),
            Count::Choice if chosen => return Err(WireError::Twice { message, field: name }),
            Count::Many(max) if *seen > max => return Err(WireError::TooMany { message, field: name, max }),
            Count::Choice => chosen = true,
            Count::Once | Count::Many(_) => {}
        }
        check(field, &value, message, depth)?;
    }
    Ok(())
}

fn check(field: &'static Field, value: &Value<'_>, message: &'static str, depth: usize) -> Result<(), WireError> {
    let name = field.name;
    let too_long = |bytes: &[u8], max: usize| {
        if bytes.len() > max { Err(WireError::FieldTooLong { message, field: name, max }) } else { Ok(()) }
    };
    let largest = |number: u64, max: u64| if number > max { Err(WireError::OutOfRange { message, field: name }) } else { Ok(()) };
    match (&field.kind, value) {
        (Kind::U32, Value::Varint(number)) => largest(*number, u64::from(u32::MAX)),
        (Kind::Bool, Value::Varint(number)) => largest(*number, 1),
        (Kind::U64, Value::Varint(_)) | (Kind::Fixed64, Value::Fixed64) => Ok(()),
        (Kind::Bytes(max), Value::Bytes(bytes)) => too_long(bytes, *max),
        (Kind::Text(max), Value::Bytes(bytes)) => {
            too_long(bytes, *max)?;
            std::str::from_utf8(bytes).map(|_| ()).map_err(|_| WireError::NotText { message, field: name })
        }
        (Kind::Msg(inner), Value::Bytes(bytes)) => scan(inner, bytes, depth.saturating_add(1)),
        _ => Err(WireError::WrongType { message, field: name }),
    }
}

enum Value<'a> {
    Varint(u64),
    Fixed64,
    Fixed32,
    Bytes(&'a [u8]),
}

struct Reader<'a> {
    rest: &'a [u8],
    message: &'static str,
}

impl<'a> Reader<'a> {
    /// The next field: its number and value. Wire types are those of the protobuf encoding guide.
    fn field(&mut self) -> Result<(u32, Value<'a>), WireError> {
        let bad_key = WireError::BadKey { message: self.message };
        let key = u32::try_from(self.varint()?).map_err(|_| bad_key.clone())?;
        let tag = key >> 3;
        if tag == 0 {
            return Err(bad_key);
        }
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed64)?,
            2 => {
                let len = self.varint()?;
                Value::Bytes(self.take(usize::try_from(len).unwrap_or(usize::MAX))?)
            }
            5 => self.take(4).map(|_| Value::Fixed32)?,
            _ => return Err(bad_key),
        };
        Ok((tag, value))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(WireError::Truncated { message: self.message })?;
        self.rest = rest;
        Ok(head)
    }

    /// Base-128 number of at most 64 bits.
    fn varint(&mut self) -> Result<u64, WireError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.take(1)? else { break };
            let low = u64::from(byte & 0x7f);
            if shift == 63 && low > 1 {
                break;
            }
            number |= low << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(WireError::BadKey { message: self.message })
    }
}

#[cfg(test)]
mod tests;
