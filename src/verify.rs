//! The smoke test of a deployed stage: a throwaway user signs up, is confirmed, signs in, and has both
//! tokens checked against what the project file says.
//!
//! It tells each step as data and prints nothing. The user and his records are deleted however it ends:
//! when interrupted it finishes the request under way, so that it knows what there is to delete.

mod expected;
mod throwaway;

use std::path::Path;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use saasauth_contract::delivery::WELCOME;
use saasauth_contract::keys::user_key;
use saasauth_verifier::{Claims, TokenKind, Verifier};
use serde::Serialize;
use serde_json::{Map, Value};

use self::expected::{Expected, list};
use self::throwaway::ThrowawayUser;
use crate::aws::users::{AppClient, SignedIn, Tables, Tokens};
use crate::aws::{self, Aws, trace};
use crate::engine::outputs::Outputs;
use crate::local::{self, Mail};
use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::project::stage::{Client, ClientKind, Named, Stage, Target, VerifyHow};
use tokio_util::sync::CancellationToken;

/// How long a mail may take that is sent while a request is answered.
const MAIL_LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(200);
/// How far this clock and AWS's may differ; an access token lives five minutes at least.
const LEEWAY: u64 = 60;
/// Reading the outputs took one round of requests.
const OUTPUTS_LEVEL: u32 = 1;

/// What the smoke test looks at.
pub struct Verification<'a> {
    aws: &'a Aws,
    stage: &'a Stage,
    confirmation: Confirmation<'a>,
    deployed: Deployed,
    client: AppClient,
    user: ThrowawayUser,
    /// The level of the last request so far.
    level: u32,
}

/// How the user is confirmed, and so what can be expected of it.
#[derive(Clone, Copy)]
enum Confirmation<'a> {
    /// With what the local mailbox of this project received.
    Mailbox(&'a Path),
    /// By an administrator: nobody reads the mail AWS sends.
    Admin,
    /// By an administrator of an emulator, which need not run triggers of confirmation.
    Emulated,
}

/// What the outputs must name.
struct Deployed {
    pool: String,
    issuer: String,
    jwks_uri: String,
    tables: Tables,
}

/// One step, done or failed.
#[derive(Debug)]
pub struct Step {
    /// Its name in the JSON document.
    pub name: &'static str,
    /// What was done or seen, for a person: `signed up`.
    pub detail: String,
    /// Why it failed, when it did.
    pub error: Option<Error>,
    /// How long it took.
    pub took: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Every step that was tried, in order.
    pub steps: Vec<Step>,
    /// The claims of the tokens that were verified.
    pub claims: TokenClaims,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
}

/// The claims as they came; a token that was not verified has none.
#[derive(Debug, Default, Serialize)]
pub struct TokenClaims {
    /// Of the access token.
    pub access: Option<Map<String, Value>>,
    /// Of the ID token.
    pub id: Option<Map<String, Value>>,
}

impl Report {
    /// Whether every step was done.
    pub fn is_ok(&self) -> bool {
        !self.interrupted && self.steps.iter().all(|step| step.error.is_none())
    }
}

/// Receives each step as it ends.
pub type OnStep<'a> = dyn Fn(&Step) + Send + Sync + 'a;

impl<'a> Verification<'a> {
    /// Finds out what there is to verify, and makes up a user. Changes nothing.
    ///
    /// `mailbox` is the project's folder when `aws` is its local cloud.
    pub async fn prepare(
        aws: &'a Aws,
        stage: &'a Stage,
        outputs: &Outputs,
        mailbox: Option<&'a Path>,
    ) -> Result<Self> {
        let confirmation = match (mailbox, aws.endpoint_url()) {
            (Some(directory), _) => Confirmation::Mailbox(directory),
            (None, Some(_)) => Confirmation::Emulated,
            (None, None) => Confirmation::Admin,
        };
        let (name, client) = usable_client(stage)?;
        let deployed = Deployed::new(outputs)?;
        let client_id = outputs
            .clients
            .get(name)
            .map(|client| client.client_id.as_str());
        let client_id = outputs.present(client_id, &format!("client `{name}`"))?;
        let reading = aws.app_client(&deployed.pool, client_id);
        let (read, level) = trace::scope("client", OUTPUTS_LEVEL, reading).await;
        let doing = format!("could not read client `{name}`");
        let app_client = read.map_err(|fault| fault.while_doing(doing))?;
        let deliverable = stage.target == Target::Aws && aws.endpoint_url().is_none();
        let user = ThrowawayUser::new(stage, client, deliverable);
        Ok(Self {
            aws,
            stage,
            confirmation,
            deployed,
            client: app_client,
            user,
            level,
        })
    }

    /// What the throwaway user signs in with.
    pub fn username(&self) -> &str {
        &self.user.username
    }

    /// Does it all, and cleans up whatever happened.
    pub async fn run(&self, told: &OnStep<'_>, interrupt: &CancellationToken) -> Report {
        let mut run = StepRunner {
            told,
            interrupt,
            level: self.level,
            steps: Vec::new(),
        };
        let mut report = Report::default();
        let mut sub = None;
        let ended = self.exercise(&mut run, &mut sub, &mut report.claims).await;
        report.interrupted = matches!(ended, Err(StopReason::Interrupted));
        // Cleaning up is never interrupted, and its failure is a step like any other.
        let cleaned = self.clean_up(sub).boxed();
        drop(
            run.finish("clean_up", "could not delete the throwaway user", cleaned)
                .await,
        );
        report.steps = run.steps;
        report
    }

    async fn exercise(
        &self,
        run: &mut StepRunner<'_>,
        sub: &mut Option<String>,
        claims: &mut TokenClaims,
    ) -> Result<(), StopReason> {
        let signed_up = run
            .step("sign_up", "could not sign up", self.sign_up().boxed())
            .await?;
        let sub = &*sub.insert(signed_up);

        let confirming = self.confirm(run.interrupt).boxed();
        let code = run
            .step("confirm", "could not confirm the user", confirming)
            .await?;

        let recording = self.record(sub).boxed();
        let doing = "the user's record is not as it must be";
        let recorded = run.step("record", doing, recording).await?;

        let doing = "could not sign in by SRP";
        let tokens = run.step("sign_in", doing, self.sign_in().boxed()).await?;

        // Each of these stands for itself: one that fails says nothing about the others.
        let joined = self.user.domain.as_deref().filter(|_| recorded);
        let expected = Expected::new(self.stage, joined);
        let checks = [
            (
                "access_token",
                TokenKind::Access,
                &tokens.access,
                &mut claims.access,
            ),
            ("id_token", TokenKind::Id, &tokens.id, &mut claims.id),
        ];
        for (name, kind, token, slot) in checks {
            let what = name.replace("_t", " t").replace("id", "ID");
            let checking = self.check(&what, kind, token, &expected, sub, slot).boxed();
            run.check(name, &format!("the {what} is not as it must be"), checking)
                .await?;
        }
        if recorded && self.is_welcomed() {
            let welcoming = self.welcome(code.as_ref(), sub, run.interrupt).boxed();
            run.check(
                "welcome_email",
                "the welcome email did not arrive",
                welcoming,
            )
            .await?;
        }
        Ok(())
    }

    async fn sign_up(&self) -> StepResult<String> {
        let ThrowawayUser {
            username,
            password,
            attributes,
            ..
        } = &self.user;
        let sub = self
            .aws
            .sign_up(&self.client, username, password, attributes)
            .await?;
        done(sub, format!("signed up as {username}"))
    }

    /// Confirms the user. Returns the mail that took, when one did.
    async fn confirm(&self, interrupt: &CancellationToken) -> StepResult<Option<Mail>> {
        let sign_in = &self.stage.sign_in;
        let username = self.username();
        let (attribute, address) = self.user.contact(sign_in);
        let Confirmation::Mailbox(directory) = self.confirmation else {
            self.aws
                .confirm_as_admin(&self.client.pool, username, attribute)
                .await?;
            return done(None, "confirmed by an administrator");
        };
        let for_user = |mail: &Mail| mail.to.iter().any(|to| to == address);
        let mail = arrived(directory, interrupt, for_user).await?;
        let text = mail.text.as_deref().unwrap_or_default();
        let detail = if sign_in.verify.how == VerifyHow::Link {
            let link = link(text).ok_or_else(|| failed("the mail has no link"))?;
            let answer = local::open(link).await;
            answer.map_err(|error| failed("the mailed link does not work").with_source(&error))?;
            "confirmed with the mailed link"
        } else {
            let code = code(text).ok_or_else(|| failed("the mail has no code of six digits"))?;
            self.aws
                .confirm_sign_up(&self.client, username, code)
                .await?;
            match attribute {
                "email" => "confirmed with the mailed code",
                _ => "confirmed with the texted code",
            }
        };
        done(Some(mail), detail)
    }

    /// Checks what confirmUser left in both tables. Returns whether there was anything; an emulator
    /// need not have run it.
    async fn record(&self, sub: &str) -> StepResult<bool> {
        let tables = &self.deployed.tables;
        let permissions_table = &tables.permissions;
        let record = trace::beside(self.aws.record(tables, sub));
        let domains = trace::beside(self.aws.memberships(tables, sub));
        let (record, domains) = tokio::join!(record, domains);
        let (record, domains) = (record?, Vec::from_iter(domains?.into_keys()));
        let Some(record) = record else {
            if matches!(self.confirmation, Confirmation::Emulated) {
                let detail = format!(
                    "no record in {permissions_table} yet: this emulator does not run confirmUser, \
                     and generateToken makes up for it"
                );
                return done(false, detail);
            }
            let missing = format!("`{permissions_table}` has no `{}`", user_key(sub));
            return Err(failed(missing)
                .with_hint(self.log_of("confirm-user"))
                .into());
        };
        let expected = Expected::new(self.stage, self.user.domain.as_deref());
        let role = record.role.as_deref().unwrap_or("missing");
        let wrong = if role != expected.role {
            format!("its `role` is {role}, not {}", expected.role)
        } else if domains != expected.domains {
            let (found, expected) = (list(&domains), list(&expected.domains));
            format!(
                "`{}` has the user in {found}, not {expected}",
                tables.domains
            )
        } else {
            return done(true, format!("record in {permissions_table}"));
        };
        Err(failed(wrong)
            .with_hint(self.look_for_drift())
            .with_hint(self.log_of("confirm-user"))
            .into())
    }

    async fn sign_in(&self) -> StepResult<Tokens> {
        let signing_in =
            self.aws
                .sign_in_by_srp(&self.client, self.username(), &self.user.password);
        match signing_in.await? {
            SignedIn::Tokens(tokens) => done(tokens, "signed in by SRP"),
            SignedIn::Challenged(challenge) => Err(failed(format!(
                "the user pool asks for more than the password: `{challenge}`"
            ))
            .with_cause("`saasauth verify` has no second factor, so it can't go further")
            .with_hint("try a stage with `sign_in.mfa.mode: optional`, which is otherwise the same")
            .into()),
        }
    }

    async fn check(
        &self,
        what: &str,
        kind: TokenKind,
        token: &str,
        expected: &Expected,
        sub: &str,
        slot: &mut Option<Map<String, Value>>,
    ) -> StepResult<()> {
        let verifier = Verifier::builder(&self.deployed.issuer)
            .jwks_uri(&self.deployed.jwks_uri)
            .client_id(&self.client.id)
            .token_use(kind)
            .leeway(LEEWAY)
            .build()
            .map_err(|error| failed("could not make a verifier").with_source(&error))?;
        let verified = verifier.verify(token).await;
        let claims: Claims =
            verified.map_err(|error| failed("its verification failed").with_source(&error))?;
        let differences = expected.differences(&claims, &self.user, sub);
        *slot = Some(claims.raw);
        let mut differences = differences.into_iter();
        let Some(first) = differences.next() else {
            return done((), format!("{what}: {}", expected.describe()));
        };
        Err(differences
            .fold(failed(first), Error::with_cause)
            .with_hint("a changed role reaches new tokens within a minute; then run this again")
            .with_hint(self.look_for_drift())
            .into())
    }

    fn is_welcomed(&self) -> bool {
        self.stage
            .email
            .as_ref()
            .is_some_and(|email| email.welcome.is_some())
            && self.user.email().is_some()
    }

    /// Waits for the welcome email: in the mailbox, or until confirmUser no longer owes it.
    async fn welcome(
        &self,
        code: Option<&Mail>,
        sub: &str,
        interrupt: &CancellationToken,
    ) -> StepResult<()> {
        let address = self.user.email().unwrap_or_default();
        if let Confirmation::Mailbox(directory) = self.confirmation {
            let is_welcome =
                |mail: &Mail| mail.to.iter().any(|to| to == address) && Some(mail) != code;
            return match arrived(directory, interrupt, is_welcome).await {
                Ok(mail) => done((), format!("welcome email: {}", mail.subject)),
                Err(StepError::Failed(error)) => {
                    Err(error.with_hint(self.log_of("confirm-user")).into())
                }
                Err(interrupted) => Err(interrupted),
            };
        }
        let deadline = Instant::now() + MAIL_LIMIT;
        loop {
            let record = self.aws.record(&self.deployed.tables, sub).await?;
            if !record.is_some_and(|record| record.pending.iter().any(|name| name == WELCOME)) {
                return done((), "welcome email handed to SES");
            }
            if Instant::now() >= deadline {
                return Err(failed(format!(
                    "`{WELCOME}` is still pending in `{}`",
                    user_key(sub)
                ))
                .with_hint(self.log_of("confirm-user"))
                .into());
            }
            pause(interrupt).await?;
        }
    }

    /// Deletes the user, then what the triggers wrote: once the user is gone, nothing writes any more.
    async fn clean_up(&self, sub: Option<String>) -> StepResult<()> {
        let Deployed { pool, tables, .. } = &self.deployed;
        let username = self.username();
        let sub = match sub {
            Some(sub) => Some(sub),
            // A sign-up that failed may have made the user all the same: the code was not sent.
            None => self.aws.user_sub(pool, username).await?,
        };
        let Some(sub) = sub else {
            return done((), "nothing to clean up");
        };
        let key = user_key(&sub);
        let user = self.aws.delete_user(pool, username).await;
        let record = trace::beside(self.aws.delete_record(tables, &sub));
        let memberships = trace::beside(self.aws.delete_memberships(tables, &sub));
        let (record, memberships) = tokio::join!(record, memberships);
        let left = [
            (user, format!("user `{username}` in `{pool}`")),
            (record, format!("`{key}` in `{}`", tables.permissions)),
            (memberships, format!("`{key}` in `{}`", tables.domains)),
        ];
        let errors = left.into_iter().filter_map(|(deleted, what)| {
            let fault = deleted.err()?;
            Some(fault.while_doing(format!("could not delete {what}")))
        });
        match Error::together(errors) {
            Some(error) => Err(StepError::Failed(Box::new(error))),
            None => done((), "cleaned up"),
        }
    }

    fn look_for_drift(&self) -> String {
        format!(
            "see what is not as the file says: `saasauth diff --stage {}`",
            self.stage.name
        )
    }

    fn log_of(&self, function: &str) -> String {
        let Named { project, name, .. } = &**self.stage;
        let region = &self.stage.region;
        let mut command =
            format!("aws logs tail /aws/lambda/{project}-{name}-{function} --region {region}");
        if let Some(url) = self.aws.endpoint_url() {
            command.push_str(&format!(" --endpoint-url {url}"));
        }
        format!("read its log: `{command}`")
    }
}

impl Deployed {
    fn new(outputs: &Outputs) -> Result<Self> {
        let named = |value: &Option<String>, what: &str| {
            outputs.present(value.as_deref(), what).map(str::to_owned)
        };
        Ok(Self {
            pool: named(&outputs.user_pool_id, "user pool")?,
            issuer: named(&outputs.issuer, "issuer")?,
            jwks_uri: named(&outputs.jwks_uri, "key address")?,
            tables: outputs.tables()?,
        })
    }
}

/// The steps so far, and what ends them. Their futures are boxed: unboxed, each would take its room on
/// the stack for the whole run, and the SDK's are large.
struct StepRunner<'a> {
    told: &'a OnStep<'a>,
    interrupt: &'a CancellationToken,
    /// The level of the last request.
    level: u32,
    steps: Vec<Step>,
}

/// Why nothing more is tried.
enum StopReason {
    /// A step failed that the others need; it is told already.
    Failed,
    Interrupted,
}

/// Why a step did not come to its end.
enum StepError {
    Failed(Box<Error>),
    Interrupted,
}

/// A step's result, and what it did in words.
type StepResult<T> = Result<(T, String), StepError>;

impl StepRunner<'_> {
    /// A step that those after it need.
    async fn step<T>(
        &mut self,
        name: &'static str,
        doing: &str,
        work: BoxFuture<'_, StepResult<T>>,
    ) -> Result<T, StopReason> {
        if self.interrupt.is_cancelled() {
            return Err(StopReason::Interrupted);
        }
        self.finish(name, doing, work).await
    }

    /// A step that fails alone.
    async fn check(
        &mut self,
        name: &'static str,
        doing: &str,
        work: BoxFuture<'_, StepResult<()>>,
    ) -> Result<(), StopReason> {
        match self.step(name, doing, work).await {
            Ok(()) | Err(StopReason::Failed) => Ok(()),
            Err(interrupted) => Err(interrupted),
        }
    }

    async fn finish<T>(
        &mut self,
        name: &'static str,
        doing: &str,
        work: BoxFuture<'_, StepResult<T>>,
    ) -> Result<T, StopReason> {
        let began = Instant::now();
        let (outcome, level) = trace::scope(name, self.level, work).await;
        self.level = level;
        let took = began.elapsed();
        let (result, step) = match outcome {
            Ok((value, detail)) => (
                Ok(value),
                Step {
                    name,
                    detail,
                    error: None,
                    took,
                },
            ),
            Err(StepError::Failed(cause)) => {
                let error = while_doing(doing, *cause);
                let detail = doing.to_owned();
                (
                    Err(StopReason::Failed),
                    Step {
                        name,
                        detail,
                        error: Some(error),
                        took,
                    },
                )
            }
            Err(StepError::Interrupted) => return Err(StopReason::Interrupted),
        };
        (self.told)(&step);
        self.steps.push(step);
        result
    }
}

impl From<Error> for StepError {
    fn from(error: Error) -> Self {
        Self::Failed(Box::new(error))
    }
}

/// A failed request has only its causes to tell: the step's name says what was being done.
impl From<aws::Fault> for StepError {
    fn from(fault: aws::Fault) -> Self {
        let mut error = fault.while_doing(fault.to_string());
        error.causes.remove(0);
        if fault.code.as_deref() == Some("CodeDeliveryFailureException") {
            error = error.with_hint(
                "in the SES sandbox mail reaches verified addresses only; ask AWS to leave it",
            );
        }
        error.into()
    }
}

fn done<T>(value: T, detail: impl Into<String>) -> StepResult<T> {
    Ok((value, detail.into()))
}

fn failed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Aws, message)
}

/// What went wrong becomes the nearest cause of what was being done.
fn while_doing(doing: &str, mut error: Error) -> Error {
    let cause = std::mem::replace(&mut error.message, doing.to_owned());
    error.causes.insert(0, cause);
    error
}

/// The client to sign in with: preferably one without a secret, as most users meet.
fn usable_client(stage: &Stage) -> Result<(&str, &Client)> {
    let find = |kinds: &[ClientKind]| {
        stage
            .clients
            .iter()
            .find(|(_, client)| kinds.contains(&*client.kind))
    };
    find(&[ClientKind::Spa, ClientKind::Native])
        .or_else(|| find(&[ClientKind::Server]))
        .map(|(name, client)| (name.as_str(), client))
        .ok_or_else(|| {
            Error::refused(format!(
                "stage `{}` has no client that users sign in with",
                stage.name
            ))
            .with_cause("clients of the kind `machine` have no users")
            .with_hint("add a client with `kind: spa`, `native` or `server` under `clients`")
        })
}

/// Waits for a mail, newest first.
async fn arrived(
    directory: &Path,
    interrupt: &CancellationToken,
    wanted: impl Fn(&Mail) -> bool,
) -> Result<Mail, StepError> {
    let deadline = Instant::now() + MAIL_LIMIT;
    loop {
        let mail = local::mail(directory).await?;
        if let Some(mail) = mail.into_iter().rev().find(&wanted) {
            return Ok(mail);
        }
        if Instant::now() >= deadline {
            let seconds = MAIL_LIMIT.as_secs();
            let error = failed(format!(
                "nothing came to the local mailbox within {seconds} s"
            ));
            return Err(error
                .with_hint("what did come: `saasauth local mail`")
                .into());
        }
        pause(interrupt).await?;
    }
}

async fn pause(interrupt: &CancellationToken) -> Result<(), StepError> {
    tokio::time::sleep(POLL).await;
    if interrupt.is_cancelled() {
        Err(StepError::Interrupted)
    } else {
        Ok(())
    }
}

/// The code in a message: the last six digits that stand for themselves, since a project's name may
/// hold digits too.
fn code(text: &str) -> Option<&str> {
    text.split(|character: char| !character.is_ascii_alphanumeric() && character != '-')
        .rfind(|word| word.len() == 6 && word.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The link in a message.
fn link(text: &str) -> Option<&str> {
    text.split_whitespace()
        .rfind(|word| word.starts_with("http://") || word.starts_with("https://"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use saasauth_model::project;

    /// The starter's stage `local`, without registered domains and with `settings` of its own.
    pub(super) fn stage_with(settings: &str) -> Stage {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let starter = root.join("examples/starter/saasauth.yaml");
        let text = std::fs::read_to_string(&starter).expect("the starter is there");
        let (shared, _) = text.split_once("\nstages:").expect("it has stages");
        let domains = "domains:\n  example.com: { role: admin }\n";
        assert!(shared.contains(domains), "it registers a domain");
        let folder = starter.parent().expect("it is in a folder");
        let shared = shared
            .replace(domains, "")
            .replace("../..", &root.display().to_string());
        let home = tempfile::tempdir().expect("there is room");
        let emails = home.path().join("emails");
        std::fs::create_dir(&emails).expect("there is room");
        for email in std::fs::read_dir(folder.join("emails")).expect("it has some") {
            let email = email.expect("it is listed");
            std::fs::copy(email.path(), emails.join(email.file_name())).expect("copied");
        }
        let path = home.path().join("saasauth.yaml");
        std::fs::write(
            &path,
            format!("{shared}\nstages: {{ local: {{ {settings} }} }}\n"),
        )
        .expect("a file can be written");
        let loaded = project::load(&path);
        let project = loaded.expect("the settings are right");
        project.stage("local").expect("it is there").clone()
    }

    pub(super) fn stage() -> Stage {
        stage_with("")
    }

    #[test]
    fn a_client_without_a_secret_is_preferred_and_a_machine_never_taken() {
        let machine = "web: { kind: machine, scopes: [\"a:b\"], callback_urls: ~, logout_urls: ~, tokens: ~ }";
        let urls = "callback_urls: [\"http://localhost/\"]";
        let server = format!("b-server: {{ kind: server, {urls} }}");
        let native = format!("c-native: {{ kind: native, {urls} }}");
        let of = |clients: &[&str]| stage_with(&format!("clients: {{ {} }}", clients.join(", ")));
        let stage = of(&[machine]);
        let error = usable_client(&stage).expect_err("a machine has no users");
        assert_eq!(error.kind, ErrorKind::Refused);
        let stage = of(&[machine, &server]);
        let (name, _) = usable_client(&stage).expect("a server will do");
        assert_eq!(name, "b-server");
        let stage = of(&[machine, &server, &native]);
        let (name, _) = usable_client(&stage).expect("native is better");
        assert_eq!(name, "c-native");
    }

    #[test]
    fn the_code_is_told_from_other_digits() {
        assert_eq!(code("Your starter code is 012345."), Some("012345"));
        assert_eq!(
            code("Your acme-123456 code is 654321. Ask 1234567."),
            Some("654321")
        );
        assert_eq!(code("Your code is 12345."), None);
        assert_eq!(
            link("Confirm: confirm my address: http://127.0.0.1:1/confirmUser?a=b"),
            Some("http://127.0.0.1:1/confirmUser?a=b")
        );
    }

    #[tokio::test]
    async fn a_failed_step_stops_what_needs_it_and_a_failed_check_does_not() {
        let told = std::sync::Mutex::new(Vec::new());
        let tell = |step: &Step| told.lock().expect("not poisoned").push(step.name);
        let interrupt = CancellationToken::new();
        let mut run = StepRunner {
            told: &tell,
            interrupt: &interrupt,
            level: 0,
            steps: Vec::new(),
        };
        let trouble = || async { Err::<((), String), _>(StepError::from(failed("no"))) };
        assert!(
            run.check("a", "could not a", trouble().boxed())
                .await
                .is_ok()
        );
        assert!(matches!(
            run.step("b", "could not b", trouble().boxed()).await,
            Err(StopReason::Failed)
        ));
        interrupt.cancel();
        let never = async { done((), "never") };
        assert!(matches!(
            run.step("c", "could not c", never.boxed()).await,
            Err(StopReason::Interrupted)
        ));
        let cleaning = async { done((), "cleaned up") };
        assert!(
            run.finish("d", "could not d", cleaning.boxed())
                .await
                .is_ok()
        );
        assert_eq!(*told.lock().expect("not poisoned"), ["a", "b", "d"]);
        let error = run.steps[0].error.as_ref().expect("it failed");
        assert_eq!(
            (error.message.as_str(), &error.causes[0][..]),
            ("could not a", "no")
        );
        let report = Report {
            steps: run.steps,
            ..Report::default()
        };
        assert!(!report.is_ok());
    }
}
