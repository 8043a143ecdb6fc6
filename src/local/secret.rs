//! The key of a local cloud: whoever has it may do there what one may do in an AWS account.
//!
//! It lies in `.saasauth/local/`, readable by its owner alone, and is made with the first start. Nothing prints it but
//! `saasauth local credentials`.

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind as Io, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

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
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(NO_FOLLOW)
            .open(path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == Io::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(doing(), &error)),
        };
        let metadata = file
            .metadata()
            .map_err(|error| Error::io(doing(), &error))?;
        if !metadata.is_file() || metadata.mode() & 0o077 != 0 || metadata.uid() != user() {
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
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(NO_FOLLOW)
            .open(path)
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

/// A link in the place of a file is refused, not followed.
const NO_FOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;

fn user() -> u32 {
    rustix::process::getuid().as_raw()
}

/// Makes a folder that its owner alone can look into; one that is there becomes so.
///
/// # Errors
/// When a link or something else stands in its place.
pub(super) fn private_folder(path: &Path) -> std::io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == Io::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    own_folder(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o700))
}

/// Fails unless this is a folder of ours, and no link to one.
pub(super) fn own_folder(path: &Path) -> std::io::Result<()> {
    let found = std::fs::symlink_metadata(path)?;
    let wrong = if found.is_symlink() {
        "it is a link, which is not followed"
    } else if !found.is_dir() {
        "it is no folder"
    } else if found.uid() != user() {
        "it is another user's"
    } else {
        return Ok(());
    };
    Err(std::io::Error::other(wrong))
}

/// Opens a file of ours to write, never through a link.
pub(super) fn opened(path: &Path, options: &mut OpenOptions) -> std::io::Result<File> {
    options.mode(0o600).custom_flags(NO_FOLLOW).open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

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

    #[test]
    fn a_link_to_a_folder_is_none_of_ours() {
        let folder = tempfile::tempdir().expect("a folder");
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        private_folder(&real).expect("made");
        std::fs::set_permissions(&real, Permissions::from_mode(0o755)).expect("set");
        private_folder(&real).expect("it is there");
        assert_eq!(
            std::fs::metadata(&real).expect("there").mode() & 0o777,
            0o700
        );
        symlink(&real, &link).expect("linked");
        private_folder(&link).expect_err("it is a link");
    }
}
