//! Times as people and programs read them.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Seconds since 1970 as a date and time of RFC 3339, in UTC.
pub fn time(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or_default();
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_no_zone_but_utc() {
        assert_eq!(time(1_440_938_160), "2015-08-30T12:36:00Z");
        assert_eq!(time(u64::MAX), "1970-01-01T00:00:00Z");
    }
}
