//! JSON documents as CBOR (RFC 8949) and back, for those without dates and blobs.

use serde_json::Value;

/// Writes a document.
pub(in crate::aws) fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("a document");
    bytes
}

/// Reads a document; panics when it is none.
pub(in crate::aws) fn decode(bytes: &[u8]) -> Value {
    ciborium::from_reader(bytes).expect("a document")
}

#[test]
fn reads_what_it_writes() {
    let value = serde_json::json!({ "a": [1, -2, 300, 70_000, 0.5, true, null, "é"], "b": {} });
    assert_eq!(decode(&encode(&value)), value);
}
