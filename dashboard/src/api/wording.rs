//! What the reader of JSON says about a value, in the words of those who write JSON.

use std::borrow::Cow;

/// A complaint about a value without the names that its type has in here.
pub(crate) fn in_json_words(text: &str) -> String {
    let Some((found, expected)) = text.rsplit_once(EXPECTED) else { return text.to_owned() };
    let (expected, place) = match expected.rfind(" at line ") {
        Some(at) => expected.split_at_checked(at).unwrap_or((expected, "")),
        None => (expected, ""),
    };
    format!("{}{EXPECTED}{}{place}", shown(found), wanted(expected))
}

/// What was found instead.
fn shown(found: &str) -> Cow<'_, str> {
    let Some((before, kind)) = found.rsplit_once("invalid type: ") else { return found.into() };
    let kind: Cow<'_, str> = match kind {
        "map" => "an object".into(),
        "sequence" => "a list".into(),
        "unit value" | "Option value" => "null".into(),
        kind => {
            match kind.strip_prefix("floating point ").or_else(|| kind.strip_prefix("integer ")) {
                Some(number) => format!("the number {number}").into(),
                None => kind.into(),
            }
        }
    };
    format!("{before}invalid type: {kind}").into()
}

/// What it should be.
fn wanted(expected: &str) -> &str {
    let is = |beginnings: &[&str]| beginnings.iter().any(|begin| expected.starts_with(begin));
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of 0 or more",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        "unit" | "unit struct" => "null",
        "string or map" => "a string or an object",
        "a sequence" => "a list",
        _ if is(&["struct ", "a map", "map", "internally tagged enum "]) => "an object",
        _ if is(&["enum ", "variant identifier"]) => "one of its names",
        _ if is(&["tuple ", "a tuple "]) => "a list",
        expected => expected,
    }
}

const EXPECTED: &str = ", expected ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_types_are_told_in_json() {
        for (said, told) in [
            (
                "invalid type: string \"x\", expected struct Order at line 1 column 3",
                "invalid type: string \"x\", expected an object at line 1 column 3",
            ),
            (
                "invalid type: floating point `1.5`, expected u32",
                "invalid type: the number `1.5`, expected a whole number of 0 or more",
            ),
            (
                "`x`: invalid type: sequence, expected a map at line 1 column 0",
                "`x`: invalid type: a list, expected an object at line 1 column 0",
            ),
            (
                "invalid value: integer `-1`, expected u64",
                "invalid value: integer `-1`, expected a whole number of 0 or more",
            ),
            (
                "unknown field `a`, expected `reason` or `freeze_timers` at line 1 column 4",
                "unknown field `a`, expected `reason` or `freeze_timers` at line 1 column 4",
            ),
            ("missing field `filter`", "missing field `filter`"),
        ] {
            assert_eq!(in_json_words(said), told);
        }
    }
}
