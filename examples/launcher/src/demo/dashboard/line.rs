//! What the process with the engine says to the one that watches over it.

use std::fmt;

/// One line of the standard output of the process with the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// The dashboard is there, at this address.
    Open(String),
    /// Somebody wants to see the process killed.
    Kill,
    /// Every run has ended.
    Ended,
}

impl Line {
    /// Reads a line; none if it is something else.
    pub(super) fn read(text: &str) -> Option<Self> {
        match text.split_once(' ') {
            Some(("open", url)) => Some(Self::Open(url.to_owned())),
            None if text == "kill" => Some(Self::Kill),
            None if text == "ended" => Some(Self::Ended),
            _ => None,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(url) => write!(f, "open {url}"),
            Self::Kill => f.write_str("kill"),
            Self::Ended => f.write_str("ended"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        for line in [Line::Open("http://127.0.0.1:1/#token=x".into()), Line::Kill, Line::Ended] {
            assert_eq!(Line::read(&line.to_string()), Some(line));
        }
        for other in ["", "killed", "open", "kill it"] {
            assert_eq!(Line::read(other), None, "{other}");
        }
    }
}
