//! Reads from a binary which contract it keeps to, and refuses one that tool and triggers would read
//! differently.

use saasauth_contract::CONTRACT_VERSION;
use saasauth_contract::version::version_in;
use saasauth_model::error::{Error, Result};

/// Refuses a binary of another contract than this tool's.
///
/// Deployed, it would take the environment and the records for something else, and nobody would hear of
/// it before the first sign-in.
pub(super) fn check(name: &str, binary: &[u8]) -> Result<()> {
    let refused =
        |what: &str| Error::refused(format!("refused to use the package of `{name}`: {what}"));
    match version_in(binary) {
        Some(CONTRACT_VERSION) => Ok(()),
        Some(newer) if newer > CONTRACT_VERSION => Err(refused("it is newer than saasauth")
            .with_cause(versions(&newer.to_string()))
            .with_hint("install the saasauth that it was made for: see `version` in `saasauth-library.json`")),
        Some(older) => Err(older_than_ours(refused("it is older than saasauth"), &older.to_string())),
        None => Err(older_than_ours(
            refused("it does not tell which contract it keeps to"),
            "none",
        )),
    }
}

fn older_than_ours(error: Error, version: &str) -> Error {
    error
        .with_cause(versions(version))
        .with_hint("bring the triggers' library up to date: `saasauth upgrade`")
        .with_hint("then build it: `saasauth build`")
}

fn versions(theirs: &str) -> String {
    format!("its contract is {theirs}, and that of this saasauth is {CONTRACT_VERSION}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use saasauth_contract::MARKER;
    use saasauth_model::error::ErrorKind;

    #[test]
    fn takes_its_own_contract_and_no_other() {
        let with = |version: u32| format!("\u{7f}ELF…saasauth-contract:{version};…").into_bytes();
        assert!(check("a", format!("…{MARKER}…").as_bytes()).is_ok());
        assert!(check("a", &with(CONTRACT_VERSION)).is_ok());
        for (binary, cause, hint) in [
            (
                with(CONTRACT_VERSION + 1),
                "its contract is 3, and that of this saasauth is 2",
                "install the saasauth",
            ),
            (
                with(CONTRACT_VERSION - 1),
                "its contract is 1, and that of this saasauth is 2",
                "`saasauth upgrade`",
            ),
            (
                b"\x7fELF".to_vec(),
                "its contract is none, and that of this saasauth is 2",
                "`saasauth upgrade`",
            ),
        ] {
            let error = check("a", &binary).expect_err(cause);
            assert_eq!(error.kind, ErrorKind::Refused);
            assert_eq!(error.causes, [cause]);
            assert!(error.hints[0].contains(hint), "{error:?}");
        }
    }
}
