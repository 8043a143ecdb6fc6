//! The key of a local cloud: whoever has it may do there what one may do in an AWS account.
//!
//! It lies in `.saasauth/local/`, readable by its owner alone, and is made with the first start. Nothing prints it but
//! `saasauth local credentials`.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{ErrorKind as Io, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::private;
use saasauth_model::error::{Error, ErrorKind, Result};

/// As many bits as the hash that is signed with has.
const BYTES: usize = 32;
/// A file that is longer is no key of ours.
const LONGEST: u64 = 256;

/// A secret access key. Shown as nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Secret {
    /// A new one.
    pub fn random() -> Self {
        Self(BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; BYTES]>()))
    }

    /// The key itself, to sign with.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The one in this file; `None` when there is none.
    ///
    /// # Errors
    /// When the file is not one that its owner alone can read, or is a link: whoever could put it there could read it.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        let doing = || format!("could not read the local cloud's key `{}`", path.display());
        let opened = private::open(path, OpenOptions::new().read(true));
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == Io::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(doing(), &error)),
        };
        let metadata = file
            .metadata()
            .map_err(|error| Error::io(doing(), &error))?;
        if metadata.mode() & 0o077 != 0 {
            return Err(Error::new(ErrorKind::Local, doing())
                .with_cause("others can read or change it")
                .with_hint(
                    "delete it and run `saasauth local stop`: the next start makes a new one",
                ));
        }
        let mut text = String::new();
        let read = file.take(LONGEST).read_to_string(&mut text);
        read.map_err(|error| Error::io(doing(), &error))?;
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::new(ErrorKind::Local, doing())
                .with_cause("it is empty")
                .with_hint(
                    "delete it and run `saasauth local stop`: the next start makes a new one",
                ));
        }
        Ok(Some(Self(text.to_owned())))
    }

    /// The one in this file, made if there is none.
    pub(super) fn of(path: &Path) -> Result<Self> {
        if let Some(secret) = Self::read(path)? {
            return Ok(secret);
        }
        let secret = Self::random();
        let written = private::open(path, OpenOptions::new().write(true).create_new(true))
            .and_then(|mut file| file.write_all(secret.0.as_bytes()));
        match written {
            Ok(()) => Ok(secret),
            // Another start was faster.
            Err(error) if error.kind() == Io::AlreadyExists => {
                Ok(Self::read(path)?.unwrap_or(secret))
            }
            Err(error) => {
                let doing = format!("could not write the local cloud's key `{}`", path.display());
                Err(Error::io(doing, &error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        assert_eq!(Secret::read(&path).expect("none is fine"), None);
        let made = Secret::of(&path).expect("it is made");
        assert_eq!(made.expose().len(), 43);
        assert_eq!(Secret::of(&path).expect("it is read"), made);
        let mode = std::fs::metadata(&path).expect("it is there").mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(format!("{made:?}"), "Secret(…)");
        assert_ne!(Secret::random(), Secret::random());
    }

    #[test]
    fn a_key_others_can_read_or_a_link_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("key"), folder.path().join("link"));
        std::fs::write(&path, "theirs").expect("written");
        for mode in [0o644, 0o660, 0o604] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("set");
            Secret::of(&path).expect_err("others can read it");
        }
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("set");
        assert_eq!(Secret::of(&path).expect("it is ours").expose(), "theirs");
        symlink(&path, &link).expect("linked");
        Secret::of(&link).expect_err("it is a link");
    }
}
