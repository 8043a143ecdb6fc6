//! Dependencies of a trigger that this machine replaces by something of its own: `[patch]` and `paths` in a Cargo
//! configuration outside of the workspace. Nothing overrules those, so such a build is refused.

use std::path::Path;

use toml::{Table, Value};

use super::configuration::table;

/// A dependency that is not what the workspace's `Cargo.lock` says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Replaced {
    pub(super) package: String,
    /// The key that replaces it.
    pub(super) key: &'static str,
}

/// The first dependency in the lock file that the machine replaces.
pub(super) fn replaced(machine: &Table, lock: &Table) -> Option<Replaced> {
    let packages = lock.get("package").and_then(Value::as_array);
    let names: Vec<&str> = packages
        .into_iter()
        .flatten()
        // One without a source is the workspace's own folder, which is what it is.
        .filter(|package| package.get("source").is_some())
        .filter_map(|package| package.get("name")?.as_str())
        .collect();
    let patched = tables(machine.get("patch")).flat_map(|(_, packages)| {
        tables(Some(packages)).map(|(name, patch)| {
            // A patch may go by another name than the package that it brings.
            let package = patch.get("package").and_then(Value::as_str);
            (package.unwrap_or(name).to_owned(), "patch")
        })
    });
    let paths = machine.get("paths").and_then(Value::as_array);
    let put = paths.into_iter().flatten().filter_map(|path| {
        let manifest = table(&Path::new(path.as_str()?).join("Cargo.toml"))?;
        let name = manifest.get("package")?.get("name")?.as_str()?;
        Some((name.to_owned(), "paths"))
    });
    patched
        .chain(put)
        .find(|(package, _)| names.contains(&package.as_str()))
        .map(|(package, key)| Replaced { package, key })
}

/// The entries of a table, when it is one.
fn tables(value: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    let table = value.and_then(Value::as_table);
    table
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_that_the_machine_replaces_is_found_and_no_other() {
        let lock = "
            [[package]]
            name = 'serde'
            source = 'registry+https://github.com/rust-lang/crates.io-index'
            [[package]]
            name = 'http'
            source = 'git+https://example.com'
            [[package]]
            name = 'own'";
        let lock: Table = lock.parse().expect("it is TOML");
        let by = |machine: &str| replaced(&machine.parse().expect("it is TOML"), &lock);
        let found = |package: &str, key| {
            let package = package.to_owned();
            Some(Replaced { package, key })
        };
        assert_eq!(by(""), None);
        assert_eq!(by("patch.crates-io.serde_yaml.path = '/x'"), None);
        assert_eq!(by("patch.crates-io.own.path = '/x'"), None);
        assert_eq!(
            by("patch.crates-io.serde.path = '/x'"),
            found("serde", "patch")
        );
        assert_eq!(
            by("patch.'https://example.com'.http1 = { path = '/x', package = 'http' }"),
            found("http", "patch")
        );
        let folder = tempfile::tempdir().expect("a folder");
        let manifest = folder.path().join("Cargo.toml");
        let paths = format!("paths = ['/no/such/folder', '{}']", folder.path().display());
        assert_eq!(by(&paths), None);
        std::fs::write(manifest, "[package]\nname = 'http'").expect("writes");
        assert_eq!(by(&paths), found("http", "paths"));
    }
}
