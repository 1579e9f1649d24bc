//! A string that does not print.

use std::fmt;

use zeroize::Zeroizing;

/// A password, an enable secret, a key's passphrase: never printed, never serialised, wiped when dropped.
///
/// `Debug` shows `Secret(..)` whatever the text. The text comes out through [`Secret::expose`] alone, so that
/// every place that uses it can be found by name.
///
/// ```
/// use conn_share::Secret;
///
/// let secret = Secret::new("hunter2");
/// assert_eq!(format!("{secret:?}"), "Secret(..)");
/// assert_eq!(secret.expose(), "hunter2");
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself. Do not log it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// A command as others may see it: its start, control characters escaped, without its secrets.
pub(crate) fn shown(command: &str) -> String {
    /// As much as tells one command from another.
    const LENGTH: usize = 40;
    let masked = masked(command);
    // As most are: nothing to escape, and nothing left out.
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\'' | b'\\');
    if masked.len() <= LENGTH && masked.bytes().all(plain) {
        return masked;
    }
    let mut shown: String = masked.chars().take(LENGTH).flat_map(char::escape_debug).collect();
    if masked.chars().nth(LENGTH).is_some() {
        shown.push('…');
    }
    shown
}

/// A line of configuration up to the first word that a secret follows, such as `password`.
///
/// Where no word announces it, a secret stays: `snmp-server host 192.0.2.1 version 2c COMMUNITY`, `authentication text
/// SECRET`.
pub(crate) fn masked(line: &str) -> String {
    // Every pool call comes by here, so nothing is allocated to compare, and a word is gone through once.
    let begins = |here: &[u8]| {
        let parts: &[&str] = match here {
            [b'p' | b'P', ..] => &["passw", "passphrase", "psk"],
            [b's' | b'S', ..] => &["secret", "shared-key"],
            [b'c' | b'C', ..] => &["community"],
            _ => &[],
        };
        parts.iter().any(|part| here.get(..part.len()).is_some_and(|here| here.eq_ignore_ascii_case(part.as_bytes())))
    };
    let announces = |word: &str| {
        (0..word.len()).any(|at| begins(word.as_bytes().get(at..).unwrap_or_default()))
            || ["key", "key-string", "md5"].iter().any(|whole| word.eq_ignore_ascii_case(whole))
            || word.as_bytes().last_chunk::<4>().is_some_and(|end| end.eq_ignore_ascii_case(b"-key"))
            || word.as_bytes().split_first_chunk::<3>().is_some_and(|(start, rest)| {
                start.eq_ignore_ascii_case(b"sha") && rest.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-')
            })
    };
    let mut end = 0;
    for word in line.split_inclusive(char::is_whitespace) {
        end += word.len();
        if announces(word.trim()) {
            let (start, rest) = line.split_at(end);
            return if rest.trim().is_empty() { line.to_owned() } else { format!("{}…", start) };
        }
    }
    line.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_without_its_secrets() {
        assert_eq!(shown("show version"), "show version");
        assert_eq!(shown("username admin secret 9 $9$hunter2"), "username admin secret …");
        assert_eq!(shown("snmp-server community hunter2 ro"), "snmp-server community …");
        assert_eq!(shown("ntp Authentication-Key hunter2"), "ntp Authentication-Key …");
        assert_eq!(shown("pre-shared-key hunter2"), "pre-shared-key …");
        assert_eq!(shown("auth-password hunter2"), "auth-password …");
        for word in ["sha", "SHA256", "sha-256", "sha2-512"] {
            assert_eq!(shown(&format!("auth {word} hunter2")), format!("auth {word} …"));
        }
        assert_eq!(shown("say shade é-key"), "say shade é-key");
        assert_eq!(shown("show shadow monkey"), "show shadow monkey");
        assert_eq!(shown("enable password"), "enable password");
        assert_eq!(shown("say \u{1b}[2J \"x\""), "say \\u{1b}[2J \\\"x\\\"");
        assert_eq!(shown(&"é".repeat(50)), "é".repeat(40) + "…");
    }
}
