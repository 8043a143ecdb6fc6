//! Reads what is there: who we are, what the ledger says, what the tags say, and every resource.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::aws::ledger::{Ledger, Record};
use crate::aws::{Aws, Caller, Class, Fault, IdentityState, Wanted, trace};
use crate::engine::outputs::Outputs;
use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::plan::{Change, Memory, Observed, Recorded, Snapshot, drift};
use saasauth_model::project::stage::{Stage, Target};
use saasauth_model::resource::expr::references;
use saasauth_model::resource::function::{ARTIFACT_BUCKET, SENT_DIRECTLY};
use saasauth_model::resource::{Answers, Kind, Live, LogicalId, Resource};
use saasauth_model::topology::{self, Facts, SenderIdentity, Topology};

/// Everything found, and the topology it was compared with.
#[derive(Debug)]
pub struct Found {
    /// What should exist, given what was found.
    pub topology: Topology,
    /// What is there.
    pub observed: Observed,
    /// What others changed since the last deploy.
    pub drift: Vec<Change>,
    /// What the ledger says.
    pub ledger: Ledger,
    /// Who we are.
    pub caller: Caller,
    /// Names of secrets that the stage refers to and that are not set.
    pub unset_secrets: Vec<String>,
    /// The level of the last request.
    pub level: u32,
}

/// Finds out who we are, and refuses an account the stage doesn't belong to.
pub async fn identify(aws: &Aws, stage: &Stage) -> Result<Caller> {
    let (caller, _) = trace::scope("observe", 0, aws.caller()).await;
    let caller = caller.map_err(|fault| fault.while_doing(WHO))?;
    check_account(stage, &caller)?;
    Ok(caller)
}

/// Reads what all else is asked by, and refuses an account the stage doesn't belong to. Asked beside anything long, so that
/// nobody waits for a build to learn that they aren't signed in.
pub async fn look_around(aws: &Aws, stage: &Stage) -> Result<First> {
    let first = First::of(aws, stage, true, Reads::All);
    trace::scope("observe", 0, first).await.0
}

/// Reads everything of a stage, in parallel. `digests` are those of the packages, by function; what was read `first` is read
/// again where that is long ago.
pub async fn observe(
    aws: &Aws,
    stage: &Stage,
    digests: &BTreeMap<LogicalId, String>,
    first: First,
) -> Result<Found> {
    let source = Source::File(digests);
    let (found, level) = if first.read.elapsed() < OLD {
        let further = look_further(aws, stage, source, Reads::All, first);
        trace::scope("observe", 1, further).await
    } else {
        trace::scope("observe", 1, look(aws, stage, source, Reads::All)).await
    };
    found.map(|found| Found { level, ..found })
}

/// Reads everything of a stage, to compare it with what an earlier deploy left. Begins below `level`.
pub async fn observe_past(aws: &Aws, stage: &Stage, past: &Snapshot, level: u32) -> Result<Found> {
    let look = look(aws, stage, Source::Past(past), Reads::All);
    let (found, level) = trace::scope("observe", level, look).await;
    found.map(|found| Found { level, ..found })
}

/// Reads what is ours, and of the resources only those whose physical ID the ledger lacks: what
/// destroying needs.
pub async fn observe_owned(aws: &Aws, stage: &Stage) -> Result<Found> {
    let no_digests = BTreeMap::new();
    let look = look(aws, stage, Source::File(&no_digests), Reads::Unknown);
    let (found, level) = trace::scope("observe", 0, look).await;
    found.map(|found| Found { level, ..found })
}

/// Which resources are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    All,
    Unknown,
}

/// Where it is written what should exist.
#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    /// In the project file, with these digests of the packages.
    File(&'a BTreeMap<LogicalId, String>),
    /// In the ledger: what an earlier deploy left.
    Past(&'a Snapshot),
}

impl Source<'_> {
    /// Whether what the file names of the account beside our resources is of interest.
    fn is_file(self) -> bool {
        matches!(self, Self::File(_))
    }
}

/// Reads the outputs of a stage off the ledger.
pub async fn read_outputs(aws: &Aws, stage: &Stage) -> Result<Outputs> {
    let read = async {
        tokio::join!(
            trace::beside(aws.caller()),
            trace::beside(aws.read_ledger())
        )
    };
    let ((caller, ledger), _) = trace::scope("outputs", 0, read).await;
    let caller = caller.map_err(|fault| fault.while_doing(WHO))?;
    let ledger = ledger.map_err(|fault| fault.while_doing(LEDGER))?;
    if ledger.records.is_empty() {
        return Err(Error::new(
            ErrorKind::Aws,
            format!("stage `{}` is not deployed", stage.name),
        )
        .with_hint(format!("run `saasauth deploy --stage {}`", stage.name)));
    }
    let (account, partition) = (&caller.account, &caller.partition);
    let outputs = Outputs::of(
        stage,
        &ledger.records,
        account,
        partition,
        aws.endpoint_url(),
    );
    let (target, _) = trace::scope("outputs", 1, domain_target(aws, &ledger.records)).await;
    Ok(Outputs {
        hosted_ui_target: target?,
        ..outputs
    })
}

/// What the DNS record of the hosted UI's own domain has to point to; none for one of Cognito's domains.
pub async fn domain_target(
    aws: &Aws,
    records: &BTreeMap<LogicalId, Record>,
) -> Result<Option<String>> {
    let record = records.get(topology::HOSTED_UI);
    let Some(physical_id) = record.and_then(|record| record.physical_id.as_ref()) else {
        return Ok(None);
    };
    let target = aws.domain_target(physical_id).await;
    target.map_err(|fault| fault.while_doing("could not read the hosted UI's domain"))
}

const WHO: &str = "could not find out which AWS account this is";
const LEDGER: &str = "could not read the ledger";

/// What is read first, all at once: what all else is asked or decided by.
#[derive(Debug)]
pub struct First {
    caller: Caller,
    ledger: Ledger,
    tagged: Vec<String>,
    sender: Option<IdentityState>,
    domain: Option<(String, Option<Live>)>,
    sandbox: bool,
    secrets: Vec<String>,
    read: Instant,
}

/// What was read so long ago that somebody may have deployed since: a build takes longer.
const OLD: Duration = Duration::from_secs(3);

impl First {
    async fn of(aws: &Aws, stage: &Stage, is_file: bool, reads: Reads) -> Result<Self> {
        let read = Instant::now();
        // An earlier deploy has settled what those are asked for.
        let named = if is_file { reads } else { Reads::Unknown };
        let (caller, ledger, tagged, sender, domain, sandbox, secrets) = tokio::join!(
            trace::beside(aws.caller()),
            trace::beside(aws.read_ledger()),
            trace::beside(aws.tagged()),
            trace::beside(sender(aws, stage, is_file)),
            trace::beside(domain(aws, stage, is_file)),
            trace::beside(sandbox(aws, stage, named)),
            trace::beside(missing_secrets(aws, stage, named)),
        );
        let caller = caller.map_err(|fault| fault.while_doing(WHO))?;
        check_account(stage, &caller)?;
        let ledger = ledger.map_err(|fault| fault.while_doing(LEDGER))?;
        check_engine(stage, &ledger)?;
        let doing = |fault: Fault| fault.while_doing(DEPLOYED);
        Ok(Self {
            caller,
            ledger,
            tagged: tolerate(tagged).map_err(doing)?,
            sender: sender.map_err(doing)?,
            domain: domain.map_err(doing)?,
            sandbox: sandbox.map_err(doing)?,
            secrets: tolerate(secrets).map_err(doing)?,
            read,
        })
    }
}

const DEPLOYED: &str = "could not read what is deployed";

async fn look(aws: &Aws, stage: &Stage, source: Source<'_>, reads: Reads) -> Result<Found> {
    let first = First::of(aws, stage, source.is_file(), reads).await?;
    look_further(aws, stage, source, reads, first).await
}

async fn look_further(
    aws: &Aws,
    stage: &Stage,
    source: Source<'_>,
    reads: Reads,
    first: First,
) -> Result<Found> {
    let First {
        caller,
        mut ledger,
        tagged,
        sender,
        domain,
        sandbox,
        secrets,
        ..
    } = first;
    let doing = DEPLOYED;
    // What a create was only recorded for may be somebody else's.
    let recorded_identity = ledger.records.get(topology::EMAIL_IDENTITY);
    let recorded_identity = recorded_identity.is_some_and(|record| !record.is_intent());
    let mut topology = match source {
        Source::File(_) => {
            let facts = Facts {
                identity: identity_fact(aws, sender.as_ref(), recorded_identity),
            };
            topology::build(stage, &facts)?
        }
        Source::Past(past) => past_topology(aws, past)?,
    };
    if sandbox {
        topology.notes.push(format!(
            "SES is in its sandbox in {}: mail reaches verified addresses only, 200 a day; ask AWS for production access",
            stage.region
        ));
    }
    topology.notes.extend(secrets.iter().map(|name| {
        format!(
            "the secret `{name}` is not set: run `saasauth secret set {name} --stage {}`",
            stage.name
        )
    }));
    if reads == Reads::Unknown {
        // What no deploy has taken over yet is not this stage's to destroy.
        for (id, node) in &mut topology.resources {
            if !ledger.records.contains_key(id) {
                node.adopted = None;
            }
        }
    }
    let (pool, texts) = tokio::join!(
        trace::beside(find_pool(aws, &topology, &ledger, &tagged)),
        trace::beside(text_sandbox(aws, &topology, reads)),
    );
    let pool = pool.map_err(|fault| fault.while_doing(doing))?;
    check_adopted(aws, &topology, &pool)?;
    topology
        .notes
        .extend(texts.map_err(|fault| fault.while_doing(doing))?);
    if reads == Reads::All && source.is_file() {
        check_domain(stage, &pool, domain.as_ref().map(|(pool, _)| pool.as_str()))?;
    }

    let mut answers = base_answers(stage, &caller);
    for (parameter, secret) in &topology.secrets {
        answers.reference(parameter, format!("ssm:{secret}"));
    }
    match source {
        Source::File(digests) => {
            for (function, digest) in digests {
                answers.reference(&topology::code_parameter(function), digest);
            }
        }
        Source::Past(past) => past.answer(&mut answers),
    }
    // With no record and no tag nothing of ours is there, and reading name by name would be a request
    // for each resource to learn just that. A name that somebody else took is found by the create.
    let nothing = ledger.records.is_empty() && tagged.is_empty() && !pool.is_adopted();
    let mut live = if nothing {
        BTreeMap::new()
    } else {
        let identity = stage.email.as_ref().filter(|_| source.is_file());
        let known = Known {
            identity: identity.map(|email| email.identity.as_str()),
            sender: sender.map(|state| state.live),
            domain: domain.and_then(|(_, domain)| domain),
        };
        read_all(aws, &topology, &ledger, pool, answers.clone(), reads, known)
            .await
            .map_err(|fault| fault.while_doing(doing))?
    };
    for id in strangers(aws, &topology, &ledger, &live) {
        live.remove(&id);
        ledger.records.remove(&id);
    }
    if reads == Reads::All && !opens_tables(&topology) {
        check_key_is_kept(&live)?;
    }
    let recorded = ledger
        .records
        .iter()
        .map(|(id, record)| (id.clone(), Recorded::from(record)))
        .collect();
    let observed = Observed {
        live,
        recorded,
        answers,
    };
    let drift = match (&ledger.snapshot, reads) {
        (Some(snapshot), Reads::All) => drift::drift(snapshot, &topology, &observed),
        _ => Vec::new(),
    };
    Ok(Found {
        topology,
        observed,
        drift,
        ledger,
        caller,
        unset_secrets: secrets,
        level: 0,
    })
}

/// The tagging API and SSM each need a right of its own that nothing else does. Without the one the ledger
/// alone knows, and without the other the first delivery finds out.
fn tolerate(tagged: crate::aws::Result<Vec<String>>) -> crate::aws::Result<Vec<String>> {
    match tagged {
        Err(fault) if fault.class == Class::Denied => Ok(Vec::new()),
        other => other,
    }
}

fn base_answers(stage: &Stage, caller: &Caller) -> Answers {
    let mut answers = Answers::default();
    answers.reference("AWS::AccountId", &caller.account);
    answers.reference("AWS::Partition", &caller.partition);
    answers.reference("AWS::Region", stage.region.as_str());
    answers.reference(ARTIFACT_BUCKET, SENT_DIRECTLY);
    answers
}

/// Refuses credentials of another account than the stage's.
pub fn check_account(stage: &Stage, caller: &Caller) -> Result<()> {
    match &stage.account {
        Some(account) if *account != caller.account && stage.target == Target::Aws => {
            Err(Error::refused(format!(
                "stage `{}` belongs to AWS account {account}, and these credentials are for {}",
                stage.name, caller.account
            ))
            .with_hint("choose the right credentials with `--profile`"))
        }
        _ => Ok(()),
    }
}

fn check_engine(stage: &Stage, ledger: &Ledger) -> Result<()> {
    ledger.check_schema()?;
    match ledger.engine.as_deref() {
        Some(engine) if engine != "direct" => Err(Error::refused(format!(
            "stage `{}` is deployed by the engine `{engine}`",
            stage.name
        ))
        .with_hint(format!(
            "set `engine: {engine}` for the stage in the project file"
        ))),
        _ => Ok(()),
    }
}

/// What has a name of ours and turns out to be somebody else's: neither the ledger's word nor the tags make it ours, nor
/// does the project file take it over. A record of a create that never got to its end is no such word.
fn strangers(
    aws: &Aws,
    topology: &Topology,
    ledger: &Ledger,
    live: &BTreeMap<LogicalId, Live>,
) -> Vec<LogicalId> {
    let theirs = live.iter().filter(|(id, live)| {
        let node = topology.resources.get(*id);
        let record = ledger.records.get(*id);
        let kind = match (record, node) {
            (Some(record), _) => record.kind,
            (None, Some(node)) => node.resource.kind(),
            (None, None) => return false,
        };
        let is_known = record.is_some_and(|record| !record.is_intent());
        let is_adopted = node.is_some_and(|node| node.adopted.is_some());
        kind.rules().is_tagged()
            && !is_known
            && !is_adopted
            && live.owner.as_ref() != Some(aws.owner())
    });
    theirs.map(|(id, _)| id.clone()).collect()
}

/// Refuses to take over what is another stage's, or a second pool beside the one that is the stage's already.
fn check_adopted(aws: &Aws, topology: &Topology, pool: &Pool) -> Result<()> {
    let Some(adopted) = adopted_pool(topology) else {
        return Ok(());
    };
    let stage = &topology.stage;
    let refused = match pool {
        Pool::Recorded(id) if id != adopted => Error::refused(format!(
            "refused to take over user pool `{adopted}`: stage `{stage}` has `{id}`"
        ))
        .with_hint("take it over in another stage, or take `adopt` out of this one"),
        Pool::Absent => Error::refused(format!(
            "the user pool `{adopted}`, which `adopt` names, is not there"
        ))
        .with_hint(format!(
            "check its ID, and that it is in the account and region of stage `{stage}`"
        )),
        Pool::Found(live) => match &live.owner {
            Some(owner) if owner != aws.owner() => Error::refused(format!(
                "refused to take over user pool `{adopted}`: it is that of stage `{}` of project `{}`",
                owner.stage, owner.project
            ))
            .with_hint("deploy it from there, or destroy that stage with `--keep-data` first"),
            _ => return Ok(()),
        },
        Pool::Recorded(_) => return Ok(()),
    };
    Err(refused)
}

/// The ID of the pool that is taken over.
fn adopted_pool(topology: &Topology) -> Option<&str> {
    let pool = topology.resources.get(topology::USER_POOL)?;
    pool.adopted.as_ref()?.physical_id.as_deref()
}

/// What an earlier deploy left, as what should exist.
fn past_topology(aws: &Aws, past: &Snapshot) -> Result<Topology> {
    let owner = aws.owner();
    let topology = past.topology(&owner.project, &owner.stage);
    topology.map_err(|cause| {
        Error::refused("refused to go back to what another version of saasauth deployed")
            .with_cause(format!("this version doesn't know {cause}"))
            .with_hint("check that deploy's revision out, and deploy it")
    })
}

/// Whether the functions get the right to a key of one's own.
fn opens_tables(topology: &Topology) -> bool {
    let nodes = topology.resources.values();
    nodes.into_iter().any(|node| {
        let Resource::RolePolicy(policy) = &node.resource else {
            return false;
        };
        let mut statements = policy.policy_document.statement.iter();
        statements.any(|statement| statement.sid.as_deref() == Some(topology::OPEN_TABLES))
    })
}

/// Refuses a file that no longer names the key of the tables: the functions would lose their right to it, and with it what is in
/// them. Which key a table has says nothing, for AWS's own has an ARN as well; what the functions were let open does.
fn check_key_is_kept(live: &BTreeMap<LogicalId, Live>) -> Result<()> {
    let statements = live
        .values()
        .filter_map(|one| {
            one.properties
                .pointer("/PolicyDocument/Statement")?
                .as_array()
        })
        .flatten();
    let mut opened = statements.filter(|statement| statement["Sid"] == topology::OPEN_TABLES);
    let Some(key) = opened.next().map(|statement| &statement["Resource"]) else {
        return Ok(());
    };
    let key = key.as_str().or_else(|| key.pointer("/0")?.as_str());
    Err(Error::refused(
        "refused to take the functions' right to the key that the tables are encrypted with",
    )
    .with_cause("the project file has no `kms_key_arn` any more")
    .with_hint(format!(
        "put it back: `kms_key_arn: \"{}\"`; or name another key, which the tables are moved to",
        key.unwrap_or_default()
    )))
}

async fn sender(
    aws: &Aws,
    stage: &Stage,
    is_file: bool,
) -> crate::aws::Result<Option<IdentityState>> {
    match &stage.email {
        Some(email) if is_file => aws.identity_state(&email.identity).await,
        _ => Ok(None),
    }
}

/// Whether SES would drop mail to the public. Emulators have no sandbox, so they aren't asked.
async fn sandbox(aws: &Aws, stage: &Stage, reads: Reads) -> crate::aws::Result<bool> {
    if stage.email.is_none() || aws.endpoint_url().is_some() || reads == Reads::Unknown {
        return Ok(false);
    }
    aws.is_in_ses_sandbox().await
}

/// What there is to say when SNS would send text messages to nobody but verified numbers. Who may not ask isn't
/// told; emulators have no sandbox.
async fn text_sandbox(
    aws: &Aws,
    topology: &Topology,
    reads: Reads,
) -> crate::aws::Result<Option<String>> {
    let Some(region) = &topology.sms_region else {
        return Ok(None);
    };
    if aws.endpoint_url().is_some() || reads == Reads::Unknown {
        return Ok(None);
    }
    let is_inside = match aws.is_in_sms_sandbox(region).await {
        Err(fault) if fault.class == Class::Denied => false,
        other => other?,
    };
    Ok(is_inside.then(|| {
        format!(
            "SNS is in its SMS sandbox in {region}: text messages reach verified numbers only; ask AWS to move the account out"
        )
    }))
}

/// Secrets the functions will look for in vain.
async fn missing_secrets(
    aws: &Aws,
    stage: &Stage,
    reads: Reads,
) -> crate::aws::Result<Vec<String>> {
    let names: Vec<&str> = match reads {
        Reads::All => stage.secrets().into_iter().collect(),
        Reads::Unknown => Vec::new(),
    };
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let set = aws.secrets(&names).await?;
    Ok(names
        .into_iter()
        .filter(|name| !set.contains_key(*name))
        .map(str::to_owned)
        .collect())
}

fn identity_fact(aws: &Aws, state: Option<&IdentityState>, recorded: bool) -> SenderIdentity {
    match state {
        None => SenderIdentity::Ours { ready: false },
        Some(state) if recorded || state.owner.as_ref() == Some(aws.owner()) => {
            SenderIdentity::Ours {
                ready: state.verified,
            }
        }
        Some(state) => SenderIdentity::Theirs {
            ready: state.verified,
        },
    }
}

/// The hosted UI's domain, and the pool it hangs from now, ours or not.
async fn domain(
    aws: &Aws,
    stage: &Stage,
    is_file: bool,
) -> crate::aws::Result<Option<(String, Option<Live>)>> {
    match &stage.hosted_ui {
        Some(hosted_ui) if is_file => aws.domain(hosted_ui.name()).await,
        _ => Ok(None),
    }
}

/// A taken domain would fail in the middle of the deploy, with half of it standing.
fn check_domain(stage: &Stage, ours: &Pool, taken_by: Option<&str>) -> Result<()> {
    let (Some(hosted_ui), Some(pool)) = (&stage.hosted_ui, taken_by) else {
        return Ok(());
    };
    if ours.id().map(String::as_str) == Some(pool) {
        return Ok(());
    }
    let name = hosted_ui.name();
    Err(Error::refused(format!(
        "the domain `{name}` already belongs to user pool `{pool}`"
    ))
    .with_hint(format!(
        "choose another `hosted_ui` for this stage, such as `prefix: {name}-{}`",
        stage.name
    )))
}

/// What was read to decide about it: a second request would only learn the same.
#[derive(Default)]
struct Known<'a> {
    /// The SES identity to send from.
    identity: Option<&'a str>,
    /// The same; `None` when there is none.
    sender: Option<Live>,
    /// The hosted UI's domain.
    domain: Option<Live>,
}

impl Known<'_> {
    /// What is known of a resource: that it isn't there, too.
    fn of(&mut self, wanted: &Wanted) -> Option<Option<Live>> {
        match wanted.kind {
            Kind::EmailIdentity => {
                let name = wanted.physical_id.as_deref();
                let name = name.or_else(|| wanted.declared["EmailIdentity"].as_str());
                let is_it = self.identity.is_some() && name == self.identity;
                is_it.then(|| self.sender.take())
            }
            Kind::UserPoolDomain => {
                let id = wanted.physical_id.clone();
                let id = id.or_else(|| wanted.kind.identity(&wanted.id, &wanted.declared));
                let live = self.domain.as_ref();
                let is_it = live.is_some_and(|live| Some(&live.physical_id) == id.as_ref());
                is_it.then(|| self.domain.take())
            }
            _ => None,
        }
    }
}

/// Reads every declared resource. Children of what AWS names itself can only be read once their
/// parent is known, so this goes round until nothing new is learnt; recorded ones need one round.
async fn read_all(
    aws: &Aws,
    topology: &Topology,
    ledger: &Ledger,
    pool: Pool,
    mut answers: Answers,
    reads: Reads,
    mut known: Known<'_>,
) -> crate::aws::Result<BTreeMap<LogicalId, Live>> {
    let mut live = BTreeMap::new();
    let mut asked = BTreeSet::new();
    match pool {
        Pool::Recorded(_) => {}
        Pool::Absent => {
            asked.insert(topology::USER_POOL.to_owned());
        }
        Pool::Found(found) => {
            found.answer(topology::USER_POOL, &mut answers);
            asked.insert(topology::USER_POOL.to_owned());
            live.insert(topology::USER_POOL.to_owned(), *found);
        }
    }
    for (id, record) in &ledger.records {
        let Some(physical_id) = &record.physical_id else {
            continue;
        };
        // A child whose own ID is not recorded is found through its parent's, which is.
        answers.reference(id, record.kind.reference(physical_id));
        if reads == Reads::Unknown && !record.is_intent() {
            asked.insert(id.clone());
        }
    }
    loop {
        let wanted: Vec<Wanted> = topology
            .resources
            .iter()
            .filter(|(id, _)| !asked.contains(*id))
            .map(|(id, node)| {
                let kind = node.resource.kind();
                let adopted = node.adopted.as_ref();
                Wanted {
                    id: id.clone(),
                    kind,
                    physical_id: ledger
                        .records
                        .get(id)
                        .and_then(|record| record.physical_id.clone())
                        .or_else(|| adopted?.physical_id.clone()),
                    declared: answers.resolve(&node.resource.properties()),
                }
            })
            .filter(can_be_asked)
            .collect();
        if wanted.is_empty() {
            return Ok(live);
        }
        asked.extend(wanted.iter().map(|one| one.id.clone()));
        let mut found_before = Vec::new();
        let mut unknown = Vec::new();
        for one in wanted {
            match known.of(&one) {
                Some(live) => found_before.extend(live.map(|live| (one.id, live))),
                None => unknown.push(one),
            }
        }
        let wanted = unknown;
        let read = match ledger.is_fresh() {
            // What never had a physical ID need not be there.
            true => {
                let was_made = |one: &Wanted| one.physical_id.is_some();
                aws.read_afresh(&wanted, was_made).await?
            }
            false => aws.read(&wanted).await?,
        };
        for (id, found) in read.into_iter().chain(found_before) {
            found.answer(&id, &mut answers);
            live.insert(id, found);
        }
    }
}

fn can_be_asked(wanted: &Wanted) -> bool {
    let identity = wanted.kind.rules().identity;
    wanted.physical_id.is_some() || identity.can_be_read(&wanted.id, &wanted.declared)
}

/// The stage's user pool, as far as it is known before anything is read.
enum Pool {
    /// By the ledger.
    Recorded(String),
    /// By its own tags.
    Found(Box<Live>),
    /// Nobody knows of one.
    Absent,
}

impl Pool {
    /// Whether it is there although nothing says it is ours yet.
    fn is_adopted(&self) -> bool {
        matches!(self, Self::Found(live) if live.owner.is_none())
    }

    fn id(&self) -> Option<&String> {
        match self {
            Self::Recorded(id) => Some(id),
            Self::Found(live) => Some(&live.physical_id),
            Self::Absent => None,
        }
    }
}

/// How often, and after which pauses, is looked for a pool whose create was cut off: lists may lag.
const LOOKS: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(500),
    Duration::from_secs(1),
];

/// Finds the pool that the ledger doesn't know by its ID: names of pools are not unique, so taking an existing one
/// for absent would make a second. The word of the tagging API only says where to look.
async fn find_pool(
    aws: &Aws,
    topology: &Topology,
    ledger: &Ledger,
    tagged: &[String],
) -> crate::aws::Result<Pool> {
    let record = ledger.records.get(topology::USER_POOL);
    if let Some(id) = record.and_then(|record| record.physical_id.clone()) {
        return Ok(Pool::Recorded(id));
    }
    if let Some(id) = adopted_pool(topology) {
        let live = aws.read_user_pool(id).await?;
        return Ok(live.map_or(Pool::Absent, |live| Pool::Found(Box::new(live))));
    }
    if ledger.records.is_empty() && tagged.is_empty() {
        return Ok(Pool::Absent);
    }
    let Some(declared) = topology.resources.get(topology::USER_POOL) else {
        return Ok(Pool::Absent);
    };
    let declared = declared.resource.properties();
    let name = declared["UserPoolName"].as_str().unwrap_or_default();
    // `arn:…:userpool/ID`.
    let candidates: Vec<String> = tagged
        .iter()
        .filter(|arn| arn.contains(":userpool/"))
        .filter_map(|arn| arn.rsplit('/').next().map(str::to_owned))
        .collect();
    // Only what was about to be made may be there and not be listed yet.
    let looks = if record.is_some() { LOOKS.len() } else { 1 };
    for pause in LOOKS.into_iter().take(looks) {
        tokio::time::sleep(pause).await;
        if let Some(live) = aws.stages_user_pool(name, &candidates).await? {
            return Ok(Pool::Found(Box::new(live)));
        }
    }
    Ok(Pool::Absent)
}

/// Reads what is there in the middle of a deploy: the declared, of which `records` know the names.
pub(super) async fn look_again(
    aws: &Aws,
    topology: &Topology,
    records: &BTreeMap<LogicalId, Record>,
    answers: &Answers,
) -> crate::aws::Result<BTreeMap<LogicalId, Live>> {
    let ledger = Ledger {
        records: records.clone(),
        ..Ledger::default()
    };
    let pool = find_pool(aws, topology, &ledger, &[]).await?;
    let (answers, known) = (answers.clone(), Known::default());
    read_all(aws, topology, &ledger, pool, answers, Reads::All, known).await
}

/// Finds the physical IDs of records that have none, because a deploy was cut off while making them;
/// those that are nowhere are dropped.
pub fn complete(aws: &Aws, found: &Found) -> BTreeMap<LogicalId, Record> {
    let mut records = found.ledger.records.clone();
    records.retain(|id, record| {
        if record.physical_id.is_none() {
            record.physical_id = found
                .observed
                .live
                .get(id)
                .map(|live| live.physical_id.clone());
        }
        record.physical_id.is_some()
    });
    // What the tags know and the ledger doesn't is ours as well; and so is what can't be tagged and hangs from that.
    for (id, live) in &found.observed.live {
        let is_adopted = found.topology.resources[id].adopted.is_some();
        if live.owner.as_ref() == Some(aws.owner()) || is_adopted {
            remember(&mut records, found, id, live);
        }
    }
    for (id, live) in &found.observed.live {
        if live.owner.is_none() && hangs_from_ours(&found.topology, id, &records) {
            remember(&mut records, found, id, live);
        }
    }
    records
}

fn remember(records: &mut BTreeMap<LogicalId, Record>, found: &Found, id: &str, live: &Live) {
    records.entry(id.to_owned()).or_insert_with(|| Record {
        kind: found.topology.resources[id].resource.kind(),
        physical_id: Some(live.physical_id.clone()),
        digest: String::new(),
        memory: Memory::default(),
    });
}

/// Whether something that can't be tagged is part of what is ours, or has a name of this stage's.
fn hangs_from_ours(topology: &Topology, id: &str, records: &BTreeMap<LogicalId, Record>) -> bool {
    let resource = &topology.resources[id].resource;
    let rules = resource.kind().rules();
    if rules.is_tagged() {
        return false;
    }
    let properties = resource.properties();
    let mut parents = references(&properties)
        .into_iter()
        .map(|(_, reference)| reference.id)
        .filter(|id| {
            let parent = topology.resources.get(id);
            parent.is_some_and(|parent| rules.deleted_before.contains(&parent.resource.kind()))
        })
        .peekable();
    match parents.peek() {
        Some(_) => parents.all(|parent| records.contains_key(&parent)),
        None => records.contains_key(topology::USER_POOL),
    }
}

impl From<&Record> for Recorded {
    fn from(record: &Record) -> Self {
        Self {
            kind: record.kind,
            physical_id: record.physical_id.clone(),
            memory: record.memory.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::replay::{self, error, ok};
    use saasauth_model::project;

    fn topology() -> Topology {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/examples/starter/saasauth.yaml"
        );
        let project = project::load(file.as_ref()).expect("it is valid");
        let stage = project.stage("local").expect("it has one");
        topology::build(stage, &Facts::assumed()).expect("it is built")
    }

    /// A ledger with a record of the pool.
    fn ledger(physical_id: Option<&str>) -> Ledger {
        let record = Record {
            kind: Kind::UserPool,
            physical_id: physical_id.map(str::to_owned),
            digest: String::new(),
            memory: Memory::default(),
        };
        Ledger {
            records: BTreeMap::from([(topology::USER_POOL.to_owned(), record)]),
            ..Ledger::default()
        }
    }

    const STALE: &str = "arn:aws:cognito-idp:eu-west-1:1:userpool/stale";

    fn listed(pools: Value) -> (u16, String) {
        ok(json!({ "UserPools": pools }))
    }

    fn gone() -> (u16, String) {
        error(
            400,
            "ResourceNotFoundException",
            "User pool stale does not exist.",
        )
    }

    #[tokio::test]
    async fn a_stale_tag_hides_no_pool_and_makes_no_second() {
        let tags = json!({ "saasauth:project": "acme", "saasauth:stage": "dev" });
        let pool = json!({ "Id": "p", "Name": "starter-local-users", "UserPoolTags": tags });
        let name = json!([{ "Id": "p", "Name": "starter-local-users" }]);
        let tagged = [STALE.to_owned()];

        // A create was cut off, and the list of pools lags behind it.
        let (aws, replay) = replay::aws([
            listed(json!([])),
            gone(),
            listed(name.clone()),
            ok(json!({ "UserPool": pool })),
            gone(),
        ]);
        let found = find_pool(&aws, &topology(), &ledger(None), &tagged).await;
        assert_eq!(found.expect("found").id().map(String::as_str), Some("p"));
        replay.finish();

        // The ledger got lost, and all that is tagged is gone.
        let (aws, replay) = replay::aws([listed(json!([])), gone()]);
        let found = find_pool(&aws, &topology(), &Ledger::default(), &tagged).await;
        assert_eq!(found.expect("looked").id(), None);
        replay.finish();

        // What the ledger knows needs no look, and nor does an account without anything of ours.
        let (aws, replay) = replay::aws([]);
        let found = find_pool(&aws, &topology(), &ledger(Some("p")), &tagged).await;
        assert_eq!(found.expect("known").id().map(String::as_str), Some("p"));
        let found = find_pool(&aws, &topology(), &Ledger::default(), &[]).await;
        assert_eq!(found.expect("nothing").id(), None);
        replay.finish();
    }
}
