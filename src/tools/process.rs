//! Runs one program to its end: its lines as they come, its whole output afterwards, and no process
//! left behind when the caller gives up.
//!
//! Knows nothing of what it runs. Never writes to the terminal.

use std::io;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::unix::pipe;
use tokio::process::Command;

/// How a program ended, and all it wrote.
#[derive(Debug)]
pub(crate) struct FinishedProcess {
    pub(crate) status: ExitStatus,
    /// Standard output and standard error, in the order they were written.
    pub(crate) output: String,
}

/// Runs `command` without a terminal, calling `on_line` with every line it writes.
///
/// Dropping the future kills the program and everything it started.
///
/// # Errors
/// When the program could not be started, or its output not be read.
pub(crate) async fn run(
    mut command: Command,
    on_line: &(dyn Fn(&str) + Send + Sync),
) -> io::Result<FinishedProcess> {
    // One pipe for both streams keeps the order in which a compiler's lines were written.
    let (reader, writer) = io::pipe()?;
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0);
    let mut child = command.spawn()?;
    // The command holds our copies of the writing end; as long as they live the pipe has no end.
    drop(command);
    let mut group = ProcessGroup::of(&child);

    let reader = pipe::Receiver::from_owned_fd(reader.into())?;
    let mut lines = LineReader::default();
    let status = loop {
        tokio::select! {
            ready = reader.readable() => {
                ready?;
                if lines.drain(&reader, on_line)? {
                    break child.wait().await?;
                }
            }
            // A daemon the program left running (a compiler cache's, say) holds the pipe open for
            // hours, so the end of the program counts and not the end of the pipe.
            status = child.wait() => {
                lines.drain(&reader, on_line)?;
                break status?;
            }
        }
    };
    group.forget();
    Ok(FinishedProcess {
        status,
        output: lines.finish(on_line),
    })
}

/// A process group, killed when dropped before [`ProcessGroup::forget`].
struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    fn of(child: &tokio::process::Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    fn forget(&mut self) {
        self.0 = None;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Kill, not a request to end: pip and cargo both recover from it, and nobody is left to
            // wait. A group that has already gone is what we wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Cuts a stream into lines and remembers all of it.
#[derive(Default)]
struct LineReader {
    pending: Vec<u8>,
    output: String,
}

impl LineReader {
    /// Reads what is there now; true at the end of the stream.
    fn drain(
        &mut self,
        reader: &pipe::Receiver,
        on_line: &(dyn Fn(&str) + Send + Sync),
    ) -> io::Result<bool> {
        let mut buffer = [0; 8192];
        loop {
            match reader.try_read(&mut buffer) {
                Ok(0) => return Ok(true),
                Ok(count) => self.push(&buffer[..count], on_line),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn push(&mut self, bytes: &[u8], on_line: &(dyn Fn(&str) + Send + Sync)) {
        self.pending.extend_from_slice(bytes);
        while let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.pending.drain(..=end).collect();
            self.line(&line[..end], on_line);
        }
    }

    fn line(&mut self, bytes: &[u8], on_line: &(dyn Fn(&str) + Send + Sync)) {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end_matches('\r');
        // A progress bar rewrites its line after a carriage return; only its last state is a line.
        let text = text.rsplit('\r').next().unwrap_or(text);
        on_line(text);
        self.output.push_str(text);
        self.output.push('\n');
    }

    fn finish(mut self, on_line: &(dyn Fn(&str) + Send + Sync)) -> String {
        let rest = std::mem::take(&mut self.pending);
        if !rest.is_empty() {
            self.line(&rest, on_line);
        }
        self.output
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::{Duration, Instant};

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn gives_both_streams_in_order_and_whole() {
        let seen = Mutex::new(Vec::new());
        let finished = run(
            shell("echo one; echo two >&2; printf '10%%\\r99%%\\n'; printf three; exit 4"),
            &|line| seen.lock().expect("lock").push(line.to_owned()),
        )
        .await
        .expect("run");
        assert_eq!(*seen.lock().expect("lock"), ["one", "two", "99%", "three"]);
        assert_eq!(finished.output, "one\ntwo\n99%\nthree\n");
        assert_eq!(finished.status.code(), Some(4));
    }

    #[tokio::test]
    async fn does_not_wait_for_a_daemon_that_keeps_the_pipe() {
        let started = Instant::now();
        let finished = run(shell("sleep 30 & echo $!"), &|_| {})
            .await
            .expect("run");
        assert!(started.elapsed() < Duration::from_secs(20));
        let daemon: i32 = finished.output.trim().parse().expect("pid");
        rustix::process::kill_process(Pid::from_raw(daemon).expect("pid"), Signal::KILL)
            .expect("the daemon lives on");
    }

    #[tokio::test]
    async fn dropping_the_future_kills_the_whole_group() {
        let grandchild = Mutex::new(None);
        let note = |line: &str| *grandchild.lock().expect("lock") = line.parse::<i32>().ok();
        tokio::select! {
            _ = run(shell("sleep 60 & echo $!; wait"), &note) => panic!("ended by itself"),
            () = async {
                while grandchild.lock().expect("lock").is_none() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            } => {}
        }
        let pid = grandchild
            .lock()
            .expect("lock")
            .and_then(Pid::from_raw)
            .expect("pid");
        let gone = async {
            while alive(pid) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), gone)
            .await
            .expect("killed");
    }

    /// A killed process nobody has waited for yet still has an id, so its state is asked as well.
    fn alive(pid: Pid) -> bool {
        let output = std::process::Command::new("ps")
            .args(["-o", "stat=", "-p", &pid.as_raw_nonzero().to_string()])
            .output()
            .expect("ps");
        let state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        !state.is_empty() && !state.starts_with('Z')
    }
}
