//! A real HTTP server that stands for the marketing platforms, and the project that tells them.

use std::io::{PipeWriter, Write};
use std::process::{Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};

use super::command::{Started, run, start};
use super::project::Project;
use super::python::script;

/// Every platform there is.
pub(crate) const PLATFORMS: [&str; 5] = ["beehiiv", "hubspot", "kit", "mailchimp", "webhook"];

/// The server; `tests/python/platforms.py` says what it does.
pub(crate) struct Platforms {
    /// The platforms stand below it, by their names.
    pub(crate) url: String,
    /// Refuses every connection until [`Platforms::listen`].
    pub(crate) unheard: String,
    _server: Started,
    /// It ends when its input does, so it doesn't outlive this process.
    _input: PipeWriter,
}

impl Platforms {
    pub(crate) fn start() -> Self {
        let (mut server, input) = start_with_input(&mut script("platforms.py"));
        let said: Value = serde_json::from_str(&server.line()).unwrap();
        let platforms = Self {
            url: said["url"].as_str().unwrap().to_owned(),
            unheard: said["unheard"].as_str().unwrap().to_owned(),
            _server: server,
            _input: input,
        };
        for name in PLATFORMS {
            platforms.accept(name, &key(name));
        }
        platforms
    }

    /// Has a platform take this key and no other.
    pub(crate) fn accept(&self, name: &str, key: &str) {
        self.ask(Method::PUT, "keys", &json!({ name: key }));
    }

    /// Has the platforms fail in these ways, and no longer in others.
    pub(crate) fn fail(&self, faults: &Value) {
        self.ask(Method::PUT, "faults", faults);
    }

    /// Opens the address that refused every connection.
    pub(crate) fn listen(&self) {
        self.ask(Method::PUT, "listen", &Value::Null);
    }

    /// Every request a platform has had, in order.
    pub(crate) fn seen(&self, name: &str) -> Vec<Value> {
        let Value::Array(mut seen) = self.ask(Method::GET, "seen", &Value::Null) else {
            panic!("no list");
        };
        seen.retain(|request| request["platform"] == name);
        seen
    }

    /// Whom the platforms know: name, address, and what they know.
    pub(crate) fn contacts(&self) -> Value {
        self.ask(Method::GET, "contacts", &Value::Null)
    }

    fn ask(&self, method: Method, path: &str, body: &Value) -> Value {
        ask(method, &format!("{}/_/{path}", self.url), Some(body))
    }
}

/// Sends a JSON document, if any, and reads the one it is answered with.
pub(crate) fn ask(method: Method, url: &str, body: Option<&Value>) -> Value {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    runtime.block_on(async {
        let mut request = client.request(method, url);
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.unwrap().json().await.unwrap()
    })
}

/// Starts a program that is told something later: its input ends when the writer is dropped.
pub(crate) fn start_with_input(command: &mut Command) -> (Started, PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    (start(command.stdin(Stdio::from(reader))), writer)
}

/// The first key of a platform. The end is where Mailchimp's say their data centre.
pub(crate) fn key(name: &str) -> String {
    format!("{name}-key-us6")
}

impl Project {
    /// Has users who opt in be told to every platform, over there.
    pub(crate) fn tells(&self, platforms: &Platforms) {
        let url = &platforms.url;
        let marketing = format!(
            r#"marketing:
  opt_in: marketing_opt_in
  mailchimp:
    list: a1b2c3d4e5
    api_key: "ssm:/starter/mailchimp"
    double_opt_in: true
    tags: [signup, trial]
    fields: {{ FNAME: name, COMPANY: company }}
    endpoint: {url}/mailchimp
  hubspot:
    token: "ssm:/starter/hubspot"
    fields: {{ firstname: name, company: company }}
    endpoint: {url}/hubspot
  beehiiv:
    publication: pub_00000000-0000-0000-0000-000000000000
    api_key: "ssm:/starter/beehiiv"
    tags: [signup]
    fields: {{ Company: company }}
    endpoint: {url}/beehiiv
  kit:
    form: "1234567"
    api_key: "ssm:/starter/kit"
    tags: [signup]
    fields: {{ first_name: name, last_name: company }}
    endpoint: {url}/kit
  webhook: {{ url: "{url}/webhook", secret: "ssm:/starter/webhook" }}

tags: "#
        );
        self.edit("tags: ", &marketing);
    }

    /// Sets the secrets of all platforms.
    #[track_caller]
    pub(crate) fn set_secrets(&self) {
        for name in PLATFORMS {
            self.set_secret(name, &key(name));
        }
    }

    /// Sets the secret of a platform.
    #[track_caller]
    pub(crate) fn set_secret(&self, name: &str, value: &str) {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(value.as_bytes()).unwrap();
        drop(writer);
        let name = format!("/starter/{name}");
        let mut command = self.command(&["secret", "set", &name]);
        run(command.stdin(Stdio::from(reader))).expect(0);
    }
}
