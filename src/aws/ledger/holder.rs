//! Who holds a lock, and whether that process is still there.

use std::fmt;

/// A person on a machine, and the process there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holder {
    /// `user@host`.
    pub owner: String,
    /// Which process of which machine, so that its end can be seen from there; `None` by an older version, or where that
    /// can't be told.
    pub process: Option<String>,
}

impl Holder {
    /// This process.
    pub fn this() -> Self {
        let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
        let user = user.unwrap_or_else(|_| "unknown".to_owned());
        let host = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        Self {
            owner: format!("{user}@{host}"),
            process: Process::of(std::process::id()).map(|process| process.to_string()),
        }
    }

    /// Whether it was a process of the person we are, on the machine we are on, and is no longer there. Of any other nothing
    /// is known.
    pub(super) fn is_gone(&self) -> bool {
        let process = self.process.as_deref().and_then(Process::read);
        let Some((process, ours)) = process.zip(Process::of(std::process::id())) else {
            return false;
        };
        let is_here = self.owner == Self::this().owner && process.machine == ours.machine;
        is_here && Process::of(process.id).as_ref() != Some(&process)
    }
}

/// One process, told from every other that ever had its number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    /// Which boot of which machine, which of its namespaces of process numbers (two containers may share a host's name), and
    /// which user: another's processes can be hidden.
    machine: String,
    id: u32,
    /// When it started.
    started: String,
}

impl Process {
    /// A running one.
    #[cfg(target_os = "linux")]
    fn of(id: u32) -> Option<Self> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name, in parentheses, may hold anything; after it come the state and, as the 22nd field of all, the start
        // in ticks since the boot (proc(5)).
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace();
        let is_dead = fields
            .next()
            .is_some_and(|state| state == "Z" || state == "X");
        let started = fields.nth(18)?.to_owned();
        (!is_dead).then(|| Self {
            machine: format!("{}/{}/{}", boot.trim(), namespace.display(), user()),
            id,
            started,
        })
    }

    /// A running one.
    #[cfg(not(target_os = "linux"))]
    fn of(id: u32) -> Option<Self> {
        let listed = |what: &str, id: &str| {
            let output = std::process::Command::new("ps")
                .args(["-o", what, "-p", id])
                .env("LC_ALL", "C")
                .output()
                .ok()?;
            let text = String::from_utf8(output.stdout).ok()?;
            let text = text.split_whitespace().collect::<Vec<_>>().join("-");
            (output.status.success() && !text.is_empty()).then_some(text)
        };
        Some(Self {
            // The first process starts with the machine.
            machine: format!("{}/{}", listed("lstart=", "1")?, user()),
            id,
            started: listed("lstart=", &id.to_string())?,
        })
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        Some(Self {
            machine: parts.next()?.to_owned(),
            id: parts.next()?.parse().ok()?,
            started: parts.next()?.to_owned(),
        })
    }
}

fn user() -> u32 {
    rustix::process::getuid().as_raw()
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.machine, self.id, self.started)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn only_a_process_of_ours_here_can_be_seen_to_be_gone() {
        let this = Holder::this();
        assert!(!this.is_gone(), "we are here");
        let mut child = Command::new("sleep").arg("60").spawn().expect("it runs");
        let theirs = Holder {
            process: Process::of(child.id()).map(|process| process.to_string()),
            ..this.clone()
        };
        assert!(!theirs.is_gone());
        child.kill().expect("killed");
        child.wait().expect("ended");
        assert!(theirs.is_gone());

        let process = theirs.process.clone().expect("it was running");
        for unknown in [
            Holder {
                owner: "grace@elsewhere".to_owned(),
                ..theirs.clone()
            },
            Holder {
                process: Some(format!("elsewhere{process}")),
                ..this.clone()
            },
            Holder {
                process: Some("nonsense".to_owned()),
                ..this.clone()
            },
            Holder {
                process: Some(String::new()),
                ..this.clone()
            },
            Holder {
                process: None,
                ..this
            },
        ] {
            assert!(!unknown.is_gone(), "{unknown:?}");
        }
    }

    #[test]
    fn a_number_used_again_is_another_process() {
        let ours = Process::of(std::process::id()).expect("we run");
        let before = Process {
            started: "1".to_owned(),
            ..ours
        };
        let holder = Holder {
            process: Some(before.to_string()),
            ..Holder::this()
        };
        assert!(holder.is_gone());
    }
}
