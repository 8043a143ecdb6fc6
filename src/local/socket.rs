//! Where the emulator's socket lies.
//!
//! A port would be open to every page and every user of the machine. A socket's path is short by need (104 bytes on macOS,
//! 108 on Linux), and a project's folder may lie deep; so it has a folder of its own, which nobody else can look into.

use std::fs::Permissions;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::private;
use saasauth_model::error::{Error, Result};

const PREFIX: &str = "saasauth-";
const NAME: &str = "emulator";

/// A new folder for it, removed when dropped.
pub(super) fn folder() -> Result<TempDir> {
    tempfile::Builder::new()
        .prefix(PREFIX)
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(short(std::env::temp_dir()))
        .map_err(|error| Error::io("could not make a folder for the emulator's socket", &error))
}

/// The socket in such a folder.
pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

/// Removes the socket and the folder of a local cloud that was killed. The note that names them may be anybody's, so what
/// isn't such a socket in such a folder of ours stays.
pub(super) fn remove(socket: &Path) {
    let Some(folder) = socket.parent() else {
        return;
    };
    let is_named = folder
        .file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with(PREFIX));
    if !is_named
        || socket.file_name() != Some(NAME.as_ref())
        || private::own_folder(folder).is_err()
    {
        return;
    }
    let is_socket =
        std::fs::symlink_metadata(socket).is_ok_and(|found| found.file_type().is_socket());
    if is_socket {
        let _ = std::fs::remove_file(socket);
    }
    // Fails where there is more in it.
    let _ = std::fs::remove_dir(folder);
}

/// The folder for temporary files, unless a socket's path in it would be too long.
fn short(folder: PathBuf) -> PathBuf {
    const LONGEST: usize = 80;
    match folder.as_os_str().len() <= LONGEST {
        true => folder,
        false => PathBuf::from("/tmp"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_long_folder_is_not_taken_for_sockets() {
        assert_eq!(short(PathBuf::from("/var/tmp")), PathBuf::from("/var/tmp"));
        let long = PathBuf::from(format!("/{}", "a".repeat(90)));
        assert_eq!(short(long), PathBuf::from("/tmp"));
    }

    #[test]
    fn nobody_else_looks_into_the_folder() {
        let made = folder().expect("made");
        let mode = std::fs::metadata(made.path()).expect("there").permissions();
        assert_eq!(mode.mode() & 0o777, 0o700);
    }

    #[test]
    fn what_a_killed_one_left_is_removed_and_nothing_else() {
        let left = folder().expect("made").keep();
        let socket = path(&left);
        drop(UnixListener::bind(&socket).expect("bound"));
        std::fs::write(left.join("more"), "").expect("written");
        remove(&socket);
        assert!(!socket.exists() && left.join("more").exists());
        std::fs::remove_file(left.join("more")).expect("removed");
        remove(&socket);
        assert!(!left.exists());

        let other = tempfile::tempdir().expect("a folder");
        let file = path(other.path());
        std::fs::write(&file, "").expect("written");
        remove(&file);
        let named = other.path().join("saasauth-x");
        std::fs::create_dir(&named).expect("made");
        std::fs::write(path(&named), "").expect("written");
        remove(&path(&named));
        assert!(file.exists() && path(&named).exists());
    }
}
