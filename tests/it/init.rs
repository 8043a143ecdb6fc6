//! `saasauth init`: a project that deploys as it is.

use std::fs;
use std::path::Path;

use crate::support::{Cloud, Output, run, saasauth};

/// The one slow test: the project's triggers are a workspace of their own, compiled from its start.
#[test]
fn a_new_project_deploys_unchanged() {
    let cloud = Cloud::shared();
    // Always the same folder: a build is told where it runs, and elsewhere would start over.
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = kept.join("fresh");
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir(&folder).unwrap();
    let saasauth = |arguments: &[&str]| -> Output {
        let mut command = saasauth();
        command
            .args(arguments)
            .args(["--endpoint-url", &cloud.endpoint_url])
            .current_dir(&folder)
            .env("AWS_ACCESS_KEY_ID", "777777777777")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("CARGO_TARGET_DIR", kept.join("fresh-target"));
        run(&mut command)
    };
    saasauth(&["init", "--name", "fresh"]).expect(0);
    let deployed = saasauth(&["deploy", "--json"]).expect(0).json();
    assert!(
        deployed["outputs"]["user_pool_id"].is_string(),
        "{deployed}"
    );
    let verified = saasauth(&["verify", "--json"]).expect(0).json();
    assert_eq!(verified["ok"], true, "{verified}");
    saasauth(&["destroy"]).expect(0);
}
