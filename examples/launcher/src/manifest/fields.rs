//! Takes a TOML table apart and takes note of everything that is wrong with it.

use toml::{Table, Value};

use super::problem::Problem;

/// The keys of one table; what is left over in the end is unknown.
pub(super) struct Fields<'p> {
    place: String,
    table: Table,
    known: Vec<&'static str>,
    problems: &'p mut Vec<Problem>,
}

impl<'p> Fields<'p> {
    pub(super) const fn new(place: String, table: Table, problems: &'p mut Vec<Problem>) -> Self {
        Self { place, table, known: Vec::new(), problems }
    }

    /// The value of a key, if it is there and can be read.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Value) -> Result<T, String>,
    ) -> Option<T> {
        self.known.push(key);
        let value = self.table.remove(key)?;
        match read(value) {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.problem(format!("{key}: {wrong}"));
                None
            }
        }
    }

    /// The value of a key that must be there.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Value) -> Result<T, String>,
    ) -> Option<T> {
        if !self.table.contains_key(key) {
            self.known.push(key);
            self.problem(format!("{key} is missing"));
            return None;
        }
        self.optional(key, read)
    }

    /// Takes note of something that is wrong with the table as a whole.
    pub(super) fn problem(&mut self, message: String) {
        self.problems.push(Problem { place: self.place.clone(), message });
    }

    /// Everything that was not asked for is a mistake.
    pub(super) fn finish(self) {
        for key in self.table.keys() {
            let known = self.known.join(", ");
            let message = format!("unknown key `{key}`; known keys are {known}");
            self.problems.push(Problem { place: self.place.clone(), message });
        }
    }
}

/// A text.
pub(super) fn text(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(format!("a text in quotes is needed, not {}", named(&other))),
    }
}

/// A whole number of at least `least`.
pub(super) fn whole(value: &Value, least: u64) -> Result<u64, String> {
    let wrong = || format!("a whole number of at least {least} is needed");
    match value {
        Value::Integer(number) => {
            u64::try_from(*number).ok().filter(|number| *number >= least).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

/// A whole number of at least `least` that fits 32 bits.
pub(super) fn whole_u32(value: &Value, least: u32) -> Result<u32, String> {
    let number = whole(value, u64::from(least))?;
    u32::try_from(number).map_err(|_| format!("a number of at most {} is needed", u32::MAX))
}

/// A number of at least 1.
pub(super) fn factor(value: &Value) -> Result<f64, String> {
    let number = match value {
        Value::Float(number) => Some(*number),
        Value::Integer(number) => i32::try_from(*number).ok().map(f64::from),
        _ => None,
    };
    number
        .filter(|number| number.is_finite() && *number >= 1.0)
        .ok_or_else(|| "a number of at least 1 is needed".to_owned())
}

/// True or false.
pub(super) fn switch(value: &Value) -> Result<bool, String> {
    match value {
        Value::Boolean(is_on) => Ok(*is_on),
        _ => Err("true or false is needed, without quotes".to_owned()),
    }
}

/// A list of texts.
pub(super) fn texts(value: Value) -> Result<Vec<String>, String> {
    match value {
        Value::Array(items) => items.into_iter().map(text).collect(),
        other => Err(format!("a list of texts is needed, not {}", named(&other))),
    }
}

fn named(value: &Value) -> String {
    format!("a value of type {}", value.type_str())
}
