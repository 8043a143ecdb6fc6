//! An emulator of a test's own, whose functions find AWS somewhere else: at whatever the test puts in
//! between.

use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

use reqwest::Method;
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
        let mut command = Command::new(executable);
        command.env_clear();
        for name in ["PATH", "HOME", "LANG", "PYTHONPATH", "LD_LIBRARY_PATH"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        // As the local cloud starts it, but for the first.
        let process = command
            .env("AUTH", checks.to_string())
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", address.port().to_string())
            .env("LOG_LEVEL", "WARNING")
            .env("TMPDIR", &scratch)
            .env("STATE_DIR", scratch.join("state"))
            .env("S3_DATA_DIR", scratch.join("s3"))
            .env("AWS_ENDPOINT_URL", endpoint_url)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("MINISTACK_COGNITO_PRETOKEN_STRICT", "1")
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFTP_ENABLED", "0")
            .env("DOCKER_HOST", "unix:///nonexistent/no-docker.sock")
            .current_dir(&scratch)
            .process_group(0)
            .stdin(Stdio::null())
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
