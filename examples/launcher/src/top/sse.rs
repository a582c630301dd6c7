//! Server-sent events, taken apart as they come in.

/// An event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its name; empty if it has none.
    pub(crate) name: String,
    /// What it carries.
    pub(crate) data: String,
}

/// More than any view takes; whoever sends more is no dashboard.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// A line or an event that does not end.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server sends an event that does not end; check the address")]
pub(crate) struct Endless;

/// What has come in of the next event.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    event: Event,
    has_data: bool,
    /// A line feed now belongs to the carriage return before it.
    is_after_return: bool,
}

impl Parser {
    /// Takes bytes in, wherever they are cut, and gives the events that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, Endless> {
        let mut events = Vec::new();
        for byte in bytes {
            let is_second = std::mem::replace(&mut self.is_after_return, *byte == b'\r');
            match byte {
                b'\n' if is_second => {}
                b'\r' | b'\n' => events.extend(self.end_line()),
                byte => self.line.push(*byte),
            }
        }
        if self.line.len() + self.event.data.len() > BYTES_MAX {
            return Err(Endless);
        }
        Ok(events)
    }

    /// The event that a line completes, if it does.
    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let line = String::from_utf8_lossy(&line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field.trim_start_matches('\u{feff}') {
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // Comments are heartbeats; ids are for those who take a stream up again.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.to_owned(), data: data.to_owned() }
    }

    const STREAM: &str = "\u{feff}event: snapshot\ndata: {\"a\":\"ä\"}\nid: 7\n\n: heartbeat\n\n\
        event:patch\r\ndata:one\r\ndata: two\r\n\r\nretry: 5\r\revent: empty\n\ndata\n\ndata: cut";

    #[test]
    fn events_are_the_same_wherever_the_bytes_are_cut() {
        let expected =
            vec![event("snapshot", "{\"a\":\"ä\"}"), event("patch", "one\ntwo"), event("", "")];
        for size in 1..=STREAM.len() {
            let mut parser = Parser::default();
            let pieces = STREAM.as_bytes().chunks(size);
            let found: Vec<Event> = pieces.flat_map(|piece| parser.push(piece).unwrap()).collect();
            assert_eq!(found, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn what_does_not_end_is_not_kept() {
        let mut parser = Parser::default();
        let piece = vec![b'x'; BYTES_MAX / 2];
        assert_eq!(parser.push(&piece), Ok(vec![]));
        assert_eq!(parser.push(&piece), Ok(vec![]));
        assert_eq!(parser.push(b"x"), Err(Endless));
    }
}
