//! Which contract a package was built by.

/// Raised with each change that a tool or a trigger of another version would misread.
pub const CONTRACT_VERSION: u32 = 2;

/// What stands before the version in [`MARKER`].
const MARK: &str = "saasauth-contract:";

/// The text by which a built trigger tells its contract's version: the library puts it into every binary.
pub const MARKER: &str = "saasauth-contract:2;";

/// The version of the contract that a trigger's binary was built by; `None` for one without a marker,
/// which is older than the contract or made of something else.
pub fn version_in(binary: &[u8]) -> Option<u32> {
    let mut rest = binary;
    // Binaries have megabytes, so the first byte alone is looked for before the whole mark is.
    while let Some(at) = rest.iter().position(|byte| *byte == MARK.as_bytes()[0]) {
        rest = &rest[at..];
        if let Some(version) = rest.strip_prefix(MARK.as_bytes()).and_then(number) {
            return Some(version);
        }
        rest = &rest[1..];
    }
    None
}

/// The digits up to a semicolon.
fn number(text: &[u8]) -> Option<u32> {
    /// As many digits as a `u32` can have.
    const LONGEST: usize = 10;
    let end = text.iter().take(LONGEST + 1).position(|c| *c == b';')?;
    let digits = &text[..end];
    // A sign is no digit, though `parse` takes one.
    digits.iter().all(u8::is_ascii_digit).then_some(())?;
    str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marker_tells_the_version() {
        assert_eq!(MARKER, format!("{MARK}{CONTRACT_VERSION};"));
        assert_eq!(version_in(MARKER.as_bytes()), Some(CONTRACT_VERSION));
    }

    #[test]
    fn a_version_is_found_among_other_bytes() {
        for (binary, version) in [
            (&b""[..], None),
            (b"saasauth", None),
            (b"saasauth-contract:", None),
            (b"saasauth-contract:;", None),
            (b"saasauth-contract:+1;", None),
            (b"saasauth-contract:one;", None),
            (b"saasauth-contract:99999999999;", None),
            (b"\0\xffssaasauth-contract:12;s", Some(12)),
            (b"saasauth-contract:{}; saasauth-contract:7;more", Some(7)),
        ] {
            assert_eq!(version_in(binary), version, "{binary:?}");
        }
    }
}
