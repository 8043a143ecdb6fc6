//! The local cloud all tests share.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use super::command::{run, saasauth};
use super::folders::folder;

/// A running local cloud.
pub(crate) struct Cloud {
    pub(crate) endpoint_url: String,
    directory: PathBuf,
}

impl Cloud {
    /// The one all tests share, started by the first that asks.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Cloud> = OnceLock::new();
        SHARED.get_or_init(|| {
            let directory = folder("cloud");
            // The local cloud belongs to a folder; what its project file says doesn't matter.
            fs::write(directory.join("saasauth.yaml"), "").unwrap();
            give_key(&directory);
            let status = run(saasauth()
                .args(["local", "start", "--json"])
                .current_dir(&directory));
            let endpoint_url = status.expect(0).json()["endpoint_url"]
                .as_str()
                .unwrap()
                .to_owned();
            Self {
                endpoint_url,
                directory,
            }
        })
    }

    /// The folder it belongs to, for `saasauth local mail`.
    pub(crate) fn directory(&self) -> &PathBuf {
        &self.directory
    }

    /// What the front door saw of an account: one document per request.
    pub(crate) fn trace(&self, account: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.directory.join(".saasauth/local/trace.jsonl")).unwrap();
        text.lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|call| call["account"] == account)
            .collect()
    }
}

/// What the tests' clients sign with.
pub(crate) const KEY: &str = "secret";

/// Gives the local cloud of a folder the key that all tests know, before it makes its own.
pub(crate) fn give_key(directory: &Path) {
    let folder = directory.join(".saasauth/local");
    fs::create_dir_all(&folder).unwrap();
    let key = folder.join("secret-access-key");
    fs::write(&key, KEY).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
}

/// The arguments of a script that needs no project but a cloud: its own, the shared cloud's endpoint, an
/// account nobody else has, and after `--` the command that lists the mail.
pub(crate) fn mailed(own: &[&str]) -> Vec<String> {
    // Those of the projects count from one.
    static ACCOUNT: AtomicU64 = AtomicU64::new(700_000_000_000);
    let cloud = Cloud::shared();
    let account = ACCOUNT.fetch_add(1, Ordering::Relaxed).to_string();
    let file = cloud.directory().join("saasauth.yaml");
    let mail = ["local", "mail", "--json", "--project-file"];
    let mut arguments: Vec<String> = own.iter().map(|&text| text.to_owned()).collect();
    arguments.extend([cloud.endpoint_url.clone(), account, "--".to_owned()]);
    arguments.push(env!("CARGO_BIN_EXE_saasauth").to_owned());
    arguments.extend(mail.map(str::to_owned));
    arguments.push(file.to_str().unwrap().to_owned());
    arguments
}
