//! Errors for people.

use std::error::Error;

/// An error with all that caused it, in one line.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Seq;
    use crate::store::ReadError;

    #[test]
    fn every_cause_is_told_in_its_order() {
        let source = std::io::Error::other("the cable is out");
        let error = ReadError::Io { seq: Seq::new(7), source };
        let text = with_causes(&error);
        assert_eq!(text, format!("{error}: the cable is out"));
        let gap = ReadError::Gap { from: Seq::new(1), to: Seq::new(2) };
        assert_eq!(with_causes(&gap), gap.to_string(), "it has none");
    }
}
