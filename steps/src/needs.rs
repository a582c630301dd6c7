//! What an attempt needs to be up before it is worth making.

use resurge_journal::ResourceKey;

/// What an attempt needs to be up: all of `every`, and one of `one_of` if there are any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// Each of these.
    pub every: Vec<ResourceKey>,
    /// At least one of these, such as the hosts of mirrors, the preferred one first.
    pub one_of: Vec<ResourceKey>,
}

impl Needs {
    /// Nothing that anybody else could find down.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// This one resource.
    pub fn every(key: ResourceKey) -> Self {
        Self { every: vec![key], ..Self::default() }
    }

    /// The host of an address such as `https://example.org/file`; nothing if it has none.
    ///
    /// The port of the scheme is filled in, so that all who use a host use one key.
    ///
    /// ```
    /// use resurge_steps::Needs;
    ///
    /// let needs = Needs::host_of("https://joe:pw@Example.org/file?token=x");
    /// let keys: Vec<_> = needs.every.iter().map(|key| key.as_str()).collect();
    /// assert_eq!(keys, ["host:https/example.org:443"]);
    /// ```
    pub fn host_of(address: &str) -> Self {
        Self { every: host_key(address).into_iter().collect(), ..Self::default() }
    }

    /// One of these is enough, such as one of several mirrors; a single one is needed for certain.
    pub fn one_of(keys: impl IntoIterator<Item = ResourceKey>) -> Self {
        let mut once: Vec<ResourceKey> = Vec::new();
        for key in keys {
            if !once.contains(&key) {
                once.push(key);
            }
        }
        match once.len() {
            0 | 1 => Self { every: once, ..Self::default() },
            _ => Self { one_of: once, ..Self::default() },
        }
    }

    /// One of the hosts of these addresses is enough.
    pub fn one_host_of<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Self {
        Self::one_of(addresses.into_iter().filter_map(host_key))
    }
}

/// The host of an address, as its key.
pub(crate) fn host_key(address: &str) -> Option<ResourceKey> {
    let (scheme, rest) = address.trim().split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let authority = rest.get(..end)?.rsplit('@').next()?;
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an IPv6 address stand in brackets.
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()),
        _ => (authority, None),
    };
    let port = port.or_else(|| default_port(&scheme))?;
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if host.is_empty() {
        return None;
    }
    ResourceKey::host(&scheme, &host, port).ok()
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        "ftp" => Some(21),
        "ssh" | "sftp" => Some(22),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_one_key_however_it_is_written() {
        for (address, expected) in [
            ("http://a/x", Some("host:http/a:80")),
            ("HTTP://A:80", Some("host:http/a:80")),
            ("https://joe:p%40w@a.b.?q@x", Some("host:https/a.b:443")),
            ("https://[::1]/x", Some("host:https/[::1]:443")),
            ("https://[::1]:8443/x", Some("host:https/[::1]:8443")),
            ("s3://bucket/x", None),
            ("s3://bucket:9000/x", Some("host:s3/bucket:9000")),
            ("http:///x", None),
            ("not an address", None),
        ] {
            assert_eq!(host_key(address).as_ref().map(ResourceKey::as_str), expected, "{address}");
        }
    }

    #[test]
    fn mirrors_on_one_host_are_needed_for_certain() {
        let one = Needs::one_host_of(["http://a/1", "http://a:80/2"]);
        assert_eq!((one.every.len(), one.one_of.len()), (1, 0));
        let two = Needs::one_host_of(["http://a/1", "http://b/2", "nonsense"]);
        assert_eq!((two.every.len(), two.one_of.len()), (0, 2));
    }
}
