//! Packs a binary into the zip Lambda takes, the same bytes for the same binary, everywhere.

use std::fs::{self, Permissions};
use std::io::{Cursor, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use super::{Artifact, contract};
use saasauth_model::error::{Error, ErrorKind, Result};

/// The file Lambda's `provided` runtimes start.
const ENTRY: &str = "bootstrap";

/// Deflate's default. Level 9 takes three times as long to save one byte in a hundred.
const LEVEL: i64 = 6;

/// Like any file somebody writes: what a person's umask leaves of it. A temporary file is its owner's alone.
const READABLE: u32 = 0o666;

/// Packs off the async threads: it keeps a processor busy for a good part of a second.
pub(super) async fn pack(name: &str, binary: Vec<u8>) -> Result<Artifact> {
    let name = name.to_owned();
    let failed = format!("could not pack `{name}`");
    tokio::task::spawn_blocking(move || {
        let zip = zip(&binary)?;
        Ok(Artifact {
            name,
            sha256: BASE64_STANDARD.encode(Sha256::digest(&zip)),
            unzipped: binary.len() as u64,
            zip,
        })
    })
    .await
    .map_err(|error| Error::new(ErrorKind::Build, failed.clone()).with_source(&error))?
    .map_err(|error: zip::result::ZipError| {
        Error::new(ErrorKind::Build, failed).with_source(&error)
    })
}

fn zip(binary: &[u8]) -> zip::result::ZipResult<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(LEVEL))
        // The oldest time a zip can hold; the real one would make every build a change.
        .last_modified_time(DateTime::default())
        // Windows and macOS would otherwise sign the entry as theirs.
        .system(System::Unix)
        .unix_permissions(0o755);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(ENTRY, options)?;
    writer.write_all(binary)?;
    Ok(writer.finish()?.into_inner())
}

/// The part of a folder of ours that is a link: in a clone of somebody's project it could lead anywhere.
fn link_to(directory: &Path) -> Option<&Path> {
    let is_ours = |part: &&Path| part.file_name().is_some_and(|name| name == ".saasauth");
    let ours = directory.ancestors().find(is_ours)?;
    let mut parts = directory.ancestors().filter(|part| part.starts_with(ours));
    parts.find(|part| fs::symlink_metadata(part).is_ok_and(|found| found.is_symlink()))
}

/// Writes a zip so that a reader sees the old file or the new one, never half of it.
pub(super) fn write(path: &Path, zip: &[u8]) -> Result<()> {
    let failed =
        |error: &std::io::Error| Error::io(format!("could not write `{}`", path.display()), error);
    let directory = path.parent().unwrap_or(Path::new(""));
    if let Some(link) = link_to(directory) {
        let cause = format!("`{}` is a link, which is not followed", link.display());
        return Err(failed(&std::io::Error::other(cause)));
    }
    fs::create_dir_all(directory).map_err(|error| failed(&error))?;
    let written = tempfile::Builder::new()
        .permissions(Permissions::from_mode(READABLE))
        .tempfile_in(directory)
        .and_then(|mut unfinished| {
            unfinished.write_all(zip)?;
            unfinished.persist(path)?;
            Ok(())
        });
    written.map_err(|error| failed(&error))
}

/// Takes a zip that was written earlier for what it is, and no other file for one. Since then the tool may
/// have become another, so what is in it is checked once more.
pub(super) fn reopen(name: &str, zip: Vec<u8>) -> Result<Artifact> {
    let failed = |error: &zip::result::ZipError| {
        Error::new(
            ErrorKind::Build,
            format!("the package of `{name}` is damaged"),
        )
        .with_source(error)
        .with_hint("run `saasauth build`")
    };
    let mut archive =
        zip::ZipArchive::new(Cursor::new(zip.as_slice())).map_err(|error| failed(&error))?;
    let mut binary = Vec::new();
    archive
        .by_name(ENTRY)
        .and_then(|mut entry| Ok(entry.read_to_end(&mut binary)?))
        .map_err(|error| failed(&error))?;
    contract::check(name, &binary)?;
    Ok(Artifact {
        name: name.to_owned(),
        sha256: BASE64_STANDARD.encode(Sha256::digest(&zip)),
        unzipped: binary.len() as u64,
        zip,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_same_binary_gives_the_same_bytes() {
        let binary: Vec<u8> = (0..200_000_u32)
            .flat_map(|n| (n / 7).to_le_bytes())
            .collect();
        let artifact = pack("a", binary.clone()).await.expect("packs");
        // Changes when the compressor or the header does, and with it every deployed function: once.
        assert_eq!(
            artifact.sha256,
            "wsxlB+kVqgTjoHTzJt5sibpeRQSUeInL9ttfjh6J7aw="
        );
        assert_eq!(artifact.unzipped, binary.len() as u64);

        let mut archive = zip::ZipArchive::new(Cursor::new(artifact.zip)).expect("a zip");
        assert_eq!(archive.len(), 1);
        let mut entry = archive.by_index(0).expect("entry");
        assert_eq!(entry.name().expect("name"), "bootstrap");
        assert_eq!(entry.unix_mode().map(|mode| mode & 0o7777), Some(0o755));
        assert_eq!(entry.last_modified().map(|time| time.year()), Some(1980));
        let mut unpacked = Vec::new();
        std::io::copy(&mut entry, &mut unpacked).expect("unpacks");
        assert_eq!(unpacked, binary);
    }

    #[tokio::test]
    async fn a_package_of_before_is_taken_if_it_keeps_to_the_contract() {
        let mut binary = vec![7; 100_000];
        binary.extend_from_slice(saasauth_contract::MARKER.as_bytes());
        let packed = pack("a", binary).await.expect("packs");
        assert_eq!(reopen("a", packed.zip.clone()).expect("opens"), packed);

        let old = pack("a", vec![7; 100_000]).await.expect("packs");
        let error = reopen("a", old.zip).expect_err("no marker");
        assert_eq!(error.kind, ErrorKind::Refused);

        let mut damaged = packed.zip;
        damaged[60] ^= 0xFF;
        let error = reopen("a", damaged).expect_err("damaged");
        assert_eq!(error.message, "the package of `a` is damaged");
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let root = tempfile::tempdir().expect("a folder");
        let elsewhere = tempfile::tempdir().expect("a folder");
        for link in [".saasauth", ".saasauth/build", ".saasauth/build/local"] {
            let project = root.path().join(link.replace('/', "-"));
            let link = project.join(link);
            fs::create_dir_all(link.parent().expect("a parent")).expect("made");
            std::os::unix::fs::symlink(elsewhere.path(), &link).expect("linked");
            let error = write(&project.join(".saasauth/build/local/a.zip"), b"zip");
            let error = error.expect_err("it is a link");
            assert!(error.causes.concat().contains("not followed"), "{error:?}");
        }
        assert_eq!(fs::read_dir(elsewhere.path()).expect("lists").count(), 0);
    }

    #[test]
    fn writes_into_a_new_directory_and_over_an_old_file() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("build/local/a.zip");
        write(&path, b"one").expect("writes");
        write(&path, b"two").expect("writes");
        assert_eq!(fs::read(&path).expect("reads"), b"two");
        assert_eq!(
            fs::read_dir(path.parent().expect("parent"))
                .expect("lists")
                .count(),
            1
        );
        // Another file written in the ordinary way.
        let ordinary = root.path().join("ordinary");
        fs::write(&ordinary, "").expect("writes");
        let mode = |path| fs::metadata(path).expect("is there").permissions().mode();
        assert_eq!(mode(&path), mode(&ordinary));
    }
}
