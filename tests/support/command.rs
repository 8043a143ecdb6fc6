//! Runs programs and keeps what they said.

use std::fmt;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// How a program ended, and what it said.
#[derive(Clone)]
pub(crate) struct Output {
    /// The exit code; after a signal its number, below zero: -9 for SIGKILL.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// Fails the test, with everything that was said, unless the program ended with `code`.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// Standard output as the one JSON document it must be.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not one JSON document: {error}\n{self:?}"))
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            code,
            stdout,
            stderr,
        } = self;
        write!(
            f,
            "exit code {code}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        )
    }
}

/// Our program, told nothing by the environment of the tests but where caches and registries are.
pub(crate) fn saasauth() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_saasauth"));
    clean(&mut command);
    command
}

/// Takes away whatever would make a run depend on the shell that started the tests.
pub(super) fn clean(command: &mut Command) {
    const NAMES: [&str; 6] = [
        "COLUMNS",
        "NO_COLOR",
        "FORCE_COLOR",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "COLORTERM",
    ];
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let ours = text.starts_with("SAASAUTH_") && text != "SAASAUTH_TOOLS_DIR";
        if ours || text.starts_with("AWS_") || NAMES.contains(&text.as_ref()) {
            command.env_remove(name);
        }
    }
    command
        // A developer's own AWS settings stay out of it.
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("USER", "tester")
        .stdin(Stdio::null());
}

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    start(command).end()
}

/// Starts a program and leaves it running.
pub(crate) fn start(command: &mut Command) -> Started {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("could not run {command:?}: {error}"));
    Started { child }
}

/// A running program; killed when dropped.
pub(crate) struct Started {
    child: Child,
}

impl Started {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Reads standard output up to the end of a line.
    pub(crate) fn line(&mut self) -> String {
        let mut line = Vec::new();
        let stdout = self.child.stdout.as_mut().unwrap();
        let mut byte = [0];
        while stdout.read(&mut byte).unwrap() == 1 && byte != *b"\n" {
            line.extend(byte);
        }
        String::from_utf8(line).unwrap()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Output {
        let mut errors = self.child.stderr.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            errors.read_to_end(&mut bytes).map(|_| bytes)
        });
        let mut stdout = Vec::new();
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_end(&mut stdout)
            .unwrap();
        let stderr = reader.join().unwrap().unwrap();
        let status = self.child.wait().unwrap();
        Output {
            code: status.code().or_else(|| Some(-status.signal()?)).unwrap(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process, which may be gone.
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .stderr(Stdio::null())
        .status();
    sent.unwrap();
}
