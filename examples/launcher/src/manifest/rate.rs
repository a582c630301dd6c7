//! Rates of transfer as people write them.

use toml::Value;

use super::fields::whole;

/// Reads bytes a second: a whole number of them, or a text such as `2MiB/s`, `1.5MB/s` or `800kB/s`.
pub(super) fn read(value: &Value) -> Result<u64, String> {
    match value {
        Value::String(text) => parse(text),
        other => whole(other, 0).map_err(|_| {
            "a number of bytes a second is needed, or for example \"2MiB/s\"; 0 is no limit"
                .to_owned()
        }),
    }
}

fn parse(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a rate; write for example \"2MiB/s\" or \"800kB/s\"");
    let amount = text.strip_suffix("/s").ok_or_else(wrong)?;
    let digits = amount.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
    let (number, unit) = amount.split_at_checked(digits).ok_or_else(wrong)?;
    let unit: f64 = match unit {
        "B" => 1.0,
        "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let bytes = number * unit;
    if bytes > 0.0 && bytes < 1.0 {
        return Err(format!("`{text}` is less than a byte a second; write 0 for no limit"));
    }
    if bytes > FASTEST {
        return Err(format!("`{text}` is more than any line has; write 0 for no limit"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it lies between 0 and a number far below 2^53"
    )]
    let bytes = bytes as u64;
    Ok(bytes)
}

/// A terabyte a second.
const FASTEST: f64 = 1e12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_numbers_of_bytes_or_have_a_unit() {
        let text = |text: &str| Value::String(text.to_owned());
        for (value, bytes) in [
            (Value::Integer(0), 0),
            (Value::Integer(12_345), 12_345),
            (text("0B/s"), 0),
            (text("1B/s"), 1),
            (text("800kB/s"), 800_000),
            (text("1.5MB/s"), 1_500_000),
            (text("1GB/s"), 1_000_000_000),
            (text("64KiB/s"), 65_536),
            (text("2MiB/s"), 2_097_152),
            (text("0.5GiB/s"), 536_870_912),
        ] {
            assert_eq!(read(&value), Ok(bytes), "{value:?}");
        }
        for value in [
            Value::Integer(-1),
            Value::Float(1.5),
            Value::Boolean(true),
            text(""),
            text("2"),
            text("2MiB"),
            text("2 MiB/s"),
            text("-2MiB/s"),
            text("2MiB/h"),
            text("2Mbit/s"),
            text("MiB/s"),
            text("1.2.3MB/s"),
            text("0.1B/s"),
            text("9999999GiB/s"),
        ] {
            assert!(read(&value).is_err(), "{value:?}");
        }
    }
}
