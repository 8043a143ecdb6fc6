//! `saasauth init`: a project that deploys as it is.

use crate::support::{Cloud, Fresh, Output, build_here, run, saasauth};

#[test]
fn a_new_project_deploys_unchanged() {
    let fresh = Fresh::shared();
    let cloud = Cloud::shared();
    let saasauth = |arguments: &[&str]| -> Output {
        let mut command = saasauth();
        command
            .args(arguments)
            .args(["--endpoint-url", &cloud.endpoint_url])
            .current_dir(&fresh.directory)
            .env("AWS_ACCESS_KEY_ID", "777777777777")
            .env("AWS_SECRET_ACCESS_KEY", "secret");
        run(build_here(&mut command))
    };
    let deployed = saasauth(&["deploy", "--json"]).expect(0).json();
    assert!(
        deployed["outputs"]["user_pool_id"].is_string(),
        "{deployed}"
    );
    let verified = saasauth(&["verify", "--json"]).expect(0).json();
    assert_eq!(verified["ok"], true, "{verified}");
    saasauth(&["destroy"]).expect(0);
}
