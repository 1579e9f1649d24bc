//! Which command a line means, abbreviations included.

use std::net::Ipv4Addr;

/// Why a line means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mistake {
    Unknown,
    Incomplete,
    Ambiguous,
}

/// Finds the pattern that `line` means.
///
/// A pattern is words; each may be shortened. `A.B.C.D` stands for an address, `N` for a number, `TEXT` for the rest
/// of the line, of at least one word.
pub(super) fn look_up<'p, T>(line: &str, patterns: &'p [(&str, T)]) -> Result<&'p T, Mistake> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut best: Option<(Fit, &T)> = None;
    let mut ambiguous = false;
    let mut incomplete = false;
    for (pattern, meaning) in patterns {
        match fit(&words, pattern) {
            Some(Fit::Begun) => incomplete = true,
            Some(found) => match &best {
                Some((other, _)) if *other < found => {}
                Some((other, _)) if *other == found => ambiguous = true,
                _ => {
                    best = Some((found, meaning));
                    ambiguous = false;
                }
            },
            None => {}
        }
    }
    match best {
        Some(_) if ambiguous => Err(Mistake::Ambiguous),
        Some((_, meaning)) => Ok(meaning),
        None if incomplete => Err(Mistake::Incomplete),
        None => Err(Mistake::Unknown),
    }
}

/// Whether `line` begins with all of `words`, whatever the blanks between them.
pub(super) fn words_begin(line: &str, words: &str) -> bool {
    let mut given = line.split_whitespace();
    words.split_whitespace().all(|word| given.next() == Some(word))
}

/// How well a line fits a pattern, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Exact,
    Shortened,
    Begun,
}

fn fit(words: &[&str], pattern: &str) -> Option<Fit> {
    let mut fit = Fit::Exact;
    let mut given = words.iter();
    for expected in pattern.split(' ') {
        let Some(word) = given.next() else { return Some(Fit::Begun) };
        match expected {
            "TEXT" => return Some(fit),
            "A.B.C.D" if word.parse::<Ipv4Addr>().is_ok() => {}
            "N" if word.parse::<u32>().is_ok() => {}
            _ if *word == expected => {}
            _ if expected.starts_with(word) && expected.starts_with(|first: char| first.is_lowercase()) => {
                fit = Fit::Shortened;
            }
            _ => return None,
        }
    }
    given.next().is_none().then_some(fit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_mean_what_they_abbreviate() {
        let patterns = [
            ("show ip route", 1),
            ("show ip route A.B.C.D", 2),
            ("show version", 3),
            ("terminal length N", 4),
            ("echo TEXT", 5),
            ("exit", 6),
            ("enable", 7),
            ("end", 8),
            ("en", 9),
        ];
        let check = |line: &str, expected: Result<i32, Mistake>| {
            assert_eq!(look_up(line, &patterns).copied(), expected, "{line}");
        };
        check("show version", Ok(3));
        check("  sh   ver ", Ok(3));
        check("sh ip ro", Ok(1));
        check("show ip route 10.1.2.3", Ok(2));
        check("show ip route 10.1.2", Err(Mistake::Unknown));
        check("show ip", Err(Mistake::Incomplete));
        check("terminal length x", Err(Mistake::Unknown));
        check("terminal length", Err(Mistake::Incomplete));
        check("terminal length 0", Ok(4));
        check("echo a  b", Ok(5));
        check("echo", Err(Mistake::Incomplete));
        check("en", Ok(9));
        check("e", Err(Mistake::Ambiguous));
        check("show versions", Err(Mistake::Unknown));
        check("bogus", Err(Mistake::Unknown));
    }
}
