//! Credentials as people have them: real files, helpers and servers, and in place of AWS a server that sees who signs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::server::{Asked, Server};
use crate::support::{Output, folder, run, saasauth, starter};

/// A person's home, a project, and a server in place of every AWS service.
struct Desk {
    home: PathBuf,
    project: PathBuf,
    aws: Server,
}

/// What STS, the metadata services and the ledger of a stage that isn't deployed say.
fn answer(asked: &Asked) -> (u16, String) {
    let keys = |key: &str| {
        format!(
            r#""AccessKeyId":"{key}","SecretAccessKey":"s","Token":"t","SessionToken":"t","Expiration":"2099-01-01T00:00:00Z","Code":"Success""#
        )
    };
    let assumed = |operation: &str, key: &str| {
        format!(
            "<{operation}Response><{operation}Result><Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
             <SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
             <AssumedRoleUser><AssumedRoleId>A:b</AssumedRoleId><Arn>arn:aws:sts::123456789012:assumed-role/a/b</Arn></AssumedRoleUser>\
             </{operation}Result></{operation}Response>"
        )
    };
    match asked.action() {
        "GetCallerIdentity" => (
            200,
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/ada</Arn>\
             <Account>123456789012</Account><UserId>A</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>"
                .to_owned(),
        ),
        "AssumeRole" if asked.body.contains("refused") => (
            403,
            "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: ada is not authorized to perform: \
             sts:AssumeRole on resource: refused</Message></Error><RequestId>r</RequestId></ErrorResponse>"
                .to_owned(),
        ),
        "AssumeRole" if asked.body.contains("TokenCode=000000") => (
            403,
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>MultiFactorAuthentication failed with invalid MFA one time \
             pass code.</Message></Error></ErrorResponse>"
                .to_owned(),
        ),
        // A role taken with another role's credentials is told from one taken with a user's.
        "AssumeRole" if asked.key() == "AKROLE" => (200, assumed("AssumeRole", "AKROLEOFROLE")),
        "AssumeRole" => (200, assumed("AssumeRole", "AKROLE")),
        "AssumeRoleWithWebIdentity" if asked.body.contains("expired") => (
            400,
            "<ErrorResponse><Error><Code>ExpiredTokenException</Code><Message>Token expired</Message></Error></ErrorResponse>"
                .to_owned(),
        ),
        "AssumeRoleWithWebIdentity" => (200, assumed("AssumeRoleWithWebIdentity", "AKWEB")),
        "Query" => (
            400,
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no table"}"#.to_owned(),
        ),
        "GET /container" => (200, format!("{{{}}}", keys("AKCONTAINER"))),
        "PUT /latest/api/token" => (200, "token".to_owned()),
        "GET /latest/meta-data/iam/security-credentials/" => (200, "role".to_owned()),
        "GET /latest/meta-data/iam/security-credentials/role" => {
            (200, format!("{{{}}}", keys("AKMACHINE")))
        }
        line if line.starts_with("GET /federation/credentials") => {
            if asked.header("x-amz-sso_bearer_token") == "revoked" {
                let body = r#"{"__type":"UnauthorizedException","message":"Session token not found or invalid"}"#;
                return (401, body.to_owned());
            }
            let keys = r#"{"roleCredentials":{"accessKeyId":"AKSSO","secretAccessKey":"s","sessionToken":"t","expiration":4070908800000}}"#;
            (200, keys.to_owned())
        }
        _ => (404, String::new()),
    }
}

impl Desk {
    /// A home with this `~/.aws/config`.
    fn with(config: &str) -> Self {
        let home = folder("home");
        fs::create_dir_all(home.join(".aws/sso/cache")).unwrap();
        fs::create_dir_all(home.join(".aws/login/cache")).unwrap();
        fs::write(home.join(".aws/config"), config).unwrap();
        Self {
            home,
            project: starter(),
            // Part of a metadata service's answer, and nothing to the others.
            aws: Server::with_header("x-aws-ec2-metadata-token-ttl-seconds: 21600", answer),
        }
    }

    /// Writes a file of the home.
    fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.home.join(path);
        fs::write(&path, text).unwrap();
        path
    }

    /// A command that asks AWS who it is, and what is deployed.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = saasauth();
        command
            .env_remove("AWS_CONFIG_FILE")
            .env_remove("AWS_SHARED_CREDENTIALS_FILE")
            .env("HOME", &self.home)
            .env("AWS_ENDPOINT_URL", &self.aws.url)
            .args(["outputs", "--stage", "dev"])
            .args(arguments)
            .current_dir(&self.project);
        command
    }

    /// Runs it, and gives the key that AWS was asked with.
    #[track_caller]
    fn key(&self, command: &mut Command) -> String {
        let output = run(command).expect(1);
        assert!(output.stderr.contains("is not deployed"), "{output:?}");
        let asked = self.aws.asked();
        let who = asked
            .iter()
            .find(|asked| asked.action() == "GetCallerIdentity");
        who.unwrap_or_else(|| panic!("{asked:?}")).key().to_owned()
    }

    /// Runs it, and gives the error: its first line, its causes and its hints.
    #[track_caller]
    fn error(&self, command: &mut Command) -> String {
        let output = run(command);
        assert!([1, 2, 3].contains(&output.code), "{output:?}");
        let asked = self.aws.asked();
        let went_on = asked
            .iter()
            .any(|asked| asked.action() == "GetCallerIdentity");
        assert!(!went_on, "it went on: {output:?}");
        without_secrets(&output);
        output.stderr
    }
}

#[track_caller]
fn without_secrets(output: &Output) {
    for secret in ["hush", "HUSH", "123456"] {
        let said = output.stdout.contains(secret)
            || output.stderr.replace("123456789012", "").contains(secret);
        assert!(!said, "{output:?}");
    }
}

const USER: &str = "[profile user]\naws_access_key_id = AKUSER\naws_secret_access_key = hush\n";

#[test]
fn keys_in_the_environment_sign_unless_a_profile_is_named() {
    let desk = Desk::with(USER);
    let keys = |command: &mut Command| {
        command
            .env("AWS_ACCESS_KEY_ID", "AKENV")
            .env("AWS_SECRET_ACCESS_KEY", "hush");
    };
    let mut command = desk.command(&[]);
    keys(&mut command);
    assert_eq!(desk.key(&mut command), "AKENV");

    let desk = Desk::with(USER);
    let mut command = desk.command(&["--profile", "user"]);
    keys(&mut command);
    assert_eq!(desk.key(&mut command), "AKUSER");

    let desk = Desk::with(USER);
    assert_eq!(
        desk.key(desk.command(&[]).env("AWS_PROFILE", "user")),
        "AKUSER"
    );
}

#[test]
fn half_a_pair_of_keys_is_no_silence() {
    let desk = Desk::with(USER);
    let mut command = desk.command(&[]);
    command
        .env("AWS_ACCESS_KEY_ID", "AKENV")
        .env("AWS_SECRET_ACCESS_KEY", " ");
    let error = desk.error(&mut command);
    assert!(
        error.starts_with(
            "error: `AWS_ACCESS_KEY_ID` is set without `AWS_SECRET_ACCESS_KEY`\nhint: set both"
        ),
        "{error}"
    );
}

#[test]
fn a_helper_s_credentials_sign() {
    let desk = Desk::with("[profile helper]\ncredential_process = /bin/sh ~/helper HUSH\n");
    let helper = desk.write(
        "helper",
        r#"echo '{"Version":1,"AccessKeyId":"AKHELPER","SecretAccessKey":"hush","SessionToken":"t","Expiration":"2099-01-01T00:00:00Z"}'; echo run >> "$HOME/runs""#,
    );
    assert!(helper.exists());
    assert_eq!(
        desk.key(&mut desk.command(&["--profile", "helper"])),
        "AKHELPER"
    );
    // Once for all of the clients.
    assert_eq!(fs::read_to_string(desk.home.join("runs")).unwrap(), "run\n");
}

#[test]
fn a_helper_that_fails_is_quoted_and_its_command_line_is_not() {
    let desk = Desk::with("[profile helper]\ncredential_process = /bin/sh ~/helper HUSH\n");
    desk.write("helper", "echo 'please run: vault login' >&2; exit 3");
    let error = desk.error(&mut desk.command(&["--profile", "helper"]));
    assert_eq!(
        error,
        "error: no AWS credentials: the `credential_process` of profile `helper` gave none\n\
         caused by: it said: please run: vault login\n\
         hint: run it yourself: `aws configure get credential_process --profile helper` shows it\n"
    );
    desk.write("helper", "echo 'hush, no JSON'");
    let error = desk.error(&mut desk.command(&["--profile", "helper"]));
    assert!(
        error.contains("caused by: it printed no credentials"),
        "{error}"
    );
    let past = r#"echo '{"Version":1,"AccessKeyId":"A","SecretAccessKey":"hush","Expiration":"2001-01-01T00:00:00Z"}'"#;
    desk.write("helper", past);
    let error = desk.error(&mut desk.command(&["--profile", "helper"]));
    assert!(error.contains("no AWS credentials"), "{error}");
    assert!(error.contains("expired"), "{error}");
}

#[test]
fn roles_are_taken_one_after_the_other() {
    let config = format!(
        "{USER}[profile role]\nrole_arn = arn:aws:iam::123456789012:role/a\nsource_profile = user\n\
         [profile role-of-role]\nrole_arn = arn:aws:iam::123456789012:role/b\nsource_profile = role\n\
         [profile from-environment]\nrole_arn = arn:aws:iam::123456789012:role/c\ncredential_source = Environment\n"
    );
    let desk = Desk::with(&config);
    assert_eq!(
        desk.key(&mut desk.command(&["--profile", "role"])),
        "AKROLE"
    );
    let desk = Desk::with(&config);
    assert_eq!(
        desk.key(&mut desk.command(&["--profile", "role-of-role"])),
        "AKROLEOFROLE"
    );
    let desk = Desk::with(&config);
    let mut command = desk.command(&["--profile", "from-environment"]);
    command
        .env("AWS_ACCESS_KEY_ID", "AKENV")
        .env("AWS_SECRET_ACCESS_KEY", "hush");
    assert_eq!(desk.key(&mut command), "AKROLE");
    let taken = desk.aws.asked();
    let taken = taken
        .iter()
        .find(|asked| asked.action() == "AssumeRole")
        .unwrap();
    assert_eq!(taken.key(), "AKENV");
}

#[test]
fn a_role_that_may_not_be_taken_says_whose_it_is() {
    let desk = Desk::with(&format!(
        "{USER}[profile role]\nrole_arn = arn:aws:iam::123456789012:role/refused\nsource_profile = user\n"
    ));
    let error = desk.error(&mut desk.command(&["--profile", "role"]));
    assert!(
        error.starts_with("error: no AWS credentials: profile `role` may not take its role\n"),
        "{error}"
    );
    assert!(
        error.contains("not authorized to perform: sts:AssumeRole"),
        "{error}"
    );
}

const SECOND_FACTOR: &str = "[profile factor]\nrole_arn = arn:aws:iam::123456789012:role/a\nsource_profile = user\n\
     mfa_serial = arn:aws:iam::123456789012:mfa/ada\nrole_session_name = ada\nexternal_id = e\nduration_seconds = 1800\n\
     [profile behind]\nrole_arn = arn:aws:iam::123456789012:role/b\nsource_profile = factor\n";

#[test]
fn without_a_terminal_a_second_factor_is_refused() {
    for profile in ["factor", "behind"] {
        let desk = Desk::with(&format!("{USER}{SECOND_FACTOR}"));
        let error = desk.error(&mut desk.command(&["--profile", profile]));
        assert_eq!(
            error,
            "error: refused to go on unasked: The code that `arn:aws:iam::123456789012:mfa/ada` shows now\n\
             caused by: there is no terminal to ask on\n\
             hint: use credentials that need no code where nobody can type one, such as a pipeline's role\n",
            "{profile}"
        );
    }
}

#[test]
fn an_sso_session_signs_and_one_that_is_over_says_how_to_sign_in_again() {
    // The cache's files are called by the SHA-1 of the session's name.
    const OF_SESSION: &str = ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
    let config = "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n\
         [profile sso]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Admin\n\
         [profile role]\nrole_arn = arn:aws:iam::123456789012:role/a\nsource_profile = sso\n";
    let token = |token: &str, until: &str| {
        format!(
            r#"{{"accessToken":"{token}","expiresAt":"{until}","region":"eu-west-1","startUrl":"https://corp.awsapps.com/start"}}"#
        )
    };
    let desk = Desk::with(config);
    desk.write(OF_SESSION, &token("hush", "2099-01-01T00:00:00Z"));
    assert_eq!(desk.key(&mut desk.command(&["--profile", "sso"])), "AKSSO");

    let again = "hint: sign in: `aws sso login --profile sso`\n";
    for profile in ["sso", "role"] {
        let desk = Desk::with(config);
        let error = desk.error(&mut desk.command(&["--profile", profile]));
        let none =
            "error: no AWS credentials: nobody is signed in to the SSO session of profile `sso`\n";
        assert_eq!(error, format!("{none}{again}"), "{profile}");

        let desk = Desk::with(config);
        desk.write(OF_SESSION, &token("hush", "2001-01-01T00:00:00Z"));
        let error = desk.error(&mut desk.command(&["--profile", profile]));
        let over = "error: no AWS credentials: the SSO session of profile `sso` has expired\n";
        assert_eq!(error, format!("{over}{again}"), "{profile}");

        // Signed out elsewhere: only the service knows.
        desk.write(OF_SESSION, &token("revoked", "2099-01-01T00:00:00Z"));
        let error = desk.error(&mut desk.command(&["--profile", profile]));
        assert_eq!(error, format!("{over}{again}"), "{profile}");
    }
}

#[test]
fn a_login_session_signs_and_one_that_is_over_says_how_to_sign_in_again() {
    const CONFIG: &str = "[profile console]\nlogin_session = arn:aws:iam::123456789012:user/ada\n";
    // The cache's files are called by the SHA-256 of the session.
    const CACHED: &str =
        ".aws/login/cache/397b11bbda6668a5a8d17d42c91036373f4a376627089c204bef61ce0ae993c2.json";
    let cached = |until: &str| {
        format!(
            r#"{{"accessToken":{{"accessKeyId":"AKLOGIN","secretAccessKey":"hush","sessionToken":"hush","accountId":"123456789012","expiresAt":"{until}"}},
               "tokenType":"aws_sigv4","refreshToken":"hush","idToken":"hush","clientId":"arn:aws:signin:::devtools/same-device","dpopKey":"hush"}}"#
        )
    };
    let desk = Desk::with(CONFIG);
    desk.write(CACHED, &cached("2099-01-01T00:00:00Z"));
    assert_eq!(
        desk.key(&mut desk.command(&["--profile", "console"])),
        "AKLOGIN"
    );

    let over = "error: no AWS credentials: the login session of profile `console` is over\n\
         hint: sign in again: `aws login --profile console`\n";
    let desk = Desk::with(CONFIG);
    assert_eq!(
        desk.error(&mut desk.command(&["--profile", "console"])),
        over
    );
    desk.write(CACHED, &cached("2001-01-01T00:00:00Z"));
    assert_eq!(
        desk.error(&mut desk.command(&["--profile", "console"])),
        over
    );
}

#[test]
fn a_pipeline_s_token_is_exchanged_for_a_role() {
    let desk = Desk::with("");
    let token = desk.write("token", "hush");
    let pipeline = |desk: &Desk, token: &Path, arguments: &[&str]| {
        let mut command = desk.command(arguments);
        command
            .env("AWS_WEB_IDENTITY_TOKEN_FILE", token)
            .env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/ci");
        command
    };
    assert_eq!(desk.key(&mut pipeline(&desk, &token, &[])), "AKWEB");

    let desk = Desk::with("");
    let token = desk.write("token", "expired");
    let error = desk.error(&mut pipeline(&desk, &token, &[]));
    assert!(error.contains("are no longer good"), "{error}");
    assert!(error.contains("Token expired"), "{error}");
    let error = desk.error(&mut pipeline(&desk, Path::new("/nowhere"), &[]));
    assert!(error.contains("no AWS credentials"), "{error}");
    assert!(
        error.contains("/nowhere") || error.contains("No such file"),
        "{error}"
    );
}

#[test]
fn containers_and_machines_have_roles() {
    let desk = Desk::with("");
    let mut command = desk.command(&[]);
    command.env(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        format!("{}/container", desk.aws.url),
    );
    assert_eq!(desk.key(&mut command), "AKCONTAINER");

    let desk = Desk::with("");
    let mut command = desk.command(&[]);
    command
        .env("AWS_EC2_METADATA_DISABLED", "false")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &desk.aws.url);
    assert_eq!(desk.key(&mut command), "AKMACHINE");
}

#[test]
fn what_is_missing_or_malformed_is_told_apart() {
    let table: [(&str, &[&str], &str); 5] = [
        (
            "",
            &[],
            "error: no AWS credentials: there are none in the environment, the profiles, or this machine's role\n\
             hint: sign in with `aws login` or `aws sso login`, or choose a profile with `--profile`\n\
             hint: `--stage local` needs no account\n",
        ),
        (
            "[profile production]\nregion = eu-west-1\n",
            &["--profile", "prodution"],
            "error: there is no AWS profile `prodution`\n\
             caused by: `--profile` names it, and neither `~/.aws/config` nor `~/.aws/credentials` has it\n\
             hint: did you mean `--profile production`?\n",
        ),
        (
            "",
            &["--profile", "any"],
            "error: there is no AWS profile `any`\n\
             caused by: `--profile` names it, and neither `~/.aws/config` nor `~/.aws/credentials` has it\n\
             hint: make it: `aws configure sso --profile any`\n",
        ),
        (
            "[profile bare]\nregion = eu-west-1\n",
            &["--profile", "bare"],
            "error: no AWS credentials: profile `bare` has none\n\
             hint: give it some: `aws configure sso --profile bare`, or `aws login --profile bare`\n",
        ),
        (
            "[profile circle]\nrole_arn = arn:aws:iam::123456789012:role/a\nsource_profile = other\n\
             [profile other]\nrole_arn = arn:aws:iam::123456789012:role/b\nsource_profile = circle\n",
            &["--profile", "circle"],
            "",
        ),
    ];
    for (config, arguments, expected) in table {
        let desk = Desk::with(config);
        let error = desk.error(&mut desk.command(arguments));
        match expected {
            "" => assert!(error.starts_with("error: no AWS credentials: "), "{error}"),
            expected => assert_eq!(error, expected),
        }
    }
    let desk = Desk::with("[profile a]\nregion = eu-west-1\n[profile broken\nhush = hush\n");
    let error = desk.error(&mut desk.command(&["--profile", "a"]));
    let start = format!(
        "error: could not read the AWS configuration: {}/.aws/config on line 3\n",
        desk.home.display()
    );
    assert!(error.starts_with(&start), "{error}");
    let desk = Desk::with("");
    let error = desk.error(desk.command(&[]).env("AWS_PROFILE", "gone"));
    assert!(
        error.contains("caused by: `AWS_PROFILE` names it"),
        "{error}"
    );
}

#[test]
fn the_stage_local_needs_none_of_it() {
    let desk = Desk::with("[broken\n");
    let mut command = desk.command(&[]);
    command
        .env("AWS_PROFILE", "gone")
        .env("AWS_ACCESS_KEY_ID", "AKHALF")
        .env("SAASAUTH_STAGE", "local")
        .env("AWS_USE_FIPS_ENDPOINT", "true")
        .env("AWS_USE_DUALSTACK_ENDPOINT", "true");
    // The stage of the arguments would win.
    let mut local = saasauth();
    local.current_dir(&desk.project).args(["outputs"]);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => local.env(name, value),
            None => local.env_remove(name),
        };
    }
    assert_eq!(desk.key(&mut local), "000000000000");
}
