//! Which way requests go: endpoints, proxies, and values of variables and options that are empty or odd.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::server::Server;
use crate::support::{folder, run, saasauth, starter};

const NOT_DEPLOYED: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no table"}"#;
const WHO: &str = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/ada</Arn>\
     <Account>123456789012</Account><UserId>A</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>";

/// A server in place of AWS, where nothing is deployed.
fn empty_account() -> Server {
    Server::start(|asked| match asked.action() {
        "Query" => (400, NOT_DEPLOYED.to_owned()),
        _ => (200, WHO.to_owned()),
    })
}

/// A proxy that lets nobody through.
fn proxy() -> Server {
    Server::start(|_| (502, String::new()))
}

/// Asks what is deployed of a stage in AWS.
fn outputs(project: &Path) -> Command {
    let mut command = saasauth();
    command
        .env("AWS_ACCESS_KEY_ID", "AKENV")
        .env("AWS_SECRET_ACCESS_KEY", "hush")
        .args(["outputs", "--stage", "dev"])
        .current_dir(project);
    command
}

const PROXIES: [&str; 6] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
];

#[test]
fn this_machine_is_reached_past_every_proxy() {
    let project = starter();
    for variable in PROXIES {
        let (aws, proxy) = (empty_account(), proxy());
        let local = aws.url.replace("127.0.0.1", "localhost");
        for url in [&aws.url, &local] {
            let mut command = outputs(&project);
            command
                .env(variable, &proxy.url)
                .env("AWS_ENDPOINT_URL", url);
            let output = run(&mut command).expect(1);
            assert!(
                output.stderr.contains("is not deployed"),
                "{variable}: {output:?}"
            );
        }
        assert_eq!(aws.asked().len(), 4, "{variable}");
        assert!(proxy.asked().is_empty(), "{variable}: {:?}", proxy.asked());
    }
}

#[test]
fn aws_is_reached_through_the_proxy_unless_excepted() {
    let project = starter();
    // By HTTP to a host that isn't this machine, so that the proxy sees the request itself.
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        let proxy = empty_account();
        let mut command = outputs(&project);
        command
            .env(variable, &proxy.url)
            .env("AWS_ENDPOINT_URL", "http://emulator.invalid:4566");
        let output = run(&mut command).expect(1);
        assert!(
            output.stderr.contains("is not deployed"),
            "{variable}: {output:?}"
        );
        let asked = proxy.asked();
        assert!(
            asked
                .iter()
                .all(|asked| asked.line.starts_with("POST http://emulator.invalid:4566/")),
            "{variable}: {asked:?}"
        );
    }
    // By HTTPS, which asks for a tunnel. No answer would come, so the first question is enough.
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let proxy = proxy();
        let mut running = outputs(&project).env(variable, &proxy.url).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while proxy.asked().is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        running.kill().unwrap();
        running.wait().unwrap();
        let asked = proxy.asked();
        assert!(
            asked[0].line.starts_with("CONNECT "),
            "{variable}: {asked:?}"
        );
        assert!(
            asked[0].line.contains("amazonaws.com:443"),
            "{variable}: {asked:?}"
        );
    }
    for variable in ["NO_PROXY", "no_proxy"] {
        let (aws, proxy) = (empty_account(), proxy());
        let url = aws.url.replace("127.0.0.1", "this.localhost.invalid");
        let mut command = outputs(&project);
        command
            .env("HTTP_PROXY", &proxy.url)
            .env(variable, ".invalid")
            .env("AWS_ENDPOINT_URL", url);
        let mut running = command.spawn().unwrap();
        // The name can't be resolved; what counts is that the proxy isn't asked.
        std::thread::sleep(Duration::from_millis(1500));
        running.kill().unwrap();
        running.wait().unwrap();
        assert!(proxy.asked().is_empty(), "{variable}: {:?}", proxy.asked());
    }
}

#[test]
fn a_proxy_that_cannot_be_used_is_an_error_and_its_password_stays_out() {
    let project = starter();
    for value in ["socks5://ada:hush@proxy:1080", "http://ada:hush@"] {
        let output = run(outputs(&project).env("HTTPS_PROXY", value)).expect(2);
        assert!(
            output
                .stderr
                .starts_with("error: can't use the proxy in `HTTPS_PROXY`\n"),
            "{output:?}"
        );
        assert!(!output.stderr.contains("hush"), "{output:?}");
    }
}

/// What comes of a value.
enum Comes {
    /// It counts as not set: the emulator is asked.
    Unset,
    /// An error of one line with a hint, before anybody is asked.
    Refused(&'static str),
}

#[test]
fn every_variable_may_be_empty_and_none_may_be_odd() {
    use Comes::{Refused, Unset};
    let table = [
        ("AWS_ENDPOINT_URL_DYNAMODB", "", Unset),
        ("AWS_ENDPOINT_URL_DYNAMODB", " ", Unset),
        ("AWS_ENDPOINT_URL_STS", "", Unset),
        ("AWS_PROFILE", "", Unset),
        ("AWS_DEFAULT_PROFILE", "", Unset),
        ("AWS_REGION", "", Unset),
        ("AWS_DEFAULT_REGION", "", Unset),
        ("AWS_MAX_ATTEMPTS", "", Unset),
        ("AWS_RETRY_MODE", "", Unset),
        ("AWS_USE_FIPS_ENDPOINT", "", Unset),
        ("AWS_USE_DUALSTACK_ENDPOINT", "", Unset),
        ("AWS_CONFIG_FILE", "", Unset),
        ("AWS_SHARED_CREDENTIALS_FILE", "", Unset),
        ("AWS_CA_BUNDLE", "", Unset),
        ("AWS_SESSION_TOKEN", "", Unset),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "", Unset),
        ("AWS_ROLE_ARN", "", Unset),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "", Unset),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "", Unset),
        ("AWS_SDK_UA_APP_ID", "", Unset),
        ("HTTP_PROXY", "", Unset),
        ("https_proxy", " ", Unset),
        ("NO_PROXY", "", Unset),
        ("NO_COLOR", "", Unset),
        ("CLICOLOR_FORCE", "", Unset),
        ("SAASAUTH_STAGE", "", Unset),
        ("SAASAUTH_PROJECT_FILE", "", Unset),
        ("SAASAUTH_TOOLS_DIR", "", Unset),
        // What the SDK would read and we decide ourselves: how often is tried, and in which region.
        ("AWS_MAX_ATTEMPTS", "abc", Unset),
        ("AWS_MAX_ATTEMPTS", "-1", Unset),
        ("AWS_MAX_ATTEMPTS", "0", Unset),
        ("AWS_RETRY_MODE", "sometimes", Unset),
        ("AWS_REGION", "nowhere", Unset),
        ("AWS_REGION", "eu west 1", Unset),
        (
            "AWS_ENDPOINT_URL_DYNAMODB",
            "localhost:4566",
            Refused("`AWS_ENDPOINT_URL_DYNAMODB` is no URL of HTTP: `localhost:4566`"),
        ),
        (
            "AWS_ENDPOINT_URL_SSO",
            "no url",
            Refused("`AWS_ENDPOINT_URL_SSO` is no URL of HTTP: `no url`"),
        ),
        (
            "AWS_USE_FIPS_ENDPOINT",
            "maybe",
            Refused("`AWS_USE_FIPS_ENDPOINT` is neither true nor false: `maybe`"),
        ),
        (
            "AWS_USE_DUALSTACK_ENDPOINT",
            "1",
            Refused("`AWS_USE_DUALSTACK_ENDPOINT` is neither true nor false: `1`"),
        ),
        (
            "AWS_CA_BUNDLE",
            "/nowhere",
            Refused("could not read the certificates in `/nowhere`"),
        ),
        (
            "AWS_CA_BUNDLE",
            "/dev/null",
            Refused("could not read the certificates in `/dev/null`"),
        ),
    ];
    let project = starter();
    for (name, value, comes) in table {
        // By way of a proxy, for what leads to this machine is asked fewer questions.
        let aws = empty_account();
        let mut command = outputs(&project);
        command
            .env("AWS_ENDPOINT_URL", "http://emulator.invalid:4566")
            .env("ALL_PROXY", &aws.url)
            .env(name, value);
        let output = run(&mut command);
        match comes {
            Unset => {
                assert_eq!(output.code, 1, "{name}={value:?}: {output:?}");
                assert!(
                    output.stderr.contains("is not deployed"),
                    "{name}={value:?}: {output:?}"
                );
            }
            Refused(message) => {
                assert_eq!(output.code, 2, "{name}={value:?}: {output:?}");
                let first = output.stderr.lines().next().unwrap();
                assert_eq!(first, format!("error: {message}"), "{output:?}");
                assert!(output.stderr.contains("\nhint: "), "{output:?}");
                assert!(aws.asked().is_empty(), "{name}={value:?}");
            }
        }
    }
}

#[test]
fn an_endpoint_for_all_services_may_be_empty_in_the_environment_and_must_be_a_url() {
    let project = starter();
    // The stage `local` at an endpoint that is empty starts the local cloud; `check` shows the same without one.
    let checked = run(saasauth()
        .arg("check")
        .env("AWS_ENDPOINT_URL", "")
        .current_dir(&project));
    checked.expect(0);
    for (value, hint) in [
        ("localhost:4566", "hint: write `http://localhost:4566`"),
        (
            "http://local host:1",
            "hint: write it as `http://HOST:PORT`",
        ),
        ("ftp://localhost", "hint: write it as `http://HOST:PORT`"),
    ] {
        let variable = run(outputs(&project).env("AWS_ENDPOINT_URL", value)).expect(2);
        assert!(
            variable.stderr.starts_with(&format!(
                "error: `AWS_ENDPOINT_URL` is no URL of HTTP: `{value}`\n"
            )),
            "{variable:?}"
        );
        assert!(variable.stderr.contains(hint), "{variable:?}");
        let option = run(outputs(&project).args(["--endpoint-url", value])).expect(2);
        assert!(
            option
                .stderr
                .starts_with("error: `--endpoint-url` is no URL"),
            "{option:?}"
        );
    }
}

#[test]
fn an_option_that_is_given_is_not_empty() {
    let project = starter();
    for option in [
        "--endpoint-url",
        "--region",
        "--profile",
        "--stage",
        "--project-file",
    ] {
        let output = run(saasauth()
            .args(["outputs", option, ""])
            .current_dir(&project));
        assert_eq!(output.code, 2, "{option}: {output:?}");
        assert!(output.stderr.contains(option), "{option}: {output:?}");
    }
    let region = run(outputs(&project).args(["--region", "nowhere"])).expect(2);
    assert!(
        region.stderr.contains("`nowhere` is not an AWS region"),
        "{region:?}"
    );
}

#[test]
fn one_service_may_have_an_endpoint_of_its_own() {
    let project = starter();
    let (all, one) = (empty_account(), empty_account());
    let mut command = outputs(&project);
    command
        .env("AWS_ENDPOINT_URL", &all.url)
        .env("AWS_ENDPOINT_URL_DYNAMODB", &one.url);
    run(&mut command).expect(1);
    assert_eq!(all.asked()[0].action(), "GetCallerIdentity");
    assert_eq!(one.asked()[0].action(), "Query");
    // What is said on the command line goes before all of them.
    let (all, one) = (empty_account(), empty_account());
    let mut command = outputs(&project);
    command
        .args(["--endpoint-url", &all.url])
        .env("AWS_ENDPOINT_URL_DYNAMODB", &one.url);
    run(&mut command).expect(1);
    assert_eq!((all.asked().len(), one.asked().len()), (2, 0));
}

#[test]
fn fips_and_dual_stack_change_the_host() {
    let project = starter();
    for (variables, part) in [
        (&[("AWS_USE_FIPS_ENDPOINT", "true")][..], "-fips."),
        (
            &[("AWS_USE_DUALSTACK_ENDPOINT", "true")][..],
            ".api.aws:443",
        ),
        (&[][..], "amazonaws.com:443"),
    ] {
        let proxy = proxy();
        let mut command = outputs(&project);
        command
            .env("HTTPS_PROXY", &proxy.url)
            .args(["--region", "us-east-1"])
            .envs(variables.iter().copied());
        let mut running = command.spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let connects = || -> Vec<String> {
            let lines = proxy.asked().into_iter().map(|asked| asked.line);
            lines.collect()
        };
        let hit = || connects().iter().any(|line| line.contains(part));
        while !hit() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        running.kill().unwrap();
        running.wait().unwrap();
        assert!(hit(), "{variables:?}: {:?}", connects());
    }
}

#[test]
fn a_stage_that_is_not_there_is_refused_by_every_command() {
    let project = starter();
    let commands: [&[&str]; 13] = [
        &["check"],
        &["build"],
        &["diff"],
        &["deploy", "--yes"],
        &["destroy", "--yes", "--confirm", "nope"],
        &["outputs"],
        &["verify"],
        &["user", "list"],
        &["repair"],
        &["secret", "list"],
        &["synth"],
        &["upgrade", "--dry-run"],
        &["local", "status"],
    ];
    for command in commands {
        for by_variable in [false, true] {
            let mut asked = saasauth();
            asked.current_dir(&project).args(command);
            match by_variable {
                true => asked.env("SAASAUTH_STAGE", "nope"),
                false => asked.args(["--stage", "nope"]),
            };
            let output = run(&mut asked).expect(2);
            assert!(
                output
                    .stderr
                    .starts_with("error: there is no stage `nope`\n"),
                "{command:?}: {output:?}"
            );
        }
    }
    // One that is there is no mistake where all of them are meant.
    run(saasauth()
        .args(["check", "--stage", "dev"])
        .current_dir(&project))
    .expect(0);
    // A project is begun before it has stages.
    let new = folder("new").join("acme");
    run(saasauth().args(["init", "--stage", "nope"]).arg(&new)).expect(0);
}

#[test]
fn a_clock_that_is_off_is_corrected_by_what_aws_says() {
    let project = starter();
    // As AWS does it: a signature of another time is refused, and the answer has the right time.
    let aws = Server::with_header("date: Thu, 01 Jan 2099 00:00:00 GMT", |asked| {
        let on_time = asked.header("x-amz-date").starts_with("20990101T0");
        match (asked.action(), on_time) {
            ("Query", true) => (400, NOT_DEPLOYED.to_owned()),
            (_, true) => (200, WHO.to_owned()),
            ("Query", false) => (
                400,
                r#"{"__type":"com.amazon.coral.service#InvalidSignatureException","message":"Signature expired: 20260101T000000Z is now earlier than 20981231T235500Z"}"#
                    .to_owned(),
            ),
            (_, false) => (
                403,
                "<ErrorResponse><Error><Type>Sender</Type><Code>SignatureDoesNotMatch</Code><Message>Signature expired: 20260101T000000Z \
                 is now earlier than 20981231T235500Z</Message></Error></ErrorResponse>"
                    .to_owned(),
            ),
        }
    });
    let mut command = outputs(&project);
    command.env("AWS_ENDPOINT_URL", &aws.url);
    let output = run(&mut command).expect(1);
    assert!(output.stderr.contains("is not deployed"), "{output:?}");
    // Where the correction is switched off, the cure is the clock.
    let output = run(command.env("AWS_DISABLE_CLOCK_SKEW_CORRECTION", "true")).expect(1);
    assert!(
        output.stderr.contains("\nhint: set this machine's clock"),
        "{output:?}"
    );
}
