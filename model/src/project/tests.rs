//! The project file as a whole: the examples, the broken files and their messages, odd input.

#![expect(clippy::unwrap_used, reason = "a test panics to fail")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::stage::*;
use super::tree::At;
use super::*;
use crate::error::{Error, ErrorKind};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn example(name: &str) -> PathBuf {
    root().join("examples").join(name).join(FILE_NAME)
}

/// What an error says, line by line, without the excerpts and the frame that the tool draws around it.
fn plain(error: &Error) -> String {
    let mut lines = Vec::new();
    for one in std::iter::once(error).chain(&error.others) {
        lines.push(format!("error: {}", one.message));
        if let Some(place) = &one.place {
            let file = place.file.display();
            lines.push(format!("--> {file}:{}:{}", place.line, place.column));
        }
        lines.extend(one.causes.iter().map(|cause| format!("caused by: {cause}")));
        lines.extend(one.hints.iter().map(|hint| format!("hint: {hint}")));
    }
    // Paths as from the repository's root.
    lines
        .join("\n")
        .replace(&format!("{}/", root().display()), "")
}

/// The same lines of a message as the tool shows it.
fn essence(shown: &str) -> String {
    let lines = shown.lines().map(str::trim_start).filter(|line| {
        ["error: ", "--> ", "caused by: ", "hint: "]
            .iter()
            .any(|start| line.starts_with(start))
            && !line.ends_with(" mistakes")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn texts(list: &[At<String>]) -> Vec<&str> {
    list.iter().map(|text| text.as_str()).collect()
}

fn loaded(name: &str) -> Project {
    load(&example(name)).unwrap_or_else(|error| panic!("{}", plain(&error)))
}

/// A folder with both triggers, in which project files can be loaded.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for trigger in ["confirm-user", "generate-token"] {
            let trigger = folder.path().join("lambdas").join(trigger);
            std::fs::create_dir_all(&trigger).unwrap();
            std::fs::write(trigger.join("Cargo.toml"), "").unwrap();
        }
        Self(folder)
    }

    fn load(&self, text: impl AsRef<[u8]>) -> Result<Project, Error> {
        let path = self.0.path().join(FILE_NAME);
        std::fs::write(&path, text).unwrap();
        load(&path)
    }
}

const SMALL: &str =
    "version: 1\nproject: acme\nregion: eu-west-1\nclients: { web: { kind: spa } }\n";

#[test]
fn minimal_has_every_default() {
    let project = loaded("minimal");
    assert_eq!(project.stage_names().collect::<Vec<_>>(), ["dev", "local"]);
    let dev = project.stage("dev").unwrap();
    assert_eq!(
        (*dev.target, dev.engine, dev.protect),
        (Target::Aws, Engine::Direct, false)
    );
    assert_eq!(dev.architecture, Architecture::Arm64);
    assert_eq!(*dev.sign_in.with, [At::from(SignInName::Email)]);
    assert!(dev.sign_in.attributes.keys().eq(["email"].iter()));
    assert!(*dev.sign_in.attributes["email"].required);
    assert_eq!(dev.sign_in.password.min_length, 12);
    assert_eq!(
        dev.sign_in.verify,
        Verify {
            by: At::from(VerifyBy::Email),
            how: At::from(VerifyHow::Code)
        }
    );
    assert_eq!(
        dev.sign_in.mfa,
        Mfa {
            mode: At::from(MfaMode::Off),
            methods: At::default()
        }
    );
    assert_eq!(dev.sign_in.plan, FeaturePlan::Essentials);
    let web = &dev.clients["web"];
    let Tokens {
        access,
        id,
        refresh,
        rotate: _,
        retry_grace: _,
    } = &web.tokens;
    let seconds = [access, id, refresh].map(|lifetime| lifetime.seconds());
    let hour = 60 * 60;
    assert_eq!(seconds, [hour, hour, 30 * 24 * hour]);
    assert_eq!(texts(&web.scopes), ["openid", "email", "profile"]);
    let access = Access {
        default_role: At::from("member".to_owned()),
        roles: BTreeMap::from([(At::from("member".to_owned()), Vec::new())]),
    };
    assert_eq!(dev.access, access);
    assert_eq!(dev.triggers.generate_token.timeout_seconds, 5);
    assert!(
        dev.triggers
            .generate_token
            .path
            .ends_with("lambdas/generate-token")
    );
    assert!(dev.email.is_none() && dev.marketing.is_none() && dev.hosted_ui.is_none());
}

#[test]
fn starter_stages_differ_where_they_say() {
    let project = loaded("starter");
    let (local, prod) = (
        project.stage("local").unwrap(),
        project.stage("prod").unwrap(),
    );
    assert_eq!(
        (*local.target, local.architecture),
        (Target::Local, Architecture::of_host())
    );
    assert_eq!(
        texts(&local.clients["web"].callback_urls),
        ["http://localhost:3000/callback"]
    );
    assert_eq!(
        texts(&prod.clients["web"].callback_urls),
        ["https://app.example.com/callback"]
    );
    assert_eq!(prod.clients["web"].tokens, local.clients["web"].tokens);
    assert!(prod.protect && !local.protect);
    let email = prod.email.as_ref().unwrap();
    assert_eq!(email.from.address(), "hello@example.com");
    let welcome = email.welcome.as_ref().unwrap();
    let (_, standard) = welcome.mails().next().unwrap();
    assert!(standard.html.contains("{{name}}"));
    assert!(!is_standard_attribute("company"));
    let company = &prod.sign_in.attributes["company"];
    assert_eq!(*company.kind, AttributeType::String);
    assert_eq!(company.min_length, None);
    assert_eq!(company.max_length.as_deref(), Some(&120));
}

#[test]
fn full_uses_every_key() {
    let project = loaded("full");
    let (dev, prod) = (
        project.stage("dev").unwrap(),
        project.stage("prod").unwrap(),
    );
    assert!(dev.marketing.is_none(), "null takes a setting away");
    assert_eq!(prod.marketing.as_ref().unwrap().secrets().len(), 5);
    let mailchimp = prod.marketing.as_ref().unwrap().mailchimp.as_ref();
    assert_eq!(mailchimp.unwrap().fields["COMPANY"], "company");
    let topic = prod.alarms.as_ref().unwrap().topic.as_ref().unwrap();
    assert_eq!(*topic, "arn:aws:sns:eu-west-1:123456789012:operations");
    assert_eq!(prod.tokens.scopes, TokenScopes::Permissions);
    let welcome = prod.email.as_ref().unwrap().welcome.as_ref().unwrap();
    let languages = welcome.mails().map(|(language, _)| language);
    assert!(languages.eq([None, Some("de"), Some("pt-BR")]));
    let hosted_ui = prod.hosted_ui.as_ref().unwrap();
    assert!(hosted_ui.prefix.is_none() && hosted_ui.certificate_arn.is_some());
    assert_eq!(
        (prod.engine, prod.region.as_str()),
        (Engine::CloudFormation, "eu-west-1")
    );
    assert!(
        prod.account
            .as_ref()
            .is_some_and(|account| *account == "123456789012")
    );
    assert_eq!(prod.domains["customer.example"].role, "member");
    assert!(prod.clients["reports"].write.is_empty());
    assert_eq!(prod.architecture, Architecture::X86_64);

    // A key added to the file must be added to the example, or to the one of what was there before.
    let mut text = std::fs::read_to_string(example("full")).unwrap();
    let adopted = root().join("tests/fixtures/projects/adopted.yaml");
    text += &std::fs::read_to_string(adopted).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
    let definitions = schema["$defs"].as_object().unwrap().values();
    for object in definitions.chain([&schema]) {
        for key in object["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key)
        {
            assert!(
                text.contains(&format!("{key}:")),
                "examples/full lacks `{key}`"
            );
        }
    }
}

#[test]
fn an_unknown_stage_names_the_known() {
    let project = loaded("starter");
    let error = project.stage("prd").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Usage);
    assert_eq!(
        plain(&error),
        "error: there is no stage `prd`\n\
         caused by: `examples/starter/saasauth.yaml` has `dev`, `local` and `prod`\n\
         hint: did you mean `--stage prod`?"
    );
}

/// As `saasauth init` lays a project out, from an absolute path.
#[test]
fn a_whole_file_in_the_usual_layout_loads() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.0.path().join("emails")).unwrap();
    for name in ["welcome.html", "welcome.txt"] {
        std::fs::write(folder.0.path().join("emails").join(name), "Hi {{name}}").unwrap();
    }
    let text = std::fs::read_to_string(example("starter")).unwrap();
    let project = folder
        .load(text.replace("../../lambdas", "lambdas"))
        .unwrap();
    let trigger = &project.stage("prod").unwrap().triggers.confirm_user;
    assert_eq!(*trigger.path, folder.0.path().join("lambdas/confirm-user"));
    assert_eq!(project.directory, folder.0.path());
}

/// Every file under `invalid/` fails with what the message beside it says. How the tool draws it is
/// tested with the tool, which also writes the messages anew.
#[test]
fn broken_files_say_what_is_wrong() {
    let folder = root().join("tests/fixtures/projects/invalid");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    files.sort();
    assert!(files.len() >= 30, "{} files", files.len());
    let mut messages = BTreeMap::new();
    let mut wrong = Vec::new();
    for file in files {
        let Err(error) = load(&file) else {
            wrong.push(format!("{} is accepted", file.display()));
            continue;
        };
        let message = plain(&error);
        assert_eq!(error.kind, ErrorKind::Project, "{}", file.display());
        for one in std::iter::once(&error).chain(&error.others) {
            assert!(
                !one.hints.is_empty(),
                "{} has no hint: {message}",
                file.display()
            );
            let text = &one.message;
            let first_word = text.split(' ').next().unwrap();
            let lower = first_word == "MFA" || !text.starts_with(char::is_uppercase);
            assert!(!text.ends_with('.') && lower, "{text}");
        }
        let golden = file.with_extension("stderr");
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if essence(&expected) != message {
            wrong.push(format!("{}:\n{message}", golden.display()));
        }
        let summary = message
            .lines()
            .filter(|line| !line.contains("-->"))
            .collect::<String>();
        if let Some(other) = messages.insert(summary, file.clone()) {
            wrong.push(format!(
                "{} says the same as {}",
                file.display(),
                other.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_mistake_is_reported_once() {
    let folder = Folder::new();
    let error = folder
        .load(format!("{SMALL}domains: {{ gmail.com: {{ role: boss }} }}\nstages: {{ dev: {{}}, prod: {{ account: x }} }}\n"))
        .unwrap_err();
    let messages: Vec<&str> = std::iter::once(&error)
        .chain(&error.others)
        .map(|e| e.message.as_str())
        .collect();
    assert_eq!(
        messages,
        [
            "`gmail.com` is a public mail provider",
            "there is no role `boss`",
            "`x` is not an AWS account"
        ]
    );
    assert!(error.causes.is_empty() && error.others.iter().all(|error| error.causes.is_empty()));
}

#[test]
fn a_mistake_of_one_stage_names_it() {
    let folder = Folder::new();
    let text = format!(
        "{SMALL}email: {{ from: a@acme.com, identity: acme.com }}\nsign_in: {{ mfa: {{ mode: optional, methods: [email] }} }}\nstages: {{ dev: {{}}, prod: {{ email: ~ }} }}\n"
    );
    let error = folder.load(text).unwrap_err();
    assert_eq!(error.causes, ["so it stands in stage `prod`"]);
    assert!(error.others.is_empty());
}

#[test]
fn a_role_beyond_the_budget_is_allowed_and_warned_of() {
    let folder = Folder::new();
    let permissions: Vec<String> = (0..20)
        .map(|n| format!("\"resource-{n:02}:read\""))
        .collect();
    let role = |budget: &str| {
        let text = format!(
            "{SMALL}access:\n  roles:\n    member: []\n    wide: [\"*:*\", \"a:read\"]\n    many: [{}]\n{budget}\n",
            permissions.join(", ")
        );
        folder.load(text).unwrap().warnings
    };
    assert!(role("").is_empty(), "the default budget is enough");
    let warnings = role("tokens: { budget: 512 }");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let place = warnings[0].place.as_ref().unwrap();
    assert_eq!((place.line, place.column, place.width), (9, 5, 4));
    let bytes = (r#"{"domains":[],"permissions":[],"role":"many"}"#.len() + 20 * 19 - 1) * 4;
    let bytes = bytes.div_ceil(3);
    assert_eq!(
        warnings[0].message,
        format!(
            "the role `many` takes {bytes} bytes of a token, and `tokens.budget` is 512: its users' tokens lack permissions"
        )
    );
    // A scope per permission, of 16 bytes and a blank.
    let warnings =
        role("stages: { dev: { tokens: { scopes: permissions, budget: 700 } }, prod: {} }");
    assert_eq!(warnings[0].causes, ["so it stands in stage `dev`"]);
}

#[test]
fn an_attribute_that_users_could_promote_themselves_by_is_warned_of() {
    let folder = Folder::new();
    let with = |client: &str| {
        let text = format!(
            "version: 1\nproject: acme\nregion: eu-west-1\nsign_in: {{ attributes: {{ name: {{}}, plan: {{ type: string }} }} }}\nclients: {{ web: {{ kind: spa{client} }} }}\n"
        );
        folder.load(text).unwrap().warnings
    };
    let warnings = with("");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(
        warnings[0].message,
        "users of the client `web` can change their own `plan`"
    );
    assert_eq!(warnings[0].place.as_ref().unwrap().line, 4);
    assert!(with(", write: [email, name]").is_empty());
    assert!(
        with(", write: [email, name, plan]").is_empty(),
        "somebody said so"
    );
}

#[test]
fn marketing_is_written_out_as_the_function_reads_it() {
    let folder = Folder::new();
    let text = format!(
        "{SMALL}sign_in: {{ attributes: {{ news: {{ type: boolean }}, name: {{}} }} }}\nmarketing:\n  opt_in: news\n  kit: {{ form: \"1\", api_key: \"ssm:/kit\", fields: {{ N: name }}, endpoint: \"http://localhost:9/\" }}\n  webhook: {{ url: \"https://a.b/c\", secret: \"ssm:/hook\" }}\n"
    );
    let project = folder.load(text).unwrap();
    let marketing = project.stage("dev").unwrap().marketing.as_ref().unwrap();
    assert_eq!(
        serde_json::to_value(marketing.settings()).unwrap(),
        serde_json::json!({
            "opt_in": "news",
            "platforms": {
                "kit": {
                    "form": "1",
                    "api_key": "/kit",
                    "double_opt_in": true,
                    "fields": { "N": "name" },
                    "endpoint": "http://localhost:9",
                },
                "webhook": { "url": "https://a.b/c", "secret": "/hook" },
            },
        })
    );
}

#[test]
fn a_secret_is_never_shown() {
    let folder = Folder::new();
    for value in [
        "s3cr3t-us1",
        "\"s3cr3t, us1\"",
        "12345678",
        "[s3cr3t]",
        "{ a: 12345678 }",
        "\n      s3cr3t",
        "|\n      s3cr3t",
        ">-\n      s3cr3t\n      s3cr3t",
        "\"s3cr3t",
        "&a s3cr3t",
    ] {
        let text = format!(
            "{SMALL}sign_in: {{ attributes: {{ news: {{ type: boolean }} }} }}\nmarketing:\n  opt_in: news\n  beehiiv:\n    publication: pub_1\n    api_key: {value}\n"
        );
        let message = plain(&folder.load(text).unwrap_err());
        assert!(
            !message.contains("s3cr3t") && !message.contains("12345678"),
            "{message}"
        );
    }
}

#[test]
fn a_directory_or_no_file_is_said_so() {
    let folder = Folder::new();
    let error = load(folder.0.path()).unwrap_err();
    assert_eq!(
        (error.kind, error.causes[0].as_str()),
        (ErrorKind::Project, "it is a directory")
    );
    assert_eq!(
        find(Some(folder.0.path())).unwrap_err().kind,
        ErrorKind::Usage
    );
    assert_eq!(
        find(Some(&folder.0.path().join("none.yaml")))
            .unwrap_err()
            .kind,
        ErrorKind::Usage
    );
    folder.load(SMALL).unwrap();
    assert!(find(Some(folder.0.path())).unwrap_err().hints[0].contains(FILE_NAME));
}

#[test]
fn text_that_is_not_utf8_is_placed() {
    let folder = Folder::new();
    let error = folder.load(b"version: 1\nproject: caf\xe9\n").unwrap_err();
    let place = error.place.unwrap();
    assert_eq!((place.line, place.column), (2, 13));
}

/// Comments aside, the starter cut off at every byte.
#[test]
fn no_truncation_panics() {
    let starter = std::fs::read_to_string(example("starter")).unwrap();
    let text: Vec<&str> = starter
        .lines()
        .map(|line| line.split("# ").next().unwrap().trim_end())
        .collect();
    let text = text.join("\n");
    let threads = 4;
    std::thread::scope(|scope| {
        for first in 0..threads {
            let text = text.as_bytes();
            scope.spawn(move || {
                let folder = Folder::new();
                for end in (first..text.len()).step_by(threads) {
                    let _ = folder.load(&text[..end]).map_err(|error| plain(&error));
                }
            });
        }
    });
}

/// Editors read the schema from the repository. `tests/support/golden.rs` says how it is written anew.
#[test]
fn the_schema_beside_the_examples_is_current() {
    let path = root().join("examples/saasauth.schema.json");
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), schema());
}

#[test]
fn no_input_panics() {
    let folder = Folder::new();
    for nasty in [
        "",
        "\u{feff}",
        "-",
        "[",
        "{",
        "}",
        "&a [*a]",
        "&a {b: *a}",
        "? [a, b]\n: c",
        "!!binary x",
        "--- a\n--- b",
        "version: 1e999",
        "version: .nan",
        "version: -1",
        "version: 99999999999",
        "version: 18446744073709551616",
        "\t",
        "a:\n\tb: c",
        "\0",
        "a: b: c",
        "<<: 1",
        "<<: {a: 1}",
        "stages: [a]",
        "stages: {a: []}",
        "stages: {1: {}}",
        "~: 1",
        "{[a]: b}",
        "project: 'é",
        "clients: {é: {kind: spa, tokens: {access: é}}}",
        "version: 1\r\nprojekt: x\r\n",
        "%YAML 9",
        "domains: {'': {}}",
        "hosted_ui: {prefix: ''}",
        "email: {from: '<', identity: '@'}",
        "email: {from: '*@*', welcome: {subject: '{{', html: ''}}",
    ] {
        let _ = folder.load(nasty).map_err(|error| plain(&error));
        let _ = folder
            .load(format!("{SMALL}{nasty}"))
            .map_err(|error| plain(&error));
    }
    let deep = format!("{SMALL}tags: {}{}", "[".repeat(5000), "]".repeat(5000));
    assert!(folder.load(deep).is_err());
    let mut bomb = "a0: &a0 [x, x]\n".to_owned();
    for level in 1..40 {
        bomb += &format!("a{level}: &a{level} [*a{0}, *a{0}]\n", level - 1);
    }
    assert!(folder.load(bomb).is_err());
}

/// What is fine YAML and still nothing for us is explained in our words, not in those of a library to
/// its callers.
#[test]
fn yaml_we_do_not_take_is_explained_in_our_words() {
    let folder = Folder::new();
    for (text, message) in [
        (
            "access: { roles: { member: [], null: [] } }",
            "a key is empty, or `null`",
        ),
        ("tags: { ~: a }", "a key is empty, or `null`"),
        ("tags:\n  : a", "a key is empty, or `null`"),
        ("tags: { [a]: b }", "a key is no text"),
        ("? { a: b }\n: c", "a key is no text"),
        (
            "tags: { <<: a }",
            "`<<` takes in something else than a mapping",
        ),
        ("tags: &a { b: *a }", "an alias stands within what it names"),
        ("tags: { a: .nan }", "`.nan` is no number to count with"),
        ("tags: { a: !!int x }", "the value is none of its tag"),
        ("tags: !!seq {}", "the value is none of its tag"),
    ] {
        let error = folder.load(format!("{SMALL}{text}\n")).unwrap_err();
        assert_eq!(error.message, message, "{text}");
        assert!(error.causes.is_empty() && error.place.is_some(), "{text}");
        assert_eq!(error.hints.len(), 1, "{text}");
    }
    // What is no YAML, the parser knows best.
    let error = folder.load(format!("{SMALL}tags: ]\n")).unwrap_err();
    assert!(error.message.ends_with("is not valid YAML"), "{error}");
}

/// An alias leads to the text it names once more, and a mistake there is still one.
#[test]
fn a_mistake_behind_an_alias_is_told_once() {
    let folder = Folder::new();
    let file = |client: &str| {
        format!(
            "version: 1\nproject: acme\nregion: eu-west-1\nclients:\n  web: &web {{ {client} }}\n  admin: {{ <<: *web }}\n  shop: *web\n"
        )
    };
    // Of the rules: in every stage, thus of none in particular.
    let error = folder
        .load(file("kind: spa, callback_urls: [\"http://a.com/\"]"))
        .unwrap_err();
    assert_eq!(error.others.len(), 0, "{}", plain(&error));
    assert_eq!(error.causes, [""; 0]);
    // Of spelling, of type, and of a key.
    for client in [
        "kind: spa, tokens: { access: soon }",
        "kind: spa, scopes: openid",
        "kind: spa, scope: []",
    ] {
        let error = folder.load(file(client)).unwrap_err();
        assert_eq!(error.others.len(), 0, "{}", plain(&error));
        assert_eq!(error.causes, [""; 0], "{client}");
    }
    // Where one stage alone has it, that stage is named once.
    let text = file("kind: spa, tokens: { refresh: 1d, access: 2d }")
        + "stages: { dev: {}, prod: { clients: { web: { tokens: ~ }, admin: { tokens: ~ }, shop: { tokens: ~ } } } }\n";
    let error = folder.load(text).unwrap_err();
    assert_eq!(error.causes, ["so it stands in stage `dev` and `local`"]);
}

/// One file that two languages share is read twice, and what is wrong in it is told once.
#[test]
fn a_mistake_in_a_shared_email_is_told_once() {
    let folder = Folder::new();
    std::fs::write(folder.0.path().join("welcome.html"), "{{nobody}}").unwrap();
    let text = format!(
        "{SMALL}sign_in: {{ attributes: {{ locale: {{}} }} }}\nemail:\n  from: a@acme.com\n  identity: acme.com\n  welcome: {{ subject: Hi, html: welcome.html, locales: {{ de: {{ subject: Hallo, html: welcome.html }} }} }}\n"
    );
    let error = folder.load(text).unwrap_err();
    assert_eq!(error.others.len(), 0, "{}", plain(&error));
    assert_eq!(error.causes, [""; 0]);
}

/// A name that needs it is quoted or encoded for the mail header; the file has it as people read it.
#[test]
fn a_sender_is_sent_as_a_mail_header_holds_it() {
    let folder = Folder::new();
    for (from, header) in [
        (
            "Acme, Inc. <hello@acme.com>",
            "\"Acme, Inc.\" <hello@acme.com>",
        ),
        (
            "Müller <hello@acme.com>",
            "=?UTF-8?Q?M=C3=BCller?= <hello@acme.com>",
        ),
    ] {
        let text = format!("{SMALL}email: {{ from: \"{from}\", identity: acme.com }}\n");
        let project = folder.load(text).unwrap();
        let email = project.stage("dev").unwrap().email.as_ref().unwrap();
        assert_eq!(email.from.to_string(), header);
        assert_eq!(email.from.address(), "hello@acme.com");
    }
}

/// `null` takes a key away, and leaves what the file would be without it.
#[test]
fn null_is_a_key_that_is_not_there() {
    let folder = Folder::new();
    let text = format!(
        "{SMALL}sign_in: {{ password: {{ min_length: 20 }}, mfa: {{ mode: required }} }}\nengine: cloudformation\ntags: {{ a: b }}\nstages: {{ dev: {{ engine: ~, tags: ~, sign_in: {{ password: {{ min_length: ~ }}, mfa: ~ }} }}, prod: ~ }}\n"
    );
    let project = folder.load(text).unwrap();
    let dev = project.stage("dev").unwrap();
    assert_eq!(dev.engine, Engine::Direct);
    assert_eq!(dev.sign_in.password.min_length, 12);
    assert_eq!(dev.sign_in.mfa.mode, MfaMode::Off);
    assert!(dev.tags.is_empty());
    let prod = project.stage("prod").unwrap();
    assert_eq!(prod.sign_in.password.min_length, 20);
    // But a name somebody picked has a value.
    for text in ["tags: { a: ~ }", "stages: { dev: { clients: { web: ~ } } }"] {
        let error = folder.load(format!("{SMALL}{text}\n")).unwrap_err();
        assert!(error.message.ends_with("found nothing"), "{error}");
    }
}

#[test]
fn a_region_from_elsewhere_is_checked_too() {
    let stage = loaded("minimal").stage("dev").unwrap().clone();
    assert_eq!(
        stage.clone().in_region("us-east-1").unwrap().region,
        "us-east-1"
    );
    let error = stage.in_region("eu-wset-1").unwrap_err();
    assert_eq!((error.kind, error.hints.len()), (ErrorKind::Usage, 1));
}
