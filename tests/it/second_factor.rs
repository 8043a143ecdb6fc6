//! Roles that want a second factor, with somebody at the terminal.

use std::fs;
use std::path::PathBuf;

use crate::support::{Asked, Output, Server, folder, run, saasauth, script};

const CONFIG: &str = "[profile user]\naws_access_key_id = AKUSER\naws_secret_access_key = hush\n\
     [profile factor]\nrole_arn = arn:aws:iam::123456789012:role/a\nsource_profile = user\n\
     mfa_serial = arn:aws:iam::123456789012:mfa/ada\nrole_session_name = ada\nexternal_id = e\nduration_seconds = 1800\n";

fn answer(asked: &Asked) -> (u16, String) {
    match asked.action() {
        "AssumeRole" if asked.body.contains("TokenCode=123456") => (
            200,
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>AKROLE</AccessKeyId><SecretAccessKey>hush</SecretAccessKey>\
             <SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
                .to_owned(),
        ),
        "AssumeRole" => (
            403,
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>MultiFactorAuthentication failed with invalid MFA one time \
             pass code.</Message></Error></ErrorResponse>"
                .to_owned(),
        ),
        "GetCallerIdentity" => (
            200,
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/ada</Arn>\
             <Account>123456789012</Account><UserId>A</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>"
                .to_owned(),
        ),
        _ => (
            400,
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no table"}"#.to_owned(),
        ),
    }
}

/// Asks what is deployed with the profile `factor`, and types `code`. Gives the home as well.
fn typed(aws: &Server, code: &str) -> (Output, PathBuf) {
    let project = crate::support::Project::unbuilt();
    let home = folder("home");
    fs::create_dir(home.join(".aws")).unwrap();
    fs::write(home.join(".aws/config"), CONFIG).unwrap();
    let wanted = saasauth();
    let mut command = script("terminal.py");
    command.args(["at-once", code]).arg(wanted.get_program());
    command.args(["outputs", "--stage", "dev", "--profile", "factor"]);
    for (name, value) in wanted.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .env("HOME", &home)
        .env("AWS_ENDPOINT_URL", &aws.url)
        .env_remove("AWS_CONFIG_FILE")
        .env_remove("AWS_SHARED_CREDENTIALS_FILE")
        .current_dir(&project.directory);
    let seen = run(&mut command).expect(0).json();
    let output = Output {
        code: i32::try_from(seen["code"].as_i64().unwrap()).unwrap(),
        stdout: seen["shown"].as_str().unwrap().to_owned(),
        stderr: String::new(),
    };
    (output, home)
}

#[test]
fn the_code_is_asked_for_once_sent_once_and_kept_nowhere() {
    let aws = Server::start(answer);
    let (output, home) = typed(&aws, "123456");
    assert!(output.stdout.contains("is not deployed"), "{output:?}");
    assert_eq!(output.stdout.matches("shows now").count(), 1, "{output:?}");
    assert!(
        !output.stdout.contains("123456\r") && !output.stdout.contains("hush"),
        "{output:?}"
    );
    let asked = aws.asked();
    let taken: Vec<_> = asked
        .iter()
        .filter(|asked| asked.action() == "AssumeRole")
        .collect();
    assert_eq!(taken.len(), 1, "{asked:?}");
    assert_eq!(taken[0].key(), "AKUSER");
    for part in [
        "SerialNumber=arn%3Aaws%3Aiam%3A%3A123456789012%3Amfa%2Fada",
        "RoleSessionName=ada",
        "ExternalId=e",
        "DurationSeconds=1800",
    ] {
        assert!(taken[0].body.contains(part), "{part}: {}", taken[0].body);
    }
    let who = asked
        .iter()
        .find(|asked| asked.action() == "GetCallerIdentity");
    assert_eq!(who.unwrap().key(), "AKROLE");
    let left: Vec<_> = fs::read_dir(home.join(".aws")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(
        fs::read_to_string(home.join(".aws/config")).unwrap(),
        CONFIG
    );
}

#[test]
fn a_wrong_code_says_so_and_what_is_no_code_is_not_sent() {
    let aws = Server::start(answer);
    let (output, _) = typed(&aws, "000000");
    assert_eq!(output.code, 1, "{output:?}");
    assert!(
        output
            .stdout
            .contains("AWS did not accept the code of the second factor"),
        "{output:?}"
    );
    assert!(
        output.stdout.contains("wait for the next code"),
        "{output:?}"
    );

    let aws = Server::start(answer);
    let (output, _) = typed(&aws, "12345");
    assert_eq!(output.code, 2, "{output:?}");
    assert!(
        output
            .stdout
            .contains("a code of a second factor has six digits"),
        "{output:?}"
    );
    assert!(aws.asked().is_empty());
}
