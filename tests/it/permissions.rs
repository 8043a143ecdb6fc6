//! The policies of both roles against the functions as they are deployed, on an emulator that checks
//! every request: all that is allowed is needed, and it is enough.
//!
//! The shared local cloud checks nothing, so this one is of its own. `tests/python/permissions.py` takes
//! each action and each resource away in turn. For SES it checks itself, since the emulator knows no
//! resource of SendEmail: what this test says of SES is what AWS documents, and no measurement.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::json;

use crate::support::{Emulator, Platforms, Project, key, repository, script, start_with_input};

/// What no test can see missing, and why it is in the policies all the same.
const UNSEEN: [(&str, &str); 3] = [
    (
        "KeepFailures sqs:SendMessage",
        "it is Lambda that sends to the queue, with the function's role; the emulator asks nobody. A deploy without the right \
         is refused by the local cloud, as by AWS",
    ),
    (
        "WriteLogs logs:CreateLogStream",
        "on AWS it is Lambda that writes a function's output to the log, with the function's role; \
         the emulator keeps it without asking anybody",
    ),
    (
        "WriteLogs logs:PutLogEvents",
        "as CreateLogStream: no function sends it",
    ),
];

/// The starter with a welcome in two languages and two platforms, each with a secret of its own.
fn project(emulator: &Emulator, platforms: &Platforms) -> Project {
    let project = Project {
        endpoint_url: Some(emulator.endpoint_url.clone()),
        ..Project::alone()
    };
    let opt_in = "    marketing_opt_in: { type: boolean }\n";
    project.edit(opt_in, &format!("{opt_in}    locale: {{}}\n"));
    // generateToken may join users to companies where others sign them in.
    let verify = "  verify: { by: email, how: code }\n";
    let saml = "{ kind: saml, metadata_url: \"https://corp.example/saml\", attributes: { email: mail, name: displayName } }";
    project.edit(
        verify,
        &format!("{verify}  providers: {{ corp: {saml} }}\n"),
    );
    let text = "    text: emails/welcome.txt\n";
    let german = "{ subject: \"Willkommen, {{name}}\", html: emails/welcome.html }";
    project.edit(text, &format!("{text}    locales: {{ de: {german} }}\n"));
    let url = &platforms.url;
    let marketing = format!(
        r#"marketing:
  opt_in: marketing_opt_in
  hubspot: {{ token: "ssm:/starter/hubspot", endpoint: "{url}/hubspot" }}
  webhook: {{ url: "{url}/webhook", secret: "ssm:/starter/webhook" }}

tags: "#
    );
    project.edit("tags: ", &marketing);
    project
}

#[test]
fn all_that_the_roles_allow_is_needed_and_enough() {
    let platforms = Platforms::start();
    let fixtures = repository().join("lambdas/triggers/fixtures");
    let (mut driver, mut input) = start_with_input(script("permissions.py").arg(fixtures));
    let emulator = Emulator::start(&driver.line(), true);
    let project = project(&emulator, &platforms);
    let outputs = project.deploy()["outputs"].clone();
    for name in ["hubspot", "webhook"] {
        project.set_secret(name, &key(name));
    }
    let stage = json!({
        "account": project.account,
        "endpoint_url": emulator.endpoint_url,
        "platforms": platforms.url,
        "outputs": outputs,
    });
    input.write_all(stage.to_string().as_bytes()).unwrap();
    drop(input);
    let seen: BTreeMap<String, BTreeMap<String, Vec<String>>> =
        serde_json::from_value(driver.end().expect(0).json()).unwrap();

    // Each action, each resource of the statements with several, and all of it before and after.
    let runs: Vec<usize> = seen.values().map(BTreeMap::len).collect();
    assert_eq!(runs, [12 + 6 + 2, 11 + 2], "{seen:#?}");
    for (function, amiss) in &seen {
        for all in ["all", "all again"] {
            assert!(
                amiss[all].is_empty(),
                "{function} may too little: {:?}",
                amiss[all]
            );
        }
        for (missing, amiss) in amiss.iter().filter(|(run, _)| !run.starts_with("all")) {
            match UNSEEN.iter().find(|(name, _)| name == missing) {
                Some((_, reason)) => assert!(
                    amiss.is_empty(),
                    "{function} without {missing}: {amiss:?}, so this is no longer true: {reason}"
                ),
                None => assert!(!amiss.is_empty(), "{function} does not need {missing}"),
            }
        }
    }
    for (name, _) in UNSEEN {
        assert!(
            seen.values().any(|amiss| amiss.contains_key(name)),
            "nobody has {name} any more"
        );
    }
}
