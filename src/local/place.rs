//! Where an emulator listens.

use std::path::{Path, PathBuf};

/// Where an emulator listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// At a port of the loopback, which every user and every web page of this machine reaches.
    Port(u16),
    /// At a socket in a folder that nobody else can look into.
    Socket(PathBuf),
}

impl Place {
    /// How a client of it begins. No proxy is in between.
    pub(super) fn client(&self) -> reqwest::ClientBuilder {
        let client = reqwest::Client::builder().no_proxy();
        match self {
            Self::Port(_) => client,
            Self::Socket(path) => client.unix_socket(path.as_path()),
        }
    }

    /// What requests are addressed to.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Port(port) => format!("http://127.0.0.1:{port}"),
            // Goes nowhere: the socket does.
            Self::Socket(_) => "http://localhost".to_owned(),
        }
    }

    /// The socket, if it is one.
    pub(super) fn socket(&self) -> Option<&Path> {
        match self {
            Self::Port(_) => None,
            Self::Socket(path) => Some(path),
        }
    }
}
