//! Files that the project file names: read where they can be meant, and nowhere else.
//!
//! What is read goes on to AWS, and into plans and errors. A file somebody else wrote must not fetch the password file
//! of whoever checks it, nor wait for ever on a pipe.

use std::io::ErrorKind;
use std::path::Path;

/// Reads the text of a file below the project file's folder; or says why not, and what to write instead.
pub(super) fn read(
    directory: &Path,
    path: &str,
    limit: u64,
) -> Result<String, (String, &'static str)> {
    const CREATE: &str = "create it, or correct the path; it starts at the project file's folder";
    const READABLE: &str = "give the path of a file that can be read";
    const INSIDE: &str = "keep it below the project file's folder";
    let whole = directory.join(path);
    // With all links followed: one inside the folder may lead out of it.
    let found = whole
        .canonicalize()
        .and_then(|whole| Ok((whole, directory.canonicalize()?)));
    let (whole, directory) = match found {
        Ok(found) => found,
        Err(cause) if cause.kind() == ErrorKind::NotFound => {
            return Err((format!("there is no file `{path}`"), CREATE));
        }
        Err(_) => return Err((format!("could not read `{path}`"), READABLE)),
    };
    if !whole.starts_with(&directory) {
        return Err((format!("`{path}` lies outside the project"), INSIDE));
    }
    match std::fs::metadata(&whole) {
        Ok(metadata) if !metadata.is_file() => {
            return Err((format!("`{path}` is no file"), READABLE));
        }
        Ok(metadata) if metadata.len() > limit => {
            let message = format!(
                "`{path}` has {} KB, and {} are allowed",
                metadata.len().div_ceil(1024),
                limit / 1024
            );
            return Err((message, "make it smaller"));
        }
        _ => {}
    }
    std::fs::read_to_string(&whole).map_err(|cause| match cause.kind() {
        ErrorKind::InvalidData => (format!("`{path}` is not UTF-8 text"), "save it as UTF-8"),
        _ => (format!("could not read `{path}`"), READABLE),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;

    #[test]
    fn only_what_lies_in_the_project_is_read() {
        let root = std::env::temp_dir().join(format!("saasauth-files-{}", std::process::id()));
        let project = root.join("project");
        fs::create_dir_all(project.join("emails")).expect("there is room");
        let write = |path: &str, text: &[u8]| fs::write(root.join(path), text).expect("written");
        write("project/emails/a.html", b"hello");
        write("project/large", &[b' '; 4097]);
        write("project/latin", b"M\xfcller");
        write("secret", b"hush");
        symlink(root.join("secret"), project.join("link")).expect("linked");
        symlink("emails/a.html", project.join("inside")).expect("linked");
        let pipe = Command::new("mkfifo").arg(project.join("pipe")).status();
        assert!(pipe.expect("it runs").success());

        for path in ["emails/a.html", "./emails/../emails/a.html", "inside"] {
            assert_eq!(read(&project, path, 4096).as_deref(), Ok("hello"), "{path}");
        }
        let secret = root.join("secret").display().to_string();
        for (path, message) in [
            ("../secret", "`../secret` lies outside the project"),
            (&*secret, "lies outside the project"),
            ("link", "`link` lies outside the project"),
            ("/dev/zero", "`/dev/zero` lies outside the project"),
            ("emails", "`emails` is no file"),
            ("pipe", "`pipe` is no file"),
            ("large", "`large` has 5 KB, and 4 are allowed"),
            ("latin", "`latin` is not UTF-8 text"),
            ("missing", "there is no file `missing`"),
        ] {
            let (found, _) = read(&project, path, 4096).expect_err(path);
            assert!(found.ends_with(message), "{found}");
        }
        fs::remove_dir_all(&root).expect("removed");
    }
}
