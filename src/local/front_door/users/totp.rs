//! Time-based one-time passwords (RFC 6238) as authenticator apps make them: HMAC-SHA1, 30 seconds, six
//! digits. Pure.

use hmac::{Hmac, Mac};
use rand::RngCore;
use sha1::Sha1;

const STEP: u64 = 30;
/// How many steps a clock may be off, either way.
const SKEW: u64 = 1;
/// The letters of Base32 (RFC 4648).
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A secret shared with an authenticator app.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret([u8; 20]);

// A secret is told to its user once, and to no log.
impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret")
    }
}

impl Secret {
    pub(super) fn random() -> Self {
        let mut bytes = [0; 20];
        rand::rng().fill_bytes(&mut bytes);
        Self(bytes)
    }

    #[cfg(test)]
    pub(super) fn of(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// As it is typed into an app. 160 bits make 32 letters, with nothing to pad.
    pub(super) fn base32(&self) -> String {
        let mut text = String::with_capacity(32);
        let (mut bits, mut count) = (0u32, 0);
        for byte in self.0 {
            bits = (bits << 8) | u32::from(byte);
            count += 8;
            while count >= 5 {
                count -= 5;
                text.push(char::from(BASE32[(bits >> count) as usize & 31]));
            }
        }
        text
    }

    /// The step whose code this is, if it is the present one's or a neighbour's. `unix` is in seconds.
    pub(super) fn step_of(&self, code: &str, unix: u64) -> Option<u64> {
        let now = unix / STEP;
        (now.saturating_sub(SKEW)..=now + SKEW).find(|step| self.code(*step) == code)
    }

    fn code(&self, step: u64) -> String {
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(&self.0) else {
            return String::new();
        };
        mac.update(&step.to_be_bytes());
        let digest = mac.finalize().into_bytes();
        let at = usize::from(digest[19] & 15);
        let number =
            u32::from_be_bytes([digest[at], digest[at + 1], digest[at + 2], digest[at + 3]]);
        format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of the vectors in RFC 6238, appendix B.
    const VECTORS: Secret = Secret(*b"12345678901234567890");

    #[test]
    fn codes_are_those_of_the_rfc() {
        for (unix, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
        ] {
            assert_eq!(VECTORS.step_of(code, unix), Some(unix / STEP), "{unix}");
        }
    }

    #[test]
    fn a_clock_may_be_off_by_one_step() {
        // The code of the second step.
        for (unix, taken) in [
            (0, true),
            (30, true),
            (89, true),
            (90, false),
            (1000, false),
        ] {
            assert_eq!(VECTORS.step_of("287082", unix).is_some(), taken, "{unix}");
        }
    }

    #[test]
    fn the_secret_is_written_as_apps_read_it() {
        assert_eq!(VECTORS.base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_ne!(Secret::random(), Secret::random());
    }
}
