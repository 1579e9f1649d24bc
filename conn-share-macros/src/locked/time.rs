//! A length of time as people write it: `5s`, `250ms`, `1m30s`.

use std::time::Duration;

const FORM: &str = "write numbers with their units, the larger unit first: `250ms`, `5s`, `1m30s` or `2h`";

pub(super) fn parse_time(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(format!("an empty timeout: {FORM}"));
    }
    let mut total = Duration::ZERO;
    let mut last_unit = u64::MAX;
    while !rest.is_empty() {
        let (number, after) = split_at_first(rest, |c| !c.is_ascii_digit());
        let (unit, after) = split_at_first(after, |c| c.is_ascii_digit());
        rest = after.trim_start();
        let milliseconds = match unit.trim() {
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1_000,
            "ms" => 1,
            "" => return Err(format!("`{number}` has no unit: {FORM}")),
            other => return Err(format!("`{}` is no unit of time: {FORM}", other.escape_debug())),
        };
        if number.is_empty() {
            return Err(format!("no number before `{}`: {FORM}", unit.trim()));
        }
        if milliseconds >= last_unit {
            return Err(format!("`{}` comes after a smaller unit or twice: {FORM}", unit.trim()));
        }
        last_unit = milliseconds;
        let part = number.parse::<u64>().ok().and_then(|count| count.checked_mul(milliseconds));
        let longer = part.and_then(|part| total.checked_add(Duration::from_millis(part)));
        total = longer.ok_or_else(|| "a timeout longer than anything: leave it out to wait for ever".to_owned())?;
    }
    if total.is_zero() {
        return Err("a timeout of nothing would refuse every call that has to wait: write at least `1ms`".to_owned());
    }
    Ok(total)
}

fn split_at_first(text: &str, is_end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(is_end).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, milliseconds: u64) {
        assert_eq!(parse_time(text), Ok(Duration::from_millis(milliseconds)), "{text}");
    }

    fn refuse(text: &str, why: &str) {
        let Err(error) = parse_time(text) else { panic!("{text} was accepted") };
        assert!(error.contains(why), "{text}: {error}");
    }

    #[test]
    fn lengths_that_people_write() {
        check("5s", 5_000);
        check("250ms", 250);
        check("2m", 120_000);
        check("1h", 3_600_000);
        check("1m30s", 90_000);
        check("1h2m3s4ms", 3_723_004);
        check(" 1m 30s ", 90_000);
        check("5 s", 5_000);
        check("0m1s", 1_000);
    }

    #[test]
    fn mistakes_say_what_to_write() {
        refuse("", "empty");
        refuse("   ", "empty");
        refuse("5", "`5` has no unit");
        refuse("s", "no number before `s`");
        refuse("5 seconds", "`seconds` is no unit");
        refuse("5d", "`d` is no unit");
        refuse("1.5s", "`.` is no unit");
        refuse("-5s", "is no unit");
        refuse("5s1m", "after a smaller unit");
        refuse("5s5s", "twice");
        refuse("0s", "at least `1ms`");
        refuse("99999999999999999999s", "for ever");
        refuse("18446744073709551615h", "for ever");
        refuse("5µs", "`µs` is no unit");
        refuse("5\u{1b}[0ms", "is no unit");
    }
}
