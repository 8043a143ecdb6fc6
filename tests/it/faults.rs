//! Faults between the deployed functions and AWS: DynamoDB, SES and Lambda throttled, failing, slow,
//! hanging up, or doing what they were asked and never saying so. Whoever signs up notices nothing, and in
//! the end has everything, once.
//!
//! The functions find AWS at a gate (`tests/python/aws_faults.py`) that fails as it is told to. Everybody
//! else talks to the emulator itself. Where that is not Lambda, `deliveries.rs` says. DynamoDB and SES are
//! asked by AWS's own SDK, with the retries it makes, so a fault here lasts for all of them.

use std::collections::BTreeSet;
use std::io::{PipeWriter, Write};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Emulator, Project, Started, ask, python, repository, script, start_with_input, until,
};

const CONFIRM_USER: &str = "starter-local-confirm-user";
const GENERATE_TOKEN: &str = "starter-local-generate-token";

/// How long Cognito waits for a trigger, in seconds.
const COGNITO: f64 = 5.0;

/// How long the SDK may go on with one operation after its first attempt, and some more.
const OPERATION: Duration = Duration::from_millis(2500);

/// What somebody is told when neither tables nor queue can be reached.
fn refusal() -> Value {
    json!({
        "errorType": "StoreUnavailable",
        "errorMessage": "your account could not be reached, please try again",
    })
}

/// An emulator whose functions find AWS behind the gate.
struct Aws {
    emulator: Emulator,
    gate: String,
    _server: Started,
    /// It ends when its input does.
    _input: PipeWriter,
}

impl Aws {
    /// The one these tests share, started by the first that asks.
    fn shared() -> &'static Self {
        static SHARED: OnceLock<Aws> = OnceLock::new();
        SHARED.get_or_init(|| {
            let (mut server, mut input) = start_with_input(&mut script("aws_faults.py"));
            let gate = server.line();
            let emulator = Emulator::start(&gate, false);
            let stage = json!({ "endpoint_url": emulator.endpoint_url });
            writeln!(input, "{stage}").unwrap();
            Self {
                emulator,
                gate,
                _server: server,
                _input: input,
            }
        })
    }
}

/// Whose requests a fault is for: a person's, ...
#[derive(Clone, Copy)]
enum For {
    /// ... all that name the person,
    Person,
    /// the one for the person's company,
    Company,
    /// or those that take a delivery off the record.
    Settlement,
}

/// A fault of AWS. `tests/python/aws_faults.py` says what each kind is.
#[derive(Clone, Copy)]
struct Fault {
    /// `None` for every action.
    action: Option<&'static str>,
    kind: &'static str,
    of: For,
    lasts: Lasts,
}

/// When a fault is over.
#[derive(Clone, Copy)]
enum Lasts {
    Operations(usize),
    Requests(usize),
    UntilCleared,
}

impl Fault {
    const fn new(action: &'static str, kind: &'static str, of: For, lasts: Lasts) -> Self {
        Self {
            action: Some(action),
            kind,
            of,
            lasts,
        }
    }

    /// Until it is cleared, for all requests that name the person.
    const fn lasting(action: &'static str, kind: &'static str) -> Self {
        Self::new(action, kind, For::Person, Lasts::UntilCleared)
    }

    /// SES knows no idempotency token: when its answer comes late or never, the mail may go out twice.
    fn may_mail_twice(&self) -> bool {
        self.action == Some("SendEmail") && matches!(self.kind, "lost" | "slow")
    }

    fn told(&self, person: &Person) -> Value {
        let has = match self.of {
            For::Person => vec![person.sub.clone()],
            For::Company => vec![format!("DOMAIN#{}", person.company)],
            For::Settlement => vec![person.sub.clone(), "DELETE pending".to_owned()],
        };
        let (operations, requests) = match self.lasts {
            Lasts::Operations(count) => (Some(count), None),
            Lasts::Requests(count) => (None, Some(count)),
            Lasts::UntilCleared => (None, None),
        };
        json!({
            "name": person.sub,
            "action": self.action,
            "kind": self.kind,
            "has": has,
            "operations": operations,
            "requests": requests,
        })
    }
}

/// Somebody with a registered company of their own.
#[derive(Debug, Clone, PartialEq)]
struct Person {
    sub: String,
    company: String,
    address: String,
}

impl Person {
    fn number(number: usize) -> Self {
        let sub = format!("00000000-0000-4000-8000-{number:012}");
        let company = format!("company-{number}.test");
        Self {
            // A mail names nobody but by the address.
            address: format!("{sub}@{company}"),
            sub,
            company,
        }
    }

    /// The event of a fixture, about this person.
    fn event(&self, fixture: &str) -> Value {
        let file = repository().join("lambdas/triggers/fixtures").join(fixture);
        let mut event: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        event["userName"] = json!(self.sub);
        let attributes = &mut event["request"]["userAttributes"];
        attributes["sub"] = json!(self.sub);
        attributes["email"] = json!(self.address);
        event
    }

    fn confirmation(&self) -> Value {
        self.event("post-confirmation.json")
    }

    fn sign_in(&self) -> Value {
        let mut event = self.event("pre-token-generation-v2.json");
        // Nobody has put them into one.
        event["request"]["groupConfiguration"]["groupsToOverride"] = json!([]);
        event
    }
}

/// A deployed project of its own, on the shared emulator.
struct Stage {
    project: Project,
    aws: &'static Aws,
    outputs: Value,
}

impl Stage {
    /// With this many registered companies.
    fn deployed(companies: usize) -> Self {
        let aws = Aws::shared();
        let project = Project {
            endpoint_url: Some(aws.emulator.endpoint_url.clone()),
            ..Project::alone()
        };
        let example = "  example.com: { role: admin }\n";
        let mut domains = example.to_owned();
        for number in 0..companies {
            let company = Person::number(number).company;
            domains.push_str(&format!("  {company}: {{ role: admin }}\n"));
        }
        project.edit(example, &domains);
        let outputs = project.deploy()["outputs"].clone();
        Self {
            project,
            aws,
            outputs,
        }
    }

    /// Has AWS fail in these ways, and no longer in others.
    fn fail(&self, faults: &[Value]) {
        let told = json!({ "account": self.project.account, "faults": faults });
        ask(
            Method::PUT,
            &format!("{}/_/faults", self.aws.gate),
            Some(&told),
        );
    }

    /// What the functions asked of AWS, in order.
    fn seen(&self) -> Vec<Value> {
        let seen = ask(Method::GET, &format!("{}/_/seen", self.aws.gate), None);
        let mut seen = seen.as_array().unwrap().clone();
        seen.retain(|request| request["account"] == json!(self.project.account));
        seen
    }

    /// At how many requests and operations this person's fault was met.
    fn met(&self, person: &Person) -> (usize, usize) {
        let mut seen = self.seen();
        seen.retain(|request| request["fault"] == json!(person.sub));
        let operations: BTreeSet<&str> = seen
            .iter()
            .map(|request| request["operation"].as_str().unwrap())
            .collect();
        (seen.len(), operations.len())
    }

    /// Waits until what the functions asked for late has been done, too.
    #[track_caller]
    fn quiet(&self) {
        until("the last request is done", || {
            self.seen().iter().all(|request| request["ended"] == true)
        });
    }

    /// Invokes the functions with these turns, all at once, each in its order.
    fn invoke(&self, turns: &Value) -> Vec<Vec<Value>> {
        let endpoint_url = &self.aws.emulator.endpoint_url;
        let answers = python("invoke.py", &[endpoint_url, &self.project.account], turns);
        serde_json::from_value(answers).unwrap()
    }

    fn turns(&self, function: &str, events: Vec<Value>) -> Vec<Value> {
        let turns = events.iter().map(|event| json!([[function, event]]));
        let answers = self.invoke(&turns.collect());
        answers.into_iter().flatten().collect()
    }

    /// Confirms people, which must succeed as Cognito wants it to.
    #[track_caller]
    fn signs_up(&self, people: &[Person]) {
        let events: Vec<Value> = people.iter().map(Person::confirmation).collect();
        let answers = self.turns(CONFIRM_USER, events.clone());
        for (event, answer) in events.iter().zip(answers) {
            assert_eq!(answer["error"], false, "{answer}");
            assert_eq!(answer["answer"], *event);
            assert_in_time(&answer);
        }
    }

    /// Signs people in, which must succeed; the claims of their access tokens.
    #[track_caller]
    fn sign_in(&self, people: &[Person]) -> Vec<Value> {
        let events = people.iter().map(Person::sign_in).collect();
        let answers = self.turns(GENERATE_TOKEN, events);
        answers.iter().map(claims).collect()
    }

    /// The records of these people, as soon as they say what they should; see `tests/python/records.py`.
    #[track_caller]
    fn records(&self, what: &str, people: &[Person]) -> Value {
        let url = &self.aws.emulator.endpoint_url;
        let table = self.outputs["permissions_table"].as_str().unwrap();
        let subs: Vec<&str> = people.iter().map(|person| person.sub.as_str()).collect();
        let arguments = [url, self.project.account.as_str(), table, what];
        python("records.py", &arguments, &json!(subs))
    }

    /// How many mails each of these people got.
    fn mail(&self, people: &[Person]) -> Vec<usize> {
        let mail = self.aws.emulator.mail(&self.project.account);
        let to = |mail: &Value, person: &Person| {
            let to = mail["To"].as_array().unwrap();
            to.iter().any(|to| to == &json!(person.address))
        };
        let got = |person| mail.iter().filter(|mail| to(mail, person)).count();
        people.iter().map(got).collect()
    }

    /// Fails unless, in a while, these people have everything that confirmation gives, and have it once;
    /// who is in `twice` may have more than one mail. What is confirmed again changes nothing.
    #[track_caller]
    fn has_everything_once(&self, people: &[Person], twice: &[bool]) {
        let records = self.records("settled", people);
        let table = json!({ "TableName": self.outputs["domains_table"] });
        let memberships = self.project.client("dynamodb", "scan", table)["Items"].clone();
        for person in people {
            let record = &records[&person.sub];
            assert_eq!(record["email"], person.address, "{person:?}: {record}");
            assert_eq!(record["role"], "admin", "{person:?}: {record}");
            assert!(record["confirmed_at"].is_string(), "{person:?}: {record}");
            assert_eq!(record["pending"], Value::Null, "{person:?}: {record}");
            assert_eq!(record["deliveries"], json!({}), "{person:?}: {record}");
            let membership = json!({
                "pk": { "S": format!("USER#{}", person.sub) },
                "sk": { "S": format!("DOMAIN#{}", person.company) },
            });
            let memberships = memberships.as_array().unwrap();
            assert!(memberships.contains(&membership), "{person:?}");
        }
        self.quiet();
        let mail = self.mail(people);
        for ((person, mail), may_be_more) in people.iter().zip(&mail).zip(twice) {
            let right = *mail == 1 || *may_be_more && *mail > 1;
            assert!(right, "{mail} mails to {person:?}");
        }
        self.signs_up(people);
        self.quiet();
        assert_eq!(self.records("now", people), records);
        assert_eq!(self.mail(people), mail);
    }

    /// Takes Lambda's own retries away.
    fn without_retries(&self) {
        let settings = json!({
            "FunctionName": CONFIRM_USER,
            "MaximumRetryAttempts": 0,
            "MaximumEventAgeInSeconds": 60,
        });
        let operation = "put_function_event_invoke_config";
        self.project.client("lambda", operation, settings);
    }

    /// `saasauth repair` with these arguments.
    #[track_caller]
    fn repair(&self, arguments: &[&str]) -> Value {
        let arguments = [&["repair", "--json"], arguments].concat();
        self.project.run(&arguments).expect(0).json()
    }

    /// Puts the record, and whatever it says of the welcome, into the past.
    fn age(&self, person: &Person, record: &Value) {
        let mut parameters = json!({
            "TableName": self.outputs["permissions_table"],
            "Key": { "pk": { "S": format!("USER#{}", person.sub) } },
            "UpdateExpression": "SET created_at = :then",
            "ExpressionAttributeValues": { ":then": { "S": "2026-01-01T00:00:00Z" } },
        });
        if record["deliveries"]["welcome"].is_object() {
            let welcome = "deliveries.welcome.#at = :then, deliveries.welcome.#until = :then";
            let expression = format!("SET created_at = :then, {welcome}");
            parameters["UpdateExpression"] = json!(expression);
            parameters["ExpressionAttributeNames"] = json!({ "#at": "at", "#until": "until" });
        }
        self.project.client("dynamodb", "update_item", parameters);
    }
}

#[track_caller]
fn assert_in_time(answer: &Value) {
    let seconds = answer["seconds"].as_f64().unwrap();
    assert!(seconds < COGNITO, "took {seconds} s: {answer}");
}

/// The claims of the access token that generateToken answers with.
#[track_caller]
fn claims(answer: &Value) -> Value {
    assert_eq!(answer["error"], false, "{answer}");
    assert_in_time(answer);
    let details = &answer["answer"]["response"]["claimsAndScopeOverrideDetails"];
    details["accessTokenGeneration"]["claimsToAddOrOverride"].clone()
}

/// The first of these people.
fn people(count: usize) -> Vec<Person> {
    (0..count).map(Person::number).collect()
}

/// What each person's fault is told as.
fn told(faults: &[Fault], people: &[Person]) -> Vec<Value> {
    let both = faults.iter().zip(people);
    both.map(|(fault, person)| fault.told(person)).collect()
}

#[test]
fn what_fails_for_a_while_comes_about_by_lambdas_retries() {
    use For::{Company, Person, Settlement};
    use Lasts::{Operations, Requests};
    let fault = Fault::new;
    // The sign-up's write is tried by the sign-up and by the first invocation nobody waits for.
    let both = Operations(2);
    let faults = [
        fault("TransactWriteItems", "throttled", Person, both),
        fault("TransactWriteItems", "cancelled", Person, both),
        fault("TransactWriteItems", "500", Person, both),
        fault("TransactWriteItems", "hang_up", Person, both),
        fault("TransactWriteItems", "slow", Person, both),
        fault("TransactWriteItems", "lost", Person, both),
        fault("GetItem", "throttled", Company, both),
        fault("GetItem", "slow", Company, both),
        // Of the delivery: reading the record, claiming, mailing, and writing it down.
        fault("GetItem", "throttled", Person, Operations(1)),
        fault("GetItem", "500", Person, Operations(1)),
        fault("UpdateItem", "throttled", Person, Operations(1)),
        fault("UpdateItem", "500", Person, Operations(1)),
        fault("UpdateItem", "lost", Person, Requests(1)),
        fault("UpdateItem", "throttled", Settlement, Operations(2)),
        fault("UpdateItem", "lost", Settlement, Requests(1)),
        fault("SendEmail", "throttled", Person, Operations(1)),
        fault("SendEmail", "500", Person, Operations(1)),
        // A broken connection is tried again at once, so this is one attempt.
        fault("SendEmail", "hang_up", Person, Operations(2)),
        fault("SendEmail", "slow", Person, Operations(1)),
        fault("SendEmail", "lost", Person, Requests(1)),
        // These are handed over all the same: at once, twice, or late.
        fault("Invoke", "hang_up", Person, Requests(1)),
        fault("Invoke", "lost", Person, Requests(1)),
        fault("Invoke", "slow", Person, Requests(1)),
    ];
    let stage = Stage::deployed(faults.len());
    let people = people(faults.len());
    stage.fail(&told(&faults, &people));
    stage.signs_up(&people);
    let twice = faults.each_ref().map(Fault::may_mail_twice);
    stage.has_everything_once(&people, &twice);
    for (fault, person) in faults.iter().zip(&people) {
        let (requests, operations) = stage.met(person);
        let (met, expected) = match fault.lasts {
            Operations(count) => (operations, count),
            Requests(count) => (requests, count),
            Lasts::UntilCleared => unreachable!(),
        };
        let name = (fault.action, fault.kind);
        assert_eq!(met, expected, "how often {name:?} was met");
    }
}

#[test]
fn what_lambda_gave_up_comes_about_at_a_sign_in_or_by_repair() {
    let faults = [
        Fault::lasting("GetItem", "throttled"),
        Fault::lasting("UpdateItem", "throttled"),
        Fault::lasting("UpdateItem", "hang_up"),
        Fault::lasting("UpdateItem", "slow"),
        Fault::lasting("UpdateItem", "lost"),
        Fault::lasting("SendEmail", "throttled"),
        Fault::lasting("SendEmail", "500"),
        Fault::lasting("SendEmail", "hang_up"),
        Fault::lasting("SendEmail", "lost"),
        Fault::lasting("Invoke", "throttled"),
        Fault::lasting("Invoke", "500"),
        Fault::lasting("Invoke", "hang_up"),
    ];
    // Each twice: for one who signs in, and one for whom somebody repairs.
    let faults = [faults, faults].concat();
    let stage = Stage::deployed(faults.len());
    stage.without_retries();
    let people = people(faults.len());
    stage.fail(&told(&faults, &people));
    stage.signs_up(&people);
    until("every fault is met", || {
        people.iter().all(|person| stage.met(person).0 > 0)
    });
    thread::sleep(OPERATION);
    stage.quiet();
    let records = stage.records("now", &people);
    for (person, fault) in people.iter().zip(&faults) {
        let record = &records[&person.sub];
        let name = (fault.action, fault.kind);
        assert_eq!(record["role"], "admin", "{name:?}: {record}");
        assert_eq!(record["pending"], json!(["welcome"]), "{name:?}: {record}");
        let state = match name {
            (Some("SendEmail"), _) => json!("waiting"),
            // Whoever claimed it never heard so, and cannot give it back: the claim has to run out.
            (Some("UpdateItem"), "slow" | "lost") => json!("claimed"),
            _ => Value::Null,
        };
        let standing = &record["deliveries"]["welcome"];
        assert_eq!(standing["state"], state, "{name:?}: {record}");
    }
    // And nobody tries again unasked.
    let asked = stage.seen().len();
    thread::sleep(OPERATION);
    assert_eq!(stage.seen().len(), asked);

    // A minute later.
    let (sign_in, repaired) = people.split_at(people.len() / 2);
    for person in &people {
        let is_claimed = records[&person.sub]["deliveries"]["welcome"]["state"] == "claimed";
        if is_claimed || sign_in.contains(person) {
            stage.age(person, &records[&person.sub]);
        }
    }
    // A sign-in doesn't need what it hands over to be taken.
    let refused: Vec<Person> = sign_in
        .iter()
        .zip(&faults)
        .filter(|(_, fault)| fault.action == Some("Invoke"))
        .map(|(person, _)| person.clone())
        .collect();
    let met = |people: &[Person]| -> Vec<usize> {
        let each = people.iter().map(|person| stage.met(person).0);
        each.collect()
    };
    let before = met(&refused);
    for claims in stage.sign_in(&refused) {
        assert_eq!(claims["role"], "admin", "{claims}");
    }
    let after = met(&refused);
    let mut both = before.iter().zip(&after);
    assert!(
        both.all(|(before, after)| before < after),
        "{before:?}, {after:?}"
    );
    let records = stage.records("now", &refused);
    for person in &refused {
        let record = &records[&person.sub];
        assert_eq!(record["pending"], json!(["welcome"]), "{record}");
    }

    stage.fail(&[]);
    for claims in stage.sign_in(sign_in) {
        assert_eq!(claims["role"], "admin", "{claims}");
    }
    stage.records("settled", sign_in);
    let answer = stage.repair(&[]);
    let owed = answer["owed"].as_array().unwrap();
    let owed: BTreeSet<&str> = owed
        .iter()
        .map(|one| one["sub"].as_str().unwrap())
        .collect();
    let expected = repaired.iter().map(|person| person.sub.as_str());
    assert_eq!(owed, expected.collect(), "{answer}");
    let twice: Vec<bool> = faults.iter().map(Fault::may_mail_twice).collect();
    stage.has_everything_once(&people, &twice);
    assert_eq!(stage.repair(&[])["owed"], json!([]));
}

#[test]
fn a_user_never_recorded_is_confirmed_by_repair() {
    let stage = Stage::deployed(1);
    stage.without_retries();
    // Repair takes who has an account for a user, so this one has.
    let mut ada = Person::number(0);
    let pool = &stage.outputs["user_pool_id"];
    let attribute = |name: &str, value: &str| json!({ "Name": name, "Value": value });
    let made = stage.project.client(
        "cognito-idp",
        "admin_create_user",
        json!({
            "UserPoolId": pool,
            "Username": ada.address,
            "MessageAction": "SUPPRESS",
            "UserAttributes": [
                attribute("email", &ada.address),
                attribute("email_verified", "true"),
                attribute("name", "Ada Lovelace"),
            ],
        }),
    );
    let attributes = made["User"]["Attributes"].as_array().unwrap();
    let sub = attributes.iter().find(|one| one["Name"] == "sub").unwrap();
    sub["Value"].as_str().unwrap().clone_into(&mut ada.sub);
    stage.project.client(
        "cognito-idp",
        "admin_set_user_password",
        json!({
            "UserPoolId": pool,
            "Username": ada.address,
            "Password": "Correct-Horse-7-Battery",
            "Permanent": true,
        }),
    );

    let people = [ada];
    let [ada] = &people;
    stage.fail(&[Fault::lasting("TransactWriteItems", "throttled").told(ada)]);
    stage.signs_up(&people);
    until("it was tried without anybody waiting", || {
        stage.met(ada).1 == 2
    });
    thread::sleep(OPERATION);
    stage.quiet();
    stage.fail(&[]);
    // Twenty seconds long, the trigger itself may still be at it.
    let listed = |answer: &Value, list: &str| {
        let list = answer[list].as_array().unwrap();
        list.iter().any(|one| one["sub"] == json!(ada.sub))
    };
    let early = stage.repair(&["--confirm"]);
    assert!(listed(&early, "recent"), "{early}");
    until("repair knows that nobody is at it", || {
        listed(&stage.repair(&["--confirm", "--dry-run"]), "unconfirmed")
    });
    assert_eq!(stage.records("now", &people)[&ada.sub], Value::Null);
    assert_eq!(stage.mail(&people), [0]);
    let answer = stage.repair(&["--confirm"]);
    assert_eq!(answer["unconfirmed"][0]["handed_over"], true, "{answer}");
    stage.has_everything_once(&people, &[false]);
}

#[test]
fn a_sign_up_that_reaches_neither_tables_nor_queue_fails_and_can_be_repeated() {
    let lasting = Fault::lasting;
    let company = |kind| Fault::new("GetItem", kind, For::Company, Lasts::UntilCleared);
    let faults = [
        (lasting("TransactWriteItems", "throttled"), "throttled"),
        (lasting("TransactWriteItems", "cancelled"), "500"),
        // Both are done after all, when whoever signed up has been told to try again.
        (lasting("TransactWriteItems", "slow"), "slow"),
        (lasting("TransactWriteItems", "lost"), "throttled"),
        (company("500"), "hang_up"),
        (company("hang_up"), "slow"),
    ];
    let stage = Stage::deployed(faults.len());
    let people = people(faults.len());
    let told = faults
        .iter()
        .zip(&people)
        .flat_map(|((tables, queue), person)| {
            [tables.told(person), lasting("Invoke", queue).told(person)]
        });
    stage.fail(&told.collect::<Vec<_>>());
    let events = people.iter().map(Person::confirmation).collect();
    for answer in stage.turns(CONFIRM_USER, events) {
        assert_eq!(answer["error"], true, "{answer}");
        assert_eq!(answer["answer"], refusal());
        assert_in_time(&answer);
    }
    stage.fail(&[]);
    stage.signs_up(&people);
    stage.has_everything_once(&people, &[false; 6]);
}

#[test]
fn who_signs_in_before_being_recorded_is_a_member_and_then_what_the_company_says() {
    let stage = Stage::deployed(2);
    let people = people(2);
    let faults = [
        Fault::lasting("TransactWriteItems", "throttled"),
        Fault::lasting("TransactWriteItems", "cancelled"),
    ];
    stage.fail(&told(&faults, &people));
    let turn = |person: &Person| {
        json!([
            [CONFIRM_USER, person.confirmation()],
            [GENERATE_TOKEN, person.sign_in()],
        ])
    };
    let answers = stage.invoke(&people.iter().map(turn).collect());
    for (person, answers) in people.iter().zip(&answers) {
        assert_eq!(answers[0]["answer"], person.confirmation());
        let claims = claims(&answers[1]);
        assert_eq!(claims["role"], "member", "{claims}");
        assert_eq!(claims["permissions"], json!(["projects:read"]), "{claims}");
        assert_eq!(claims["domains"], json!([]), "{claims}");
    }
    // The sign-in's record is there, and owes nothing yet.
    let records = stage.records("now", &people);
    for person in &people {
        let record = &records[&person.sub];
        assert_eq!(record["role"], "member", "{record}");
        assert_eq!(record["confirmed_at"], Value::Null, "{record}");
    }
    stage.fail(&[]);
    until("Lambda's retry completes the records", || {
        let records = stage.records("now", &people);
        let mut people = people.iter();
        people.all(|person| records[&person.sub]["confirmed_at"].is_string())
    });
    stage.has_everything_once(&people, &[false; 2]);
    for (person, claims) in people.iter().zip(stage.sign_in(&people)) {
        assert_eq!(claims["role"], "admin", "{claims}");
        assert_eq!(claims["domains"], json!([person.company]), "{claims}");
    }
}

#[test]
fn no_token_while_the_tables_fail_and_no_word_why() {
    let faults = [
        Fault::lasting("GetItem", "throttled"),
        Fault::lasting("GetItem", "500"),
        Fault::lasting("GetItem", "hang_up"),
        Fault::lasting("GetItem", "slow"),
        Fault::lasting("Query", "throttled"),
        Fault::lasting("Query", "slow"),
        Fault {
            action: None,
            ..Fault::lasting("", "throttled")
        },
        Fault {
            action: None,
            ..Fault::lasting("", "slow")
        },
    ];
    let stage = Stage::deployed(faults.len());
    let people = people(faults.len());
    stage.signs_up(&people);
    stage.has_everything_once(&people, &[false; 8]);
    let refuses = |faults: &[Value]| {
        stage.fail(faults);
        let events: Vec<Value> = people.iter().map(Person::sign_in).collect();
        for answer in stage.turns(GENERATE_TOKEN, events) {
            assert_eq!(answer["error"], true, "{answer}");
            assert_eq!(answer["answer"], refusal());
            assert_in_time(&answer);
        }
    };
    // Without their roles first, while no process remembers any.
    let roles = |kind| {
        json!({
            "name": kind, "action": null, "kind": kind, "has": ["ROLE#"],
            "operations": null, "requests": null,
        })
    };
    for kind in ["throttled", "unprocessed", "slow"] {
        refuses(&[roles(kind)]);
    }
    refuses(&told(&faults, &people));
    for person in &people {
        assert!(stage.met(person).0 > 0, "{person:?}");
    }
    stage.fail(&[]);
    for (person, claims) in people.iter().zip(stage.sign_in(&people)) {
        assert_eq!(claims["role"], "admin", "{claims}");
        assert_eq!(claims["domains"], json!([person.company]), "{claims}");
    }
}

#[test]
fn a_token_does_not_need_the_record_that_could_not_be_made() {
    let stage = Stage::deployed(1);
    let people = people(1);
    let signs_in = || {
        let claims = stage.sign_in(&people).remove(0);
        assert_eq!(claims["role"], "member", "{claims}");
        assert_eq!(claims["permissions"], json!(["projects:read"]), "{claims}");
        stage.records("now", &people)[&people[0].sub].clone()
    };
    stage.fail(&told(&[Fault::lasting("PutItem", "throttled")], &people));
    assert_eq!(signs_in(), Value::Null);
    assert!(stage.met(&people[0]).0 > 0);
    stage.fail(&[]);
    let record = signs_in();
    assert_eq!(record["role"], "member", "{record}");
}
