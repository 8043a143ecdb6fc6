//! Every combination of the settings of signing in, against what Cognito is known to refuse.
//!
//! The rules here are written down a second time on purpose, over the resources as they are sent: that the rules
//! of the project file and the topology agree with each other says nothing about Cognito.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::tests::{account, deployed};
use super::*;
use crate::project;
use crate::project::stage::Stage;
use crate::resource::{Expr, Resource, UserPool};
use crate::topology::{self, Facts, SenderIdentity};

#[path = "../../../tests/fixtures/combinations.rs"]
mod combinations;

use combinations::Combination;

const VERIFIED: Facts = Facts {
    identity: SenderIdentity::Ours { ready: true },
};
const UNVERIFIED: Facts = Facts {
    identity: SenderIdentity::Ours { ready: false },
};

/// A folder to load project files from.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for trigger in ["confirm-user", "generate-token"] {
            let trigger = folder.path().join(trigger);
            std::fs::create_dir(&trigger).expect("a folder");
            std::fs::write(trigger.join("Cargo.toml"), "").expect("a file");
        }
        Self(folder)
    }

    fn load(&self, text: &str) -> Result<Stage> {
        let path = self.0.path().join("saasauth.yaml");
        std::fs::write(&path, text).expect("a file");
        let project = project::load(&path)?;
        Ok(project.stage("dev").expect("it has one").clone())
    }

    /// The stage of a combination, or why there is none.
    fn stage(&self, combination: &Combination) -> Result<Stage> {
        self.load(&combination.yaml("matrix", ".", "matrix-auth"))
    }
}

fn built(stage: &Stage, facts: &Facts) -> Topology {
    topology::build(stage, facts).expect("a topology")
}

fn pool(topology: &Topology) -> &UserPool<Expr> {
    match &topology.resources[topology::USER_POOL].resource {
        Resource::UserPool(pool) => pool,
        other => panic!("{other:?} is a pool"),
    }
}

/// What Cognito refuses, or takes and can't do: true where a pool is right. Each with where it is from.
type Rule = (
    &'static str,
    &'static str,
    fn(&Topology, &UserPool<Expr>) -> bool,
);

fn has_factor(pool: &UserPool<Expr>, name: &str) -> bool {
    pool.enabled_mfas
        .iter()
        .flatten()
        .any(|factor| factor == name)
}

fn verifies(pool: &UserPool<Expr>, name: &str) -> bool {
    pool.auto_verified_attributes
        .iter()
        .any(|known| known == name)
}

fn recovers_by(pool: &UserPool<Expr>) -> Vec<&str> {
    let setting = pool.account_recovery_setting.iter();
    let ways = setting.flat_map(|setting| &setting.recovery_mechanisms);
    ways.map(|way| way.name.as_str()).collect()
}

const RULES: [Rule; 21] = [
    (
        "a verified phone number takes an SMS configuration",
        "terraform-provider-aws#28294",
        |_, pool| !verifies(pool, "phone_number") || pool.sms_configuration.is_some(),
    ),
    (
        "with MFA, an SMS configuration takes SMS_MFA",
        "aws-amplify/amplify-backend#1481, #1523",
        |_, pool| {
            pool.mfa_configuration == "OFF"
                || pool.sms_configuration.is_none()
                || has_factor(pool, "SMS_MFA")
        },
    ),
    (
        "SMS_MFA takes an SMS configuration",
        "API reference, SetUserPoolMfaConfig",
        |_, pool| !has_factor(pool, "SMS_MFA") || pool.sms_configuration.is_some(),
    ),
    (
        "MFA that is off takes no factor",
        "go-to-k/cdkd#1923, #1977",
        |_, pool| pool.mfa_configuration != "OFF" || pool.enabled_mfas.is_none(),
    ),
    (
        "MFA that is on takes a factor",
        "anomalyco/sst#5177",
        |_, pool| {
            pool.mfa_configuration == "OFF"
                || pool
                    .enabled_mfas
                    .as_ref()
                    .is_some_and(|factors| !factors.is_empty())
        },
    ),
    (
        "recovery is not by phone alone with SMS_MFA",
        "aws-cdk#11478",
        |_, pool| !has_factor(pool, "SMS_MFA") || recovers_by(pool) != ["verified_phone_number"],
    ),
    (
        "recovery is not by phone with SMS_MFA where no address is verified",
        "aws-cdk#11478, comment of 27 July 2023",
        |_, pool| {
            !has_factor(pool, "SMS_MFA")
                || verifies(pool, "email")
                || !recovers_by(pool).contains(&"verified_phone_number")
        },
    ),
    (
        "recovery is not by email alone with EMAIL_OTP",
        "terraform-provider-aws#41049",
        |_, pool| !has_factor(pool, "EMAIL_OTP") || recovers_by(pool) != ["verified_email"],
    ),
    (
        "recovery has one or two ways, by rank, and an administrator alone",
        "service model, RecoveryMechanismsType",
        |_, pool| {
            let Some(setting) = &pool.account_recovery_setting else {
                return false;
            };
            let ways = &setting.recovery_mechanisms;
            let ranks = ways.iter().map(|way| way.priority);
            let names: BTreeSet<&str> = recovers_by(pool).into_iter().collect();
            (1..=2).contains(&ways.len())
                && ranks.eq(1..=ways.len() as u32)
                && names.len() == ways.len()
                && (ways.len() == 1 || !names.contains("admin_only"))
        },
    ),
    (
        "EMAIL_OTP takes a sender of one's own",
        "terraform-provider-aws#41049",
        |_, pool| {
            !has_factor(pool, "EMAIL_OTP")
                || pool.email_configuration.email_sending_account == "DEVELOPER"
        },
    ),
    (
        "EMAIL_OTP takes Essentials or Plus",
        "service model, EmailMfaConfigType",
        |_, pool| !has_factor(pool, "EMAIL_OTP") || pool.user_pool_tier != "LITE",
    ),
    (
        "threat protection takes Plus, and is said to be off below",
        "terraform-provider-aws#40734",
        |_, pool| {
            let add_ons = pool.user_pool_add_ons.as_ref();
            let mode = add_ons.map(|add_ons| add_ons.advanced_security_mode.as_str());
            match pool.user_pool_tier.as_str() {
                "PLUS" => mode == Some("ENFORCED"),
                _ => mode == Some("OFF"),
            }
        },
    ),
    (
        "claims in access tokens take Essentials or Plus",
        "Cognito guide, pre token generation",
        |_, pool| pool.lambda_config.is_none() || pool.user_pool_tier != "LITE",
    ),
    (
        "a sender of one's own has an identity, and Cognito's has none",
        "API reference, EmailConfigurationType",
        |_, pool| {
            let email = &pool.email_configuration;
            let own = email.email_sending_account == "DEVELOPER";
            email.source_arn.is_some() == own && email.from.is_some() == own
        },
    ),
    (
        "only what is verified waits for that before it changes",
        "Cognito guide, verifying updates",
        |_, pool| {
            let waiting = &pool.user_attribute_update_settings;
            let mut waiting = waiting
                .iter()
                .flat_map(|settings| &settings.attributes_require_verification_before_update);
            waiting.all(|name| verifies(pool, name))
        },
    ),
    (
        "a link verifies an address, and leads to the pool's domain",
        "Cognito guide, email verification messages",
        |topology, pool| {
            let mut template = pool.verification_message_template.iter();
            template.all(|template| template.default_email_option != "CONFIRM_WITH_LINK")
                || verifies(pool, "email") && topology.resources.contains_key(topology::HOSTED_UI)
        },
    ),
    (
        "a pool has names or aliases",
        "API reference, CreateUserPool",
        |_, pool| pool.username_attributes.is_some() != pool.alias_attributes.is_some(),
    ),
    (
        "what stands in for a name is required",
        "so that nobody signs up without",
        |_, pool| {
            let names = pool.username_attributes.iter().flatten();
            let mut names = names.map(|name| pool.schema.iter().find(|known| known.name == *name));
            names.all(|attribute| attribute.is_some_and(|attribute| attribute.required))
        },
    ),
    (
        "text messages have a role that Cognito alone assumes, and that may send them",
        "Cognito guide, SMS message settings; CreateUserPool tries it out",
        |topology, pool| {
            let role = topology.resources.get("SmsRole");
            let Some(sms) = &pool.sms_configuration else {
                return role.is_none() && !topology.resources.contains_key("SmsPolicy");
            };
            let properties = |id: &str| topology.resources[id].resource.properties();
            let trust = &properties("SmsRole")["AssumeRolePolicyDocument"]["Statement"][0];
            let policy = &properties("SmsPolicy")["PolicyDocument"]["Statement"][0];
            sms.sns_caller_arn == Expr::attribute("SmsRole", "Arn")
                && trust["Principal"]["Service"] == "cognito-idp.amazonaws.com"
                && trust["Condition"]["StringEquals"]["sts:ExternalId"] == sms.external_id
                && policy["Action"][0] == "sns:Publish"
        },
    ),
    (
        "the pool comes after the policy of that role",
        "InvalidSmsRoleAccessPolicyException",
        |topology, pool| {
            let after = &topology.resources[topology::USER_POOL].depends_on;
            let sends = pool.sms_configuration.is_some();
            // The role itself is what the configuration refers to.
            after.iter().any(|need| need == "SmsPolicy") == sends
        },
    ),
    (
        "a client may write what sign-up requires",
        "API reference, CreateUserPoolClient",
        |topology, pool| {
            let client = topology.resources["ClientWeb"].resource.properties();
            let writes = client["WriteAttributes"].as_array().expect("a list");
            let mut required = pool.schema.iter().filter(|attribute| attribute.required);
            required.all(|attribute| writes.contains(&Value::from(attribute.name.as_str())))
        },
    ),
];

#[track_caller]
fn check(topology: &Topology, what: &dyn std::fmt::Debug) {
    for (rule, source, holds) in RULES {
        assert!(
            holds(topology, pool(topology)),
            "{what:?}: {rule} ({source})\n{:#}",
            topology.resources[topology::USER_POOL]
                .resource
                .properties()
        );
    }
}

/// A refusal says where, why and what to do.
#[track_caller]
fn check_refusal(error: &Error, combination: &Combination) {
    for one in std::iter::once(error).chain(&error.others) {
        assert_eq!(
            one.kind,
            crate::error::ErrorKind::Project,
            "{combination:?}"
        );
        assert!(one.place.is_some(), "{combination:?}: {}", one.message);
        assert!(!one.hints.is_empty(), "{combination:?}: {}", one.message);
    }
}

/// How many combinations there are of each kind, and what follows from them.
#[derive(Debug, Default)]
struct Totals {
    refused: usize,
    right: usize,
    pools: usize,
    changes: usize,
}

/// Holds all combinations of one `with` against the rules, and each of them against each other.
fn walk(combinations: &[Combination]) -> Totals {
    let folder = Folder::new();
    let mut totals = Totals::default();
    let mut pools: BTreeMap<String, Topology> = BTreeMap::new();
    for combination in combinations {
        let stage = match folder.stage(combination) {
            Ok(stage) => stage,
            Err(error) => {
                check_refusal(&error, combination);
                totals.refused += 1;
                continue;
            }
        };
        totals.right += 1;
        let facts: &[Facts] = if combination.sender {
            &[VERIFIED, UNVERIFIED]
        } else {
            &[VERIFIED]
        };
        for facts in facts {
            let topology = built(&stage, facts);
            check(&topology, &(combination, facts));
            let pool = topology.resources[topology::USER_POOL]
                .resource
                .properties();
            pools.entry(pool.to_string()).or_insert(topology);
        }
    }
    totals.pools = pools.len();
    totals.changes = every_change(pools.values());
    totals
}

#[test]
#[expect(clippy::print_stdout, reason = "a test tells how much it has covered")]
fn every_combination_is_refused_with_the_reason_or_right_for_cognito() {
    let all = combinations::all();
    let groups: Vec<&[Combination]> = all.chunk_by(|one, next| one.with == next.with).collect();
    assert_eq!(groups.len(), 4);
    let walked: Vec<Totals> = std::thread::scope(|scope| {
        let running = groups.iter().map(|group| scope.spawn(move || walk(group)));
        let running: Vec<_> = running.collect();
        running
            .into_iter()
            .map(|one| one.join().expect("every combination is as it should be"))
            .collect()
    });
    let sum = |of: fn(&Totals) -> usize| walked.iter().map(of).sum::<usize>();
    println!(
        "{} combinations: {} refused, {} right; {} pools, {} changes between them",
        all.len(),
        sum(|totals| totals.refused),
        sum(|totals| totals.right),
        sum(|totals| totals.pools),
        sum(|totals| totals.changes)
    );
    for totals in &walked {
        assert!(totals.refused > 0 && totals.pools > 10, "{totals:?}");
    }
}

/// Compares each with each: every change is one that Cognito makes in place. Gives how many.
fn every_change<'a>(topologies: impl Iterator<Item = &'a Topology>) -> usize {
    let all: Vec<(&Topology, Value)> = topologies
        .map(|topology| {
            let pool = &topology.resources[topology::USER_POOL].resource;
            (topology, pool.properties())
        })
        .collect();
    let rules = Kind::UserPool.rules();
    // Whether a change can be made follows from its path, and many pairs change the same.
    let mut judged = BTreeSet::new();
    let mut ordered = BTreeSet::new();
    for (from, live) in &all {
        for (to, declared) in &all {
            let changed = declared.as_object().into_iter().flatten();
            let changed = changed.filter(|(name, value)| live[name.as_str()] != **value);
            let names: BTreeSet<&str> = changed.map(|(name, _)| name.as_str()).collect();
            if judged.insert(names) {
                for change in diff::compare(rules, declared, live) {
                    let mutability = rules.mutability(&change.path);
                    assert_eq!(mutability, Mutability::Update, "{}", change.path);
                }
            }
            // Where the text messages come and go the order matters: once for all second factors, up and down.
            let (before, after) = (pool(from), pool(to));
            let sends = |pool: &UserPool<Expr>| pool.sms_configuration.is_some();
            let factors = (sends(after), &before.enabled_mfas, &after.enabled_mfas);
            if sends(before) != sends(after) && ordered.insert(factors) {
                check_order(from, to);
            }
        }
    }
    all.len() * all.len()
}

/// The role and its policy come before the pool names them, and go after it does no more, the policy first.
fn check_order(from: &Topology, to: &Topology) {
    let observed = Observed {
        answers: account(),
        ..deployed(from)
    };
    let plan = plan(to, Engine::Direct, observed, &Permissions::default()).expect("a plan");
    let at = |id: &str| plan.steps_of(id).last();
    let pool_at = at(topology::USER_POOL).expect("the pool changes");
    let waits = |later: usize, earlier: usize| plan.steps[later].after.contains(&earlier);
    let (role, policy) = (
        at("SmsRole").expect("a role"),
        at("SmsPolicy").expect("a policy"),
    );
    if pool(to).sms_configuration.is_some() {
        assert!(waits(pool_at, role) && waits(pool_at, policy), "{plan:#?}");
    } else {
        assert!(waits(role, pool_at) && waits(policy, pool_at), "{plan:#?}");
        assert!(waits(role, policy), "{plan:#?}");
        let pool = plan
            .changes
            .iter()
            .find(|change| change.logical_id == topology::USER_POOL);
        let pool = pool.expect("the pool changes");
        let gone = pool
            .properties
            .iter()
            .find(|change| change.path == "SmsConfiguration");
        assert!(
            gone.is_some_and(|change| change.after.is_none()),
            "{pool:#?}"
        );
    }
}

#[test]
fn the_pool_goes_before_the_role_of_its_text_messages() {
    let topology = crate::topology::tests::whole();
    let plan = destroy("prod", Engine::Direct, deployed(&topology).recorded, &[]).expect("a plan");
    let at = |id: &str| plan.steps_of(id).next().expect("a step");
    let waits = |later: &str, earlier: &str| plan.steps[at(later)].after.contains(&at(earlier));
    assert!(waits("SmsPolicy", "UserPool") && waits("SmsRole", "SmsPolicy"));
}

#[test]
fn a_pool_in_seoul_sends_its_text_messages_from_tokyo() {
    let folder = Folder::new();
    let phone = combinations::all().into_iter().find(|one| {
        (one.with, one.by, one.how, one.plan) == ("[phone]", "sms", "code", "essentials")
    });
    let text = phone.expect("it is there").yaml("seoul", ".", "seoul-auth");
    for (region, sns_region) in [
        ("ap-northeast-2", Some("ap-northeast-1")),
        ("eu-west-1", None),
    ] {
        let stage = folder
            .load(&text.replace("eu-west-1", region))
            .expect("it is right");
        let topology = built(&stage, &VERIFIED);
        let sms = pool(&topology)
            .sms_configuration
            .as_ref()
            .expect("it sends some");
        assert_eq!(sms.sns_region.as_deref(), sns_region);
        assert_eq!(
            topology.sms_region.as_deref(),
            Some(sns_region.unwrap_or(region))
        );
        let told = topology
            .notes
            .iter()
            .any(|note| note.contains("ap-northeast-1"));
        assert_eq!(told, sns_region.is_some(), "{:?}", topology.notes);
    }
}

/// What waits for the sender to be verified, comes with the deploy after, and goes with the sender again.
#[test]
fn email_as_a_second_factor_waits_for_the_sender() {
    let folder = Folder::new();
    for (methods, meanwhile) in [
        ("[email]", None),
        ("[totp, email]", Some("SOFTWARE_TOKEN_MFA")),
    ] {
        let mut all = combinations::all().into_iter();
        let combination = all.find(|one| {
            one.methods == methods && one.mode == "required" && one.sender && one.plan == "plus"
        });
        let stage = folder
            .stage(&combination.expect("it is there"))
            .expect("it is right");
        let waiting = built(&stage, &UNVERIFIED);
        let factors: Vec<&str> = pool(&waiting)
            .enabled_mfas
            .iter()
            .flatten()
            .map(String::as_str)
            .collect();
        assert_eq!(factors, Vec::from_iter(meanwhile));
        let mode = if meanwhile.is_some() { "ON" } else { "OFF" };
        assert_eq!(pool(&waiting).mfa_configuration, mode);
        let note = waiting
            .notes
            .iter()
            .find(|note| note.starts_with("MFA by email waits"));
        let note = note.expect("it is said");
        assert_eq!(
            note.contains("without a second factor"),
            meanwhile.is_none(),
            "{note}"
        );

        let ready = built(&stage, &VERIFIED);
        assert!(has_factor(pool(&ready), "EMAIL_OTP"));
        assert!(
            !ready
                .notes
                .iter()
                .any(|note| note.starts_with("MFA by email waits"))
        );
    }
}
