//! Enough of CBOR (RFC 8949) for documents without dates and blobs.

use serde_json::{Map, Number, Value};

/// Writes a document.
pub(in crate::aws) fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(value, &mut bytes);
    bytes
}

/// Reads a document; panics when it is none.
pub(in crate::aws) fn decode(bytes: &[u8]) -> Value {
    let mut rest = bytes;
    read(&mut rest).expect("a value")
}

fn head(major: u8, argument: u64, bytes: &mut Vec<u8>) {
    bytes.push(major << 5 | 27);
    bytes.extend(argument.to_be_bytes());
}

fn length(length: usize) -> u64 {
    u64::try_from(length).expect("it fits")
}

fn write(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Null => bytes.push(0xf6),
        Value::Bool(value) => bytes.push(if *value { 0xf5 } else { 0xf4 }),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => head(0, number, bytes),
            (None, Some(number)) => head(1, number.unsigned_abs() - 1, bytes),
            (None, None) => {
                bytes.push(0xfb);
                bytes.extend(number.as_f64().expect("a float").to_be_bytes());
            }
        },
        Value::String(text) => {
            head(3, length(text.len()), bytes);
            bytes.extend(text.as_bytes());
        }
        Value::Array(items) => {
            head(4, length(items.len()), bytes);
            items.iter().for_each(|item| write(item, bytes));
        }
        Value::Object(fields) => {
            head(5, length(fields.len()), bytes);
            for (name, value) in fields {
                write(&Value::from(name.as_str()), bytes);
                write(value, bytes);
            }
        }
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, left) = rest.split_at(count);
    *rest = left;
    taken
}

/// `None` is the end of a list or map whose length was not said.
fn read(rest: &mut &[u8]) -> Option<Value> {
    let first = take(rest, 1)[0];
    let (major, low) = (first >> 5, first & 31);
    let size = match low {
        24..=27 => 1 << (low - 24),
        _ => 0,
    };
    let argument = take(rest, size)
        .iter()
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let argument = if low < 24 { u64::from(low) } else { argument };
    let count = if low == 31 { u64::MAX } else { argument };
    Some(match major {
        0 => Value::from(argument),
        1 => Value::from(-1 - i64::try_from(argument).expect("it fits")),
        3 => {
            let text = take(rest, usize::try_from(argument).expect("it fits"));
            Value::from(String::from_utf8(text.to_vec()).expect("text"))
        }
        4 => (0..count).map_while(|_| read(rest)).collect(),
        5 => {
            let fields = (0..count).map_while(|_| {
                let name = read(rest)?.as_str().expect("a name").to_owned();
                Some((name, read(rest).expect("a value")))
            });
            Value::Object(fields.collect::<Map<_, _>>())
        }
        7 => match low {
            20 => Value::Bool(false),
            21 => Value::Bool(true),
            22 => Value::Null,
            26 => Value::from(f32::from_bits(u32::try_from(argument).expect("four bytes"))),
            27 => Value::Number(Number::from_f64(f64::from_bits(argument)).expect("finite")),
            31 => return None,
            _ => panic!("simple value {low}"),
        },
        _ => panic!("major type {major}"),
    })
}

#[test]
fn reads_what_it_writes() {
    let value = serde_json::json!({ "a": [1, -2, 300, 70_000, 0.5, true, null, "é"], "b": {} });
    assert_eq!(decode(&encode(&value)), value);
}
