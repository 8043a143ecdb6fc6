//! What a new user is owed, from a third-party client's sign-up to the platforms' servers, with the
//! deployed function in between; and the same while a platform, the function or a secret fails.
//!
//! Where the emulator is not Lambda: it tries a failed event again after one second and then two, where
//! Lambda waits one minute and then two. How often, and for how long, it takes from the deployed
//! EventInvokeConfig, as Lambda does. It sends no event twice by itself, does not throttle, and freezes
//! no process between two events.

use std::collections::BTreeSet;
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    Cloud, PLATFORMS, Platforms, Project, key, nothing_is_left, python, repository, run, saasauth,
    signal, until,
};

const TABLE: &str = "starter-local-permissions";
const FUNCTION: &str = "starter-local-confirm-user";
const PASSWORD: &str = "Correct-Horse-7-Battery";

/// The longest a confirmation may take while platforms answer nothing: they are given three seconds,
/// which nobody may have waited for.
const AT_ONCE: f64 = 2.9;

/// A deployed project, and the platforms it tells.
struct Stage {
    project: Project,
    platforms: Platforms,
    outputs: Value,
}

impl Stage {
    /// A project that tells every platform.
    fn deployed() -> Self {
        Self::with(|_, _| {})
    }

    /// The same with another project file.
    fn with(edit: impl FnOnce(&Project, &Platforms)) -> Self {
        let platforms = Platforms::start();
        let project = Project::starter();
        project.tells(&platforms);
        edit(&project, &platforms);
        let outputs = project.deploy()["outputs"].clone();
        project.set_secrets();
        Self {
            project,
            platforms,
            outputs,
        }
    }

    /// An address nobody else has: all projects share one mailbox.
    fn address(&self, name: &str) -> String {
        format!("{name}-{}@company.test", self.project.account)
    }

    /// Signs people up who say this to marketing; `sub` and seconds by address.
    #[track_caller]
    fn sign_up(&self, opt_in: bool, addresses: &[String]) -> Value {
        let cloud = Cloud::shared().directory().join("saasauth.yaml");
        let opt_in = opt_in.to_string();
        let mut arguments = vec![opt_in.as_str()];
        arguments.extend(addresses.iter().map(String::as_str));
        arguments.extend(["--", env!("CARGO_BIN_EXE_saasauth"), "local", "mail"]);
        arguments.extend(["--json", "--project-file", cloud.to_str().unwrap()]);
        python("opt_in.py", &arguments, &self.outputs)
    }

    /// One person who opts in; the `sub`.
    #[track_caller]
    fn sign_up_one(&self, address: &str) -> String {
        let people = self.sign_up(true, &[address.to_owned()]);
        people[address]["sub"].as_str().unwrap().to_owned()
    }

    /// The records of these users, as soon as they say what they should; see `tests/python/records.py`.
    #[track_caller]
    fn records(&self, what: &str, subs: &[&str]) -> Value {
        let (url, account) = (&Cloud::shared().endpoint_url, self.project.account.as_str());
        let arguments = [url.as_str(), account, TABLE, what];
        python("records.py", &arguments, &json!(subs))
    }

    /// Fails unless nothing is owed to these users, in a while.
    #[track_caller]
    fn settled(&self, subs: &[&str]) {
        let records = self.records("settled", subs);
        for sub in subs {
            let record = &records[sub];
            assert!(record["pk"].is_string(), "no record of {sub}");
            assert_eq!(record["pending"], Value::Null, "{record}");
            assert_eq!(record["deliveries"], json!({}), "{record}");
        }
    }

    /// `saasauth repair`.
    #[track_caller]
    fn repair(&self) -> Value {
        self.project.run(&["repair", "--json"]).expect(0).json()
    }

    /// What a platform knows of somebody.
    fn contact(&self, name: &str, address: &str) -> Value {
        self.platforms.contacts()[name][address].clone()
    }

    /// Takes Lambda's own retries away, which would come within seconds here and do the work of others.
    fn without_retries(&self) {
        let settings = json!({
            "FunctionName": FUNCTION, "MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60,
        });
        let operation = "put_function_event_invoke_config";
        self.project.client("lambda", operation, settings);
    }

    /// Sets attributes of a delivery on the record.
    fn change(&self, sub: &str, expression: &str, names: Value, values: Value) {
        let parameters = json!({
            "TableName": TABLE,
            "Key": { "pk": { "S": format!("USER#{sub}") } },
            "UpdateExpression": expression,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        });
        self.project.client("dynamodb", "update_item", parameters);
    }
}

/// The welcome mails in the mailbox whose receiver this says yes to.
fn welcomes(is_meant: impl Fn(&str) -> bool) -> Vec<Value> {
    let mut command = saasauth();
    command.args(["local", "mail", "--json"]);
    let mailbox = run(command.current_dir(Cloud::shared().directory())).expect(0);
    let Value::Array(mut mail) = mailbox.json() else {
        panic!("no list");
    };
    mail.retain(|mail| {
        let subject = mail["subject"].as_str().unwrap();
        subject.starts_with("Welcome") && is_meant(mail["to"][0].as_str().unwrap())
    });
    mail
}

/// Of each request: method, path and status.
fn lines(seen: &[Value]) -> Vec<String> {
    let line = |one: &Value| {
        let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
        format!("{} {} {}", text("method"), text("path"), one["status"])
    };
    seen.iter().map(line).collect()
}

#[test]
fn every_platform_is_told_once_of_who_opted_in_and_of_nobody_else() {
    let stage = Stage::deployed();
    let (ada, bob) = (stage.address("ada"), stage.address("bob"));
    let sub = stage.sign_up_one(&ada);
    let bobs = stage.sign_up(false, std::slice::from_ref(&bob))[&bob]["sub"].clone();
    stage.settled(&[&sub, bobs.as_str().unwrap()]);

    let contacts = stage.platforms.contacts();
    let known = |name: &str| {
        contacts[name]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    };
    for name in PLATFORMS {
        let known: Vec<String> = known(name);
        assert_eq!(known, [ada.as_str()], "{name}");
        assert_eq!(contacts[name][&ada]["told"], 1, "{name}");
    }
    let contact = |name: &str| &contacts[name][&ada];
    assert_eq!(contact("mailchimp")["status"], "pending", "double opt-in");
    let fields = json!({ "FNAME": "Ada Lovelace", "COMPANY": "Engines" });
    assert_eq!(contact("mailchimp")["fields"], fields);
    assert_eq!(contact("mailchimp")["tags"], json!(["signup", "trial"]));
    let fields = json!({ "email": ada, "firstname": "Ada Lovelace", "company": "Engines" });
    assert_eq!(contact("hubspot")["fields"], fields);
    assert_eq!(
        contact("beehiiv")["fields"],
        json!({ "Company": "Engines" })
    );
    assert_eq!(contact("beehiiv")["tags"], json!(["signup"]));
    // The form makes the subscriber active, after asking when it is set to.
    assert_eq!(contact("kit")["state"], "inactive");
    assert_eq!(contact("kit")["forms"], json!(["1234567"]));
    assert_eq!(contact("kit")["tags"], json!(["7"]));
    let event = &contact("webhook")["event"];
    assert_eq!(event["id"], format!("user.confirmed:{sub}"));
    assert_eq!(event["user"]["sub"], sub);
    let attributes = json!({
        "name": "Ada Lovelace", "company": "Engines", "marketing_opt_in": "true",
    });
    assert_eq!(event["user"]["attributes"], attributes);

    // The server takes no key but the right one, and computes the webhook's signature itself.
    let hash = contact("mailchimp")["hash"].as_str().unwrap();
    let member = format!("/3.0/lists/a1b2c3d4e5/members/{hash}");
    let publication = "/v2/publications/pub_00000000-0000-0000-0000-000000000000";
    let subscriptions = format!("{publication}/subscriptions");
    let escaped = ada.replace('@', "%40");
    let id = contact("beehiiv")["id"].as_str().unwrap();
    let requests = [
        (
            "beehiiv",
            vec![
                format!("GET {subscriptions}/by_email/{escaped} 404"),
                format!("POST {subscriptions} 201"),
                format!("POST {subscriptions}/{id}/tags 200"),
            ],
        ),
        (
            "hubspot",
            vec!["POST /crm/objects/2026-03/contacts/batch/upsert 200".to_owned()],
        ),
        (
            "kit",
            vec![
                "POST /v4/subscribers 201".to_owned(),
                "POST /v4/forms/1234567/subscribers 201".to_owned(),
                "POST /v4/tags 201".to_owned(),
                "POST /v4/tags/7/subscribers 201".to_owned(),
            ],
        ),
        (
            "mailchimp",
            vec![
                format!("PUT {member} 200"),
                format!("POST {member}/tags 204"),
            ],
        ),
        ("webhook", vec!["POST  204".to_owned()]),
    ];
    for (name, expected) in requests {
        let seen = stage.platforms.seen(name);
        assert_eq!(lines(&seen), expected, "{name}");
        for request in &seen {
            let headers = &request["headers"];
            let agent = headers["user-agent"].as_str().unwrap();
            assert!(agent.starts_with("saasauth/"), "{request}");
            assert_eq!(headers["accept"], "application/json", "{request}");
            let kind = (!request["body"].is_null()).then_some("application/json");
            assert_eq!(headers["content-type"].as_str(), kind, "{request}");
        }
    }
    for address in [&ada, &bob] {
        let mail = welcomes(|to| to == address);
        assert_eq!(mail.len(), 1, "{mail:?}");
        assert_eq!(mail[0]["subject"], "Welcome, Ada Lovelace");
    }
}

/// The ways a platform fails, and what the record says of it.
const FAULTS: [(&str, &str); 6] = [
    ("429", "answered 429"),
    ("500", "answered 500"),
    ("garbage", "answered something other than JSON"),
    ("slow", "no answer in time"),
    ("hang_up", "the connection failed"),
    ("lost", "the connection failed"),
];

/// The platforms with an API of their own; the webhook is down altogether.
const APIS: [&str; 4] = ["beehiiv", "hubspot", "kit", "mailchimp"];

#[test]
fn a_sign_up_waits_for_no_platform_and_each_is_told_once_when_it_is_well_again() {
    let stage = Stage::with(|project, platforms| {
        let webhook = format!("{}/webhook", platforms.url);
        project.edit(&webhook, &format!("{}/webhook", platforms.unheard));
    });
    stage.without_retries();
    // One person for each fault of the first platform; of the others each has another.
    let people: Vec<String> = FAULTS.map(|(fault, _)| stage.address(fault)).to_vec();
    let fault = |person: usize, api: usize| FAULTS[(person + api) % FAULTS.len()];
    let mut faults = Vec::new();
    for (person, address) in people.iter().enumerate() {
        for (api, platform) in APIS.iter().enumerate() {
            let (fault, _) = fault(person, api);
            faults.push(json!({ "platform": platform, "address": address, "fault": fault }));
        }
    }
    stage.platforms.fail(&json!(faults));
    let signed_up = stage.sign_up(true, &people);
    let subs: Vec<&str> = people
        .iter()
        .map(|address| signed_up[address]["sub"].as_str().unwrap())
        .collect();
    for address in &people {
        let seconds = signed_up[address]["seconds"].as_f64().unwrap();
        assert!(seconds < AT_ONCE, "{address} waited {seconds} s");
    }

    let records = stage.records("tried", &subs);
    for (person, sub) in subs.iter().enumerate() {
        let record = &records[sub];
        assert_eq!(record["pending"], json!(PLATFORMS), "{record}");
        for (api, platform) in APIS.iter().enumerate() {
            let standing = &record["deliveries"][platform];
            let (fault, reason) = fault(person, api);
            assert_eq!(
                standing["state"], "waiting",
                "{platform}, {fault}: {standing}"
            );
            assert_eq!(standing["reason"], reason, "{platform}, {fault}");
        }
        let standing = &record["deliveries"]["webhook"];
        assert_eq!(standing["reason"], "the connection failed", "{standing}");
    }
    let asked = || APIS.map(|name| stage.platforms.seen(name).len());
    let begun = asked();
    // Who asked for a second of patience gets it; and nobody tries again unasked.
    thread::sleep(Duration::from_secs(2));
    assert_eq!(asked(), begun);

    stage.platforms.fail(&json!([]));
    stage.platforms.listen();
    // The last one signs in, a while after signing up; for the others somebody repairs.
    let (last, others) = subs.split_last().unwrap();
    let long_ago = json!({ "S": "2026-01-01T00:00:00Z" });
    let mut names = json!({ "#at": "at" });
    let mut parts = vec!["created_at = :then".to_owned()];
    for (number, platform) in PLATFORMS.iter().enumerate() {
        names[format!("#{number}")] = json!(platform);
        parts.push(format!("deliveries.#{number}.#at = :then"));
    }
    let expression = format!("SET {}", parts.join(", "));
    stage.change(last, &expression, names, json!({ ":then": long_ago }));
    let address = people.last().unwrap();
    let signed_in = python("sign_in.py", &[address, PASSWORD], &stage.outputs);
    assert_eq!(signed_in["claims"]["role"], "member", "{signed_in}");
    stage.settled(&[last]);
    let repaired = stage.repair();
    let owed = repaired["owed"].as_array().unwrap();
    let handed_over: BTreeSet<&str> = owed
        .iter()
        .map(|one| one["sub"].as_str().unwrap())
        .collect();
    assert_eq!(handed_over, others.iter().copied().collect(), "{repaired}");
    assert!(
        owed.iter().all(|one| one["handed_over"] == true),
        "{repaired}"
    );
    stage.settled(&subs);

    // Once more changes nothing.
    let ended = asked();
    assert_eq!(stage.repair()["owed"], json!([]));
    for (person, address) in people.iter().enumerate() {
        for (api, platform) in APIS.iter().enumerate() {
            let contact = stage.contact(platform, address);
            let (fault, _) = fault(person, api);
            // A platform that had done the work, and could not say so, is told again: that makes no
            // second contact.
            let told = contact["told"].as_u64().unwrap_or_default();
            let expected = if fault == "lost" { told.max(1) } else { 1 };
            assert_eq!(told, expected, "{platform}, {fault}: {contact}");
        }
        assert_eq!(stage.contact("webhook", address)["told"], 1);
        let mail = welcomes(|to| to == address);
        assert_eq!(mail.len(), 1, "{mail:?}");
    }
    assert_eq!(stage.platforms.seen("webhook").len(), people.len());
    assert_eq!(asked(), ended, "the second repair asked nobody");
}

#[test]
fn lambda_tries_again_as_often_as_deployed() {
    let stage = Stage::deployed();
    let address = stage.address("ada");
    let down = json!([{ "platform": "webhook", "fault": "500" }]);
    stage.platforms.fail(&down);
    let sub = stage.sign_up_one(&address);
    until("every attempt is made", || {
        let record = &stage.records("tried", &[&sub])[&sub];
        record["deliveries"]["webhook"]["attempts"] == 3
    });
    // The attempts were for the webhook alone.
    for name in APIS {
        assert_eq!(stage.contact(name, &address)["told"], 1, "{name}");
    }
    stage.platforms.fail(&json!([]));
    stage.repair();
    stage.settled(&[&sub]);
    let seen = stage.platforms.seen("webhook");
    let statuses: Vec<&Value> = seen.iter().map(|request| &request["status"]).collect();
    assert_eq!(statuses, [500, 500, 500, 204]);
    assert_eq!(welcomes(|to| to == address).len(), 1);
}

/// How many people are confirmed, each ten times.
const PEOPLE: usize = 100;

#[test]
fn a_thousand_events_for_a_hundred_people_are_a_hundred_records_and_mails() {
    // Welcomes alone: the platforms' servers are not what is tried here.
    let project = Project::starter();
    // The emulator ends the functions of a name in every account when one of them is configured anew.
    project.edit("project: starter", "project: crowd");
    let (function, table) = ("crowd-local-confirm-user", "crowd-local-permissions");
    project.deploy();
    let fixture = repository().join("lambdas/triggers/fixtures/post-confirmation.json");
    let fixture: Value = serde_json::from_slice(&std::fs::read(fixture).unwrap()).unwrap();
    let domain = format!("many-{}.test", project.account);
    let events: Vec<Value> = (0..PEOPLE)
        .map(|number| {
            let mut event = fixture.clone();
            let sub = format!("00000000-0000-4000-8000-{number:012}");
            let attributes = &mut event["request"]["userAttributes"];
            attributes["sub"] = json!(sub);
            attributes["email"] = json!(format!("person-{number}@{domain}"));
            event["userName"] = json!(sub);
            event
        })
        .collect();
    let subs: Vec<&str> = events
        .iter()
        .map(|event| event["userName"].as_str().unwrap())
        .collect();
    let endpoint_url = &Cloud::shared().endpoint_url;
    let arguments = [endpoint_url.as_str(), &project.account, function];
    let errors = python("confirm_many.py", &arguments, &json!(events));
    assert_eq!(errors, json!([]));

    let arguments = [endpoint_url.as_str(), &project.account, table, "settled"];
    let records = python("records.py", &arguments, &json!(subs));
    for sub in &subs {
        let record = &records[sub];
        assert!(record["pk"].is_string(), "no record of {sub}");
        assert_eq!(record["pending"], Value::Null, "{record}");
    }
    let everything = project.client("dynamodb", "scan", json!({ "TableName": table }));
    let is_user = |item: &&Value| item["pk"]["S"].as_str().unwrap().starts_with("USER#");
    let users = everything["Items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(is_user);
    assert_eq!(users.count(), PEOPLE);
    let mail = welcomes(|to| to.ends_with(&domain));
    let receivers: BTreeSet<String> = mail.iter().map(|mail| mail["to"].to_string()).collect();
    assert_eq!((mail.len(), receivers.len()), (PEOPLE, PEOPLE));
}

#[test]
fn a_function_killed_in_the_middle_of_a_delivery_is_made_up_for() {
    let stage = Stage::deployed();
    stage.without_retries();
    let address = stage.address("ada");
    let fail = |fault| {
        let faults = json!([{ "platform": "webhook", "fault": fault }]);
        stage.platforms.fail(&faults);
    };
    // All but the webhook is done first, so that nothing else is in the middle of anything.
    fail("500");
    let sub = stage.sign_up_one(&address);
    let record = &stage.records("tried", &[&sub])[&sub];
    assert_eq!(record["pending"], json!(["webhook"]), "{record}");

    fail("slow");
    stage.repair();
    until("the webhook is being told", || {
        stage.platforms.seen("webhook").len() == 2
    });
    let killed = processes(&stage.project.account);
    assert!(!killed.is_empty(), "the function runs");
    for pid in killed {
        signal(pid, "KILL");
    }
    stage.platforms.fail(&json!([]));

    // Whoever comes now finds it claimed: the dead could still be at it.
    let repaired = stage.repair();
    assert_eq!(repaired["owed"][0]["handed_over"], true, "{repaired}");
    let payload = json!({ "saasauth": "deliver", "sub": sub }).to_string();
    let parameters = json!({ "FunctionName": FUNCTION, "Payload": payload });
    let answer = stage.project.client("lambda", "invoke", parameters);
    assert_eq!(answer["FunctionError"], "Unhandled", "{answer}");
    let record = &stage.records("now", &[&sub])[&sub];
    assert_eq!(record["pending"], json!(["webhook"]), "{record}");
    let standing = &record["deliveries"]["webhook"];
    assert_eq!(standing["state"], "claimed", "{record}");
    assert_eq!(standing["attempts"], 2, "{record}");
    assert_eq!(stage.platforms.seen("webhook").len(), 2);

    // A minute later.
    stage.change(
        &sub,
        "SET deliveries.webhook.#until = :past",
        json!({ "#until": "until" }),
        json!({ ":past": { "S": "2026-01-01T00:00:00Z" } }),
    );
    stage.repair();
    stage.settled(&[&sub]);
    assert_eq!(stage.platforms.seen("webhook").len(), 3);
    for name in PLATFORMS {
        assert_eq!(stage.contact(name, &address)["told"], 1, "{name}");
    }
    assert_eq!(welcomes(|to| to == address).len(), 1);
}

/// The processes of confirmUser in an account: the emulator starts them from one folder for all accounts,
/// so what tells them apart is their environment.
fn processes(account: &str) -> Vec<u32> {
    let listed = run(Command::new("ps").args(["axeww", "-o", "pid=,command="])).expect(0);
    let is_ours = |line: &&str| {
        line.contains("/bootstrap ")
            && line.contains(&format!("AWS_ACCESS_KEY_ID={account} "))
            && line.contains(&format!("AWS_LAMBDA_FUNCTION_NAME={FUNCTION} "))
    };
    let pid = |line: &str| line.split_whitespace().next().unwrap().parse().unwrap();
    listed.stdout.lines().filter(is_ours).map(pid).collect()
}

#[test]
fn a_rotated_secret_is_in_use_without_a_deploy() {
    let stage = Stage::deployed();
    let (ada, bob) = (stage.address("ada"), stage.address("bob"));
    let sub = stage.sign_up_one(&ada);
    stage.settled(&[&sub]);

    stage.project.set_secret("hubspot", "rotated");
    stage.platforms.accept("hubspot", "rotated");
    let sub = stage.sign_up_one(&bob);
    stage.settled(&[&sub]);
    let seen = stage.platforms.seen("hubspot");
    let line = |one: &Value| {
        (
            one["headers"]["authorization"].clone(),
            one["status"].clone(),
        )
    };
    let used: Vec<(Value, Value)> = seen.iter().map(line).collect();
    let bearer = |key: &str| json!(format!("Bearer {key}"));
    let (old, new) = (bearer(&key("hubspot")), bearer("rotated"));
    assert_eq!(used.first(), Some(&(old.clone(), json!(200))));
    assert_eq!(used.last(), Some(&(new, json!(200))));
    // The process that remembered the old one was refused once; another never knew it.
    let refused: Vec<_> = used[1..used.len() - 1].iter().collect();
    assert!(
        refused.is_empty() || refused == [&(old, json!(401))],
        "{used:?}"
    );
    assert_eq!(stage.contact("hubspot", &bob)["told"], 1);
}

/// The queue where Lambda sends what it gave up.
const QUEUE: &str = "starter-local-confirm-user-failures";

impl Stage {
    fn queue_url(&self) -> Value {
        let named = json!({ "QueueName": QUEUE });
        self.project.client("sqs", "get_queue_url", named)["QueueUrl"].take()
    }

    /// How many messages anybody who looks would find.
    fn waiting(&self) -> u32 {
        let asked = json!({ "QueueUrl": self.queue_url(), "AttributeNames": ["All"] });
        let answer = self.project.client("sqs", "get_queue_attributes", asked);
        let count = &answer["Attributes"]["ApproximateNumberOfMessages"];
        count.as_str().unwrap().parse().unwrap()
    }

    /// Sends a text to the queue.
    fn send(&self, body: &Value) {
        let body = match body {
            Value::String(text) => text.clone(),
            document => document.to_string(),
        };
        let message = json!({ "QueueUrl": self.queue_url(), "MessageBody": body });
        self.project.client("sqs", "send_message", message);
    }

    /// What Lambda sends of an invocation that it gave up: developer guide, "Capturing records of Lambda asynchronous
    /// invocations", the example of an SQS queue.
    fn given_up(&self, payload: &Value) -> Value {
        let account = &self.project.account;
        json!({
            "version": "1.0",
            "timestamp": "2026-11-14T18:16:05.568Z",
            "requestContext": {
                "requestId": "e4b46cbf-b738-4880-8880-a18cdf61200e",
                "functionArn": format!("arn:aws:lambda:eu-west-1:{account}:function:{FUNCTION}:$LATEST"),
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 3,
            },
            "requestPayload": payload,
            "responseContext": {
                "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled",
            },
            "responsePayload": { "errorMessage": "…", "errorType": "Left" },
        })
    }
}

#[test]
fn what_outlasts_lambdas_retries_is_in_a_queue_and_repair_delivers_it() {
    let stage = Stage::deployed();
    let address = stage.address("ada");
    let down = json!([{ "platform": "webhook", "fault": "500" }]);
    stage.platforms.fail(&down);
    let sub = stage.sign_up_one(&address);
    until("Lambda gives up", || stage.waiting() == 1);
    let record = &stage.records("now", &[&sub])[&sub];
    assert_eq!(record["deliveries"]["webhook"]["attempts"], 3, "{record}");
    assert_eq!(stage.platforms.seen("webhook").len(), 3);
    let shown = stage.project.client(
        "sqs",
        "receive_message",
        json!({ "QueueUrl": stage.queue_url(), "VisibilityTimeout": 0 }),
    );
    let body: Value = serde_json::from_str(shown["Messages"][0]["Body"].as_str().unwrap()).unwrap();
    assert_eq!(
        body["requestPayload"],
        json!({ "saasauth": "deliver", "sub": sub })
    );

    // What others put there stays there, whatever it is.
    stage.send(&json!("hello"));
    let deliver = json!({ "saasauth": "deliver", "sub": sub });
    let mut foreign = stage.given_up(&deliver);
    foreign["requestContext"]["functionArn"] = json!("arn:\u{1b}[2Jelsewhere");
    stage.send(&foreign);

    let dry = stage
        .project
        .run(&["repair", "--dry-run", "--json"])
        .expect(0);
    let counted =
        json!({ "messages": 3, "handed_over": 0, "settled": 0, "left": [], "more": false });
    assert_eq!(dry.json()["queue"], counted);
    assert_eq!(stage.waiting(), 3);

    stage.platforms.fail(&json!([]));
    let repaired = stage.repair();
    let queue = &repaired["queue"];
    assert_eq!(
        (&queue["messages"], &queue["handed_over"]),
        (&json!(3), &json!(1)),
        "{repaired}"
    );
    assert_eq!(queue["left"].as_array().unwrap().len(), 2, "{repaired}");
    stage.settled(&[&sub]);
    assert_eq!(stage.contact("webhook", &address)["told"], 1);
    assert_eq!(welcomes(|to| to == address).len(), 1);
    assert_eq!(stage.waiting(), 2, "both can be looked at");

    // Its work was done by then: nobody is told again.
    stage.send(&stage.given_up(&deliver));
    let asked = stage.platforms.seen("webhook").len();
    let again = stage.project.run(&["repair"]).expect(0);
    let told = &again.stderr;
    assert!(
        told.contains(
            "3 messages of what Lambda gave up: 1 done with meanwhile, 2 left in the queue"
        ),
        "{again:?}"
    );
    assert!(
        told.contains("no record of an invocation by Lambda"),
        "{again:?}"
    );
    assert!(
        told.contains("it is about `arn:\\u{1b}[2Jelsewhere`"),
        "{again:?}"
    );
    assert!(!told.contains('\u{1b}'), "{again:?}");
    assert_eq!(stage.waiting(), 2);
    assert_eq!(stage.platforms.seen("webhook").len(), asked);

    let deployed = stage.project.deploy();
    assert_eq!(deployed["changes"], json!([]), "{deployed}");
    stage.project.run(&["destroy"]).expect(0);
    nothing_is_left(&stage.project).unwrap();
}

#[test]
fn a_confirmation_that_lambda_gave_up_is_made_by_repair() {
    let stage = Stage::deployed();
    let ada = stage.address("ada");
    let sub = stage.project.admin_made(&ada, PASSWORD);
    let confirm = |pool: &Value, sub: &str| {
        // What it says of the user is not what is done: no address is proved by it.
        let attributes =
            json!({ "sub": sub, "email": "boss@example.com", "email_verified": "true" });
        let event = json!({
            "triggerSource": "PostConfirmation_ConfirmSignUp", "userPoolId": pool,
            "request": { "userAttributes": attributes },
        });
        stage.given_up(&json!({ "saasauth": "confirm", "event": event }))
    };
    let pool = &stage.outputs["user_pool_id"];
    stage.send(&confirm(pool, &sub));
    stage.send(&confirm(pool, "00000000-0000-4000-8000-000000000000"));
    stage.send(&confirm(&json!("eu-west-1_Other"), &sub));
    let repaired = stage.repair();
    let queue = &repaired["queue"];
    assert_eq!(
        (&queue["handed_over"], &queue["settled"]),
        (&json!(1), &json!(1)),
        "{repaired}"
    );
    let reason = queue["left"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("eu-west-1_Other"), "{repaired}");
    stage.settled(&[&sub]);
    let record = &stage.records("now", &[&sub])[&sub];
    assert_eq!(record["email"], json!(ada), "{record}");
    assert!(record["confirmed_at"].is_string(), "{record}");
    assert_eq!(stage.waiting(), 1);
}

#[test]
fn a_stage_without_the_queue_is_repaired_as_before() {
    let stage = Stage::deployed();
    let resource = |id: &str| {
        let key =
            json!({ "pk": { "S": "starter#local" }, "sk": { "S": format!("RESOURCE#{id}") } });
        json!({ "TableName": "saasauth-ledger", "Key": key })
    };
    // As an earlier version left it.
    let queue = stage.queue_url();
    let delete = |url: &Value| {
        let url = json!({ "QueueUrl": url });
        stage.project.client("sqs", "delete_queue", url);
    };
    delete(&queue);
    let without_record = || {
        let record = resource("ConfirmUserFailures");
        stage.project.client("dynamodb", "delete_item", record);
    };
    without_record();
    stage.without_retries();
    let down = json!([{ "platform": "webhook", "fault": "500" }]);
    stage.platforms.fail(&down);
    let sub = stage.sign_up_one(&stage.address("ada"));
    stage.records("tried", &[&sub]);
    stage.platforms.fail(&json!([]));
    let dry = stage.project.run(&["repair", "--dry-run"]).expect(0);
    assert_eq!(dry.stderr.matches("adds a queue").count(), 1, "{dry:?}");
    let repaired = stage.repair();
    assert_eq!(repaired["queue"], Value::Null, "{repaired}");
    assert_eq!(repaired["owed"][0]["handed_over"], true, "{repaired}");
    stage.settled(&[&sub]);

    let deployed = stage.project.deploy();
    let changes = deployed["changes"].as_array().unwrap();
    let changed: Vec<&Value> = changes.iter().map(|change| &change["logical_id"]).collect();
    assert_eq!(
        changed,
        ["ConfirmUserFailures", "ConfirmUserRetries"],
        "{deployed}"
    );
    assert_eq!(stage.repair()["queue"]["messages"], 0);

    // Deleted by somebody, and the ledger still has it.
    delete(&queue);
    let repaired = stage.project.run(&["repair"]).expect(0);
    assert!(repaired.stderr.contains("adds a queue"), "{repaired:?}");
}
