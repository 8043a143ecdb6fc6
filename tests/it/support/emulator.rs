//! An emulator of a test's own, whose functions find AWS somewhere else: at whatever the test puts in
//! between.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Stdio};

use reqwest::Method;
use saasauth::local::{Place, emulator_command};
use serde_json::Value;

use super::folders::{folder, guard, until};
use super::platforms::ask;

/// MiniStack.
pub(crate) struct Emulator {
    process: Child,
    pub(crate) endpoint_url: String,
    /// Ends it, and the functions in its group.
    guard: Option<ChildStdin>,
}

impl Emulator {
    /// Functions will look for AWS at `endpoint_url`. When it `checks`, roles may do what their policies
    /// say, and no more.
    pub(crate) fn start(endpoint_url: &str, checks: bool) -> Self {
        let scratch = folder("emulator");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let executable = runtime
            .block_on(saasauth::tools::ensure(
                &saasauth::tools::MINISTACK,
                &|_| {},
            ))
            .unwrap();
        // The port may be taken again before the emulator has it, but hardly by anything here.
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        fs::create_dir(scratch.join("tmp")).unwrap();
        let place = Place::Port(address.port());
        let process = emulator_command(&executable, &scratch, endpoint_url, &place)
            .env("AUTH", checks.to_string())
            // Lambda waits for one minute and then for two before it runs a failed event again. The emulator's own
            // one second and two are over before a slow machine has cleared a fault.
            .env("LAMBDA_ASYNC_RETRY_BASE_SECONDS", "2")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let group = format!("-{}", process.id());
        let guard = guard("kill -s KILL -- \"$1\"", &[&group]);
        until("the emulator listens", || {
            TcpStream::connect(address).is_ok()
        });
        Self {
            process,
            endpoint_url: format!("http://{address}"),
            guard: Some(guard),
        }
    }

    /// What SES has sent for an account, in order.
    pub(crate) fn mail(&self, account: &str) -> Vec<Value> {
        let url = &self.endpoint_url;
        let url = format!("{url}/_ministack/ses/messages?account={account}");
        let answer = ask(Method::GET, &url, None);
        let sent = answer["messages"][account].as_array();
        sent.cloned().unwrap_or_default()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.guard.take());
        let _ = self.process.wait();
    }
}
