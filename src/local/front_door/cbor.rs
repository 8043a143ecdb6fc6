//! CBOR, as much as AWS's RPC protocol sends of it: read into JSON, and errors written. RFC 8949 gives the numbers.

use serde_json::{Map, Number, Value};

/// Deeper than any request of ours, and far from the end of a stack.
const DEPTH: usize = 64;

/// Reads one item. Bytes become an empty text: nobody here looks into them.
pub(super) fn read(bytes: &[u8]) -> Option<Value> {
    let mut reader = Reader { bytes, at: 0 };
    match reader.item(0)? {
        Item::Value(value) => Some(value),
        Item::Break => None,
    }
}

/// Writes a map of texts.
pub(super) fn texts(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    head(&mut out, 5, entries.len());
    for text in entries.iter().flat_map(|(key, value)| [key, value]) {
        head(&mut out, 3, text.len());
        out.extend_from_slice(text.as_bytes());
    }
    out
}

fn head(out: &mut Vec<u8>, major: u8, length: usize) {
    let major = major << 5;
    if let Ok(short @ 0..=23) = u8::try_from(length) {
        out.push(major | short);
    } else {
        out.push(major | 26);
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_be_bytes());
    }
}

enum Item {
    Value(Value),
    /// The end of something of indefinite length.
    Break,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn item(&mut self, depth: usize) -> Option<Item> {
        if depth > DEPTH {
            return None;
        }
        let first = self.take(1)?[0];
        let (major, minor) = (first >> 5, first & 31);
        if major == 7 {
            return self.simple(minor);
        }
        let length = match minor {
            31 => None,
            minor => Some(self.number(minor)?),
        };
        let value = match major {
            0 => Value::from(length?),
            1 => Value::from(-1 - i64::try_from(length?).ok()?),
            2 => {
                self.chunks(length)?;
                Value::from("")
            }
            3 => Value::from(String::from_utf8(self.chunks(length)?).ok()?),
            4 => {
                let mut list = Vec::new();
                while length.is_none_or(|length| (list.len() as u64) < length) {
                    match self.item(depth + 1)? {
                        Item::Value(value) => list.push(value),
                        Item::Break if length.is_none() => break,
                        Item::Break => return None,
                    }
                }
                Value::from(list)
            }
            5 => self.map(length, depth)?,
            // A tag says what the next item means, such as a time.
            _ => return self.item(depth + 1),
        };
        Some(Item::Value(value))
    }

    fn map(&mut self, length: Option<u64>, depth: usize) -> Option<Value> {
        let mut map = Map::new();
        let mut read = 0;
        while length.is_none_or(|length| read < length) {
            let key = match self.item(depth + 1)? {
                Item::Value(Value::String(key)) => key,
                Item::Break if length.is_none() => break,
                _ => return None,
            };
            match self.item(depth + 1)? {
                Item::Value(value) => map.insert(key, value),
                Item::Break => return None,
            };
            read += 1;
        }
        Some(Value::Object(map))
    }

    /// The bytes of a text or of bytes, in one piece or in several.
    fn chunks(&mut self, length: Option<u64>) -> Option<Vec<u8>> {
        if let Some(length) = length {
            return Some(self.take(usize::try_from(length).ok()?)?.to_vec());
        }
        let mut whole = Vec::new();
        loop {
            let first = self.take(1)?[0];
            if first == 0xff {
                return Some(whole);
            }
            let length = self.number(first & 31)?;
            whole.extend(self.chunks(Some(length))?);
        }
    }

    fn simple(&mut self, minor: u8) -> Option<Item> {
        let number = |number| Some(Item::Value(Value::Number(Number::from_f64(number)?)));
        match minor {
            20 => Some(Item::Value(Value::Bool(false))),
            21 => Some(Item::Value(Value::Bool(true))),
            22 | 23 => Some(Item::Value(Value::Null)),
            25 => number(half(u16::from_be_bytes(self.take(2)?.try_into().ok()?))),
            26 => number(f64::from(f32::from_be_bytes(
                self.take(4)?.try_into().ok()?,
            ))),
            27 => number(f64::from_be_bytes(self.take(8)?.try_into().ok()?)),
            31 => Some(Item::Break),
            _ => None,
        }
    }

    fn number(&mut self, minor: u8) -> Option<u64> {
        match minor {
            0..=23 => Some(u64::from(minor)),
            24 => Some(u64::from(self.take(1)?[0])),
            25 => Some(u64::from(u16::from_be_bytes(
                self.take(2)?.try_into().ok()?,
            ))),
            26 => Some(u64::from(u32::from_be_bytes(
                self.take(4)?.try_into().ok()?,
            ))),
            27 => Some(u64::from_be_bytes(self.take(8)?.try_into().ok()?)),
            _ => None,
        }
    }

    fn take(&mut self, length: usize) -> Option<&[u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }
}

/// A number of half precision, as appendix D of RFC 8949 decodes it.
fn half(bits: u16) -> f64 {
    let exponent = i32::from((bits >> 10) & 31);
    let fraction = f64::from(bits & 1023);
    let value = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (fraction + 1024.0) * 2f64.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 { value } else { -value }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_another_writer_writes_is_read() {
        let value = json!({
            "AlarmName": "a".repeat(300),
            "Period": 60,
            "Threshold": 1.5,
            "Low": -3,
            "ActionsEnabled": true,
            "Tags": [{ "Key": "k", "Value": "v" }],
            "None": null,
        });
        let mut bytes = Vec::new();
        ciborium::into_writer(&value, &mut bytes).expect("CBOR");
        assert_eq!(read(&bytes), Some(value));
    }

    #[test]
    fn what_is_of_indefinite_length_is_read_and_what_ends_early_is_not() {
        // {_ "a": [_ 1, 2], "b": (_ "x", "y")}
        let bytes = b"\xbf\x61a\x9f\x01\x02\xff\x61b\x7f\x61x\x61y\xff\xff";
        assert_eq!(read(bytes), Some(json!({ "a": [1, 2], "b": "xy" })));
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end]), None, "{end}");
        }
        assert_eq!(read(&[0x9b, 255, 255, 255, 255, 255, 255, 255, 255]), None);
        assert_eq!(read(&[0x81; 1000]), None, "too deep");
    }

    #[test]
    fn what_is_written_is_read_by_another_reader() {
        let long = "m".repeat(400);
        let bytes = texts(&[("__type", "Code"), ("message", &long)]);
        let value: Value = ciborium::from_reader(bytes.as_slice()).expect("CBOR");
        assert_eq!(value, json!({ "__type": "Code", "message": long }));
    }
}
