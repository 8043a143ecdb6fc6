//! Files and folders of the local cloud: its owner's alone, and never reached through a link.
//!
//! A project may come from anybody. A link in a clone leads anywhere, and what is written through it lands there.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// A link in the place of a file is refused, not followed; a pipe there keeps nobody waiting.
const FLAGS: i32 = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).bits() as i32;

/// Makes a folder that its owner alone can look into; one that is there becomes so.
///
/// # Errors
/// When a link or something else stands in its place.
pub(super) fn folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    own_folder(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o700))
}

/// Fails unless this is a folder of ours, and no link to one.
pub(super) fn own_folder(path: &Path) -> io::Result<()> {
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
    Err(io::Error::other(wrong))
}

/// Opens a file of ours. One that these options create is its owner's alone.
///
/// # Errors
/// Also when it is a link, or no regular file.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let file = options.mode(0o600).custom_flags(FLAGS).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() || found.uid() != user() {
        return Err(io::Error::other("it is no regular file of this user's"));
    }
    Ok(file)
}

/// What is in a file of ours, as far as this many bytes.
pub(super) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = open(path, OpenOptions::new().read(true))?;
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes a file of ours anew.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    io::Write::write_all(&mut open(path, &mut options)?, bytes)
}

/// Removes a folder with all that is in it, and a link to one alone. Nothing there is fine.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Who we are.
pub(super) fn user() -> u32 {
    rustix::process::getuid().as_raw()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_to_a_folder_is_none_of_ours() {
        let around = tempfile::tempdir().expect("a folder");
        let (real, link) = (around.path().join("real"), around.path().join("link"));
        folder(&real).expect("made");
        std::fs::set_permissions(&real, Permissions::from_mode(0o755)).expect("set");
        folder(&real).expect("it is there");
        assert_eq!(
            std::fs::metadata(&real).expect("there").mode() & 0o777,
            0o700
        );
        symlink(&real, &link).expect("linked");
        folder(&link).expect_err("it is a link");
        std::fs::write(real.join("kept"), "").expect("written");
        remove(&link).expect("removed");
        assert!(real.join("kept").exists() && std::fs::symlink_metadata(&link).is_err());
        remove(&real).expect("removed");
        remove(&real).expect("nothing is fine");
    }

    #[test]
    fn nothing_is_read_or_written_through_a_link_or_a_pipe() {
        let around = tempfile::tempdir().expect("a folder");
        let (file, link) = (around.path().join("file"), around.path().join("link"));
        write(&file, b"ours").expect("written");
        assert_eq!(
            std::fs::metadata(&file).expect("there").mode() & 0o777,
            0o600
        );
        assert_eq!(read(&file, 3).expect("read"), b"our");
        symlink(&file, &link).expect("linked");
        write(&link, b"theirs").expect_err("it is a link");
        read(&link, 9).expect_err("it is a link");
        assert_eq!(read(&file, 9).expect("read"), b"ours");
        let pipe = around.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).expect("a pipe");
        read(&pipe, 9).expect_err("it is a pipe");
        write(&pipe, b"x").expect_err("nobody reads it");
    }
}
