//! The file that says where the launcher at work on a data directory serves its dashboard.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::place::DataDir;

/// Where the dashboard of a data directory is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The process.
    pub(crate) pid: u32,
}

impl Running {
    /// This process, listening there.
    pub(crate) fn here(address: SocketAddr) -> Self {
        Self { address, pid: std::process::id() }
    }

    /// The same as this machine reaches it: what listens everywhere listens on the loopback.
    pub(crate) fn reachable(&self) -> SocketAddr {
        let mut address = self.address;
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        address
    }

    /// Says so to other processes of this user; call it once the port is open.
    pub(crate) fn write(&self, data: &DataDir) -> io::Result<()> {
        let (path, draft) = (data.running(), data.path().join("dashboard.json.tmp"));
        // What a crash left there, or a link that somebody put there.
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&draft)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        drop(file);
        // Whoever reads it meanwhile reads all of the old one or all of the new one.
        fs::rename(draft, path)
    }

    /// What the launcher at work said; none if it said nothing that can be read.
    pub(crate) fn read(data: &DataDir) -> Option<Self> {
        serde_json::from_slice(&fs::read(data.running()).ok()?).ok()
    }

    /// Takes it back when the port is closed, unless another process has written since.
    pub(crate) fn remove(&self, data: &DataDir) {
        if Self::read(data).as_ref() == Some(self) {
            // Left there it is told from a live one by the lock of the journal.
            drop(fs::remove_file(data.running()));
        }
    }
}

/// The token that opens the dashboard of a data directory.
pub(crate) fn token(data: &DataDir) -> io::Result<String> {
    fs::read_to_string(data.token()).map(|token| token.trim().to_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn what_listens_everywhere_is_reached_on_the_loopback() {
        for (address, reached) in [
            ("0.0.0.0:7878", "127.0.0.1:7878"),
            ("[::]:7878", "[::1]:7878"),
            ("192.168.1.5:7878", "192.168.1.5:7878"),
        ] {
            let running = Running::here(address.parse().unwrap());
            assert_eq!(running.reachable(), reached.parse().unwrap());
        }
    }

    #[test]
    fn what_is_written_is_read_by_its_owner_until_it_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::prepare(folder.path()).unwrap();
        assert_eq!(Running::read(&data), None);
        let old = Running { address: "127.0.0.1:1".parse().unwrap(), pid: 1 };
        old.write(&data).unwrap();
        let running = Running::here("127.0.0.1:7878".parse().unwrap());
        running.write(&data).unwrap();
        assert_eq!(Running::read(&data), Some(running));
        let text = fs::read_to_string(data.running()).unwrap();
        let pid = std::process::id();
        assert_eq!(text, format!(r#"{{"address":"127.0.0.1:7878","pid":{pid}}}"#));
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            assert_eq!(fs::metadata(data.running()).unwrap().mode() & 0o777, 0o600);
        }
        old.remove(&data);
        assert_eq!(Running::read(&data), Some(running), "it is not the other one's to remove");
        running.remove(&data);
        assert_eq!(Running::read(&data), None);
        fs::write(data.running(), "{").unwrap();
        assert_eq!(Running::read(&data), None);
    }
}
