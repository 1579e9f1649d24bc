//! Platforms from files: the same data, written down by users.

use std::path::Path;
use std::time::Duration;

use super::{Platform, Proof};
use crate::yaml::{self, Place};
use crate::{Error, ErrorKind, Result};

const TOP: &[&str] = &[
    "name",
    "modes",
    "ways",
    "privileged",
    "configuration",
    "commit",
    "discard",
    "questions",
    "above_prompt",
    "on_open",
    "on_close",
    "pagers",
    "username_prompts",
    "password_prompts",
    "harmless",
    "refusals",
    "proofs",
    "interrupt",
    "kill_line",
];

impl Platform {
    /// Reads a platform from a YAML file; the guide's page on [platforms](crate::guide::platforms) lists the keys.
    ///
    /// ```no_run
    /// use conn_share::{Platform, SessionOptions};
    ///
    /// # fn main() -> conn_share::Result<()> {
    /// let options = SessionOptions::new().platform(Platform::load("acme_os.yaml")?);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when it cannot be read, is not YAML, or is not of the form that is expected: with the file,
    /// the line and what was expected.
    ///
    /// # Blocking
    ///
    /// Reads one local file.
    pub fn load(file: impl AsRef<Path>) -> Result<Self> {
        let name = file.as_ref().display().to_string();
        let text = std::fs::read_to_string(file).map_err(|error| {
            Error::new(ErrorKind::Config, format!("the platform file {} cannot be read", name.escape_debug()))
                .with_source(error)
        })?;
        Self::parse(&name, &text)
    }

    /// Reads a platform from `text`; `file` is what errors call it.
    ///
    /// ```
    /// use conn_share::Platform;
    ///
    /// let platform = Platform::parse("acme_os.yaml", "{name: acme_os, modes: {exec: {ends_with: '>'}}, proofs: [keys]}")?;
    /// assert_eq!(platform.name(), "acme_os");
    /// # Ok::<_, conn_share::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Platform::load`].
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        let as_it_is = |text: &str| Ok(text.to_owned());
        yaml::read(file, text, &as_it_is, platform).map(|(platform, _)| platform)
    }
}

fn platform(root: &Place<'_>) -> Result<Platform> {
    only(root, TOP)?;
    let mut platform = Platform::new(required(root, "name")?);
    for (name, place) in root.get("modes")?.map_or(Ok(Vec::new()), |modes| modes.entries())? {
        only(&place, &["contains", "ends_with"])?;
        platform = platform.mode(name, optional(&place, "contains")?, required(&place, "ends_with")?);
    }
    let modes: Vec<String> = platform.modes.iter().map(|mode| mode.name.clone()).collect();
    let mode = |place: &Place<'_>| -> Result<String> {
        let name = place.raw()?;
        if modes.iter().any(|mode| mode == name) {
            return Ok(name.to_owned());
        }
        let known = if modes.is_empty() { "(none)".to_owned() } else { modes.join(", ") };
        Err(place.error(format_args!("expected one of the modes {known}, found `{}`", name.escape_debug())))
    };
    for place in each(root, "ways")? {
        only(&place, &["from", "to", "command"])?;
        let end = |key| place.get(key)?.map_or_else(|| Err(missing(&place, key)), |place| mode(&place));
        platform = platform.way(end("from")?, end("to")?, required(&place, "command")?);
    }
    if let Some(place) = root.get("privileged")? {
        platform = platform.privileged(mode(&place)?);
    }
    if let Some(place) = root.get("configuration")? {
        let name = mode(&place)?;
        let is_left = platform.ways.iter().any(|way| way.from == name && way.to != name);
        if !is_left {
            return Err(place.error(format_args!("expected a way out of the mode `{name}` among `ways`")));
        }
        platform = platform.configuration(name);
    }
    if let Some(place) = root.get("commit")? {
        only(&place, &["command", "said"])?;
        if platform.configuration.is_none() {
            return Err(place.error("expected `configuration` beside it: lines are entered in that mode"));
        }
        platform = platform.commit(required(&place, "command")?, optional(&place, "said")?);
    }
    if let Some(place) = root.get("discard")? {
        platform = platform.discard(place.raw()?);
    }
    for place in each(root, "questions")? {
        only(&place, &["ends_with", "answer"])?;
        platform = platform.question(required(&place, "ends_with")?, required(&place, "answer")?);
    }
    for place in each(root, "above_prompt")? {
        let (starts, ends) = either(&place, "starts_with", "ends_with")?;
        platform = platform.above_prompt(starts, ends);
    }
    for place in each(root, "refusals")? {
        let (starts, contains) = either(&place, "starts_with", "contains")?;
        platform = platform.refusal(starts, contains);
    }
    for place in each(root, "proofs")? {
        platform = platform.proof(proof(&place)?);
    }
    platform = texts(root, "on_open")?.into_iter().fold(platform, Platform::on_open);
    platform = texts(root, "on_close")?.into_iter().fold(platform, Platform::on_close);
    platform = texts(root, "pagers")?.into_iter().fold(platform, Platform::pager);
    platform = texts(root, "username_prompts")?.into_iter().fold(platform, Platform::username_prompt);
    platform = texts(root, "password_prompts")?.into_iter().fold(platform, Platform::password_prompt);
    platform = texts(root, "harmless")?.into_iter().fold(platform, Platform::harmless);
    if let Some(place) = root.get("interrupt")? {
        platform = platform.interrupt(key(&place)?);
    }
    if let Some(place) = root.get("kill_line")? {
        platform = platform.kill_line(key(&place)?);
    }
    Ok(platform)
}

fn proof(place: &Place<'_>) -> Result<Proof> {
    const EXPECTED: &str =
        "expected `typeahead`, `keys`, `blank`, `command: TEXT` with {a} and {b} apart in it, or `quiet: MILLISECONDS`";
    if place.is_scalar() {
        return match place.raw()? {
            "typeahead" => Ok(Proof::Typeahead),
            "keys" => Ok(Proof::Keys),
            "blank" => Ok(Proof::Blank),
            _ => Err(place.error(EXPECTED)),
        };
    }
    only(place, &["command", "quiet"])?;
    if let Some(command) = place.get("command")? {
        let text = command.raw()?;
        // The echo of a command that is its own answer would prove nothing.
        let proves = text.contains("{a}") && text.contains("{b}") && !text.contains("{a}{b}");
        return proves.then(|| Proof::Command(text.to_owned())).ok_or_else(|| command.error(EXPECTED));
    }
    match place.get("quiet")? {
        Some(quiet) => Ok(Proof::Quiet(Duration::from_millis(quiet.number("milliseconds", 1, 60_000)??))),
        None => Err(place.error(EXPECTED)),
    }
}

/// A key: as it is, or as people write it, `ctrl-c`.
fn key(place: &Place<'_>) -> Result<String> {
    let text = place.raw()?;
    let named = text.to_ascii_lowercase();
    let Some(letter) = named.strip_prefix("ctrl-") else {
        return if text.is_empty() {
            Err(place.error("expected a key, such as `ctrl-c`"))
        } else {
            Ok(text.to_owned())
        };
    };
    match letter.as_bytes() {
        [letter @ (b'a'..=b'z' | b'['..=b'_')] => Ok(char::from(letter & 0x1f).to_string()),
        _ => Err(place.error("expected one letter behind `ctrl-`")),
    }
}

/// Refuses keys that mean nothing: a misspelt one would be left out in silence.
fn only(place: &Place<'_>, known: &[&str]) -> Result<()> {
    match place.entries()?.iter().find(|(key, _)| !known.contains(key)) {
        None => Ok(()),
        Some((key, at)) => {
            Err(at.error(format_args!("expected one of the keys {}, found `{}`", known.join(", "), key.escape_debug())))
        }
    }
}

fn missing(place: &Place<'_>, key: &str) -> Error {
    place.error(format_args!("expected a mapping with the key `{key}`"))
}

fn required(place: &Place<'_>, key: &str) -> Result<String> {
    place.get(key)?.map_or_else(|| Err(missing(place, key)), |place| text(&place))
}

/// A text that would fit everything is a mistake.
fn text(place: &Place<'_>) -> Result<String> {
    match place.raw()? {
        "" => Err(place.error("expected a text, found nothing")),
        text => Ok(text.to_owned()),
    }
}

fn optional(place: &Place<'_>, key: &str) -> Result<String> {
    Ok(place.get(key)?.map_or(Ok(""), |place| place.raw())?.to_owned())
}

/// Two texts, one of which may be left out.
fn either(place: &Place<'_>, one: &str, other: &str) -> Result<(String, String)> {
    only(place, &[one, other])?;
    let texts = (optional(place, one)?, optional(place, other)?);
    if texts.0.is_empty() && texts.1.is_empty() {
        return Err(place.error(format!("expected `{one}` or `{other}`")));
    }
    Ok(texts)
}

fn each<'a>(root: &Place<'a>, key: &str) -> Result<Vec<Place<'a>>> {
    Ok(root.get(key)?.map_or(Vec::new(), |place| place.items()))
}

fn texts(root: &Place<'_>, key: &str) -> Result<Vec<String>> {
    each(root, key)?.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const JUNOS: &str = r##"
name: juniper_junos
modes:
  shell: {ends_with: "%"}
  operational: {ends_with: ">"}
  configuration: {ends_with: "#"}
ways:
  - {from: shell, to: operational, command: cli}
  - {from: operational, to: configuration, command: configure private}
  - {from: configuration, to: operational, command: exit configuration-mode}
privileged: operational
configuration: configuration
commit: {command: commit, said: commit complete}
discard: rollback 0
questions: {ends_with: (yes), answer: "yes"}
above_prompt:
  - {starts_with: "[edit", ends_with: "]"}
  - {starts_with: "{", ends_with: "}"}
  - {starts_with: "{", ends_with: "]"}
on_open: [set cli complete-on-space off, set cli screen-length 0, set cli screen-width 511]
on_close: exit
pagers: [")---"]
harmless: "show "
refusals:
  - starts_with: unknown command
  - starts_with: syntax error
  - starts_with: missing argument
  - starts_with: "invalid "
  - starts_with: "error:"
  - {starts_with: "'", contains: is ambiguous}
proofs: [keys, blank]
kill_line: ctrl-u
"##;

    #[test]
    fn a_built_in_platform_can_be_written_as_a_file() {
        let read = Platform::parse("junos.yaml", JUNOS).expect("valid");
        let built_in = Platform::named("juniper_junos").expect("built in");
        assert_eq!(format!("{read:#?}"), format!("{built_in:#?}"));
    }

    #[test]
    fn proofs_and_keys() {
        let text = "{name: x, interrupt: \"\\x1e\", proofs: [typeahead, {command: \"echo {a}''{b}\"}, quiet: 250]}";
        let read = Platform::parse("x.yaml", text).expect("valid");
        let command = Proof::Command("echo {a}''{b}".to_owned());
        assert_eq!(read.proofs(), [Proof::Typeahead, command, Proof::Quiet(Duration::from_millis(250))]);
        assert_eq!(read.interrupt_key(), Some("\x1e"));
        let escape = Platform::parse("x.yaml", "{name: x, interrupt: 'ctrl-['}").expect("valid");
        assert_eq!(escape.interrupt_key(), Some("\x1b"));
    }

    #[test]
    fn questions_of_a_login() {
        let read = Platform::parse("x.yaml", "{name: x, username_prompts: ['Operator?'], password_prompts: ['PIN?']}");
        let read = read.expect("valid");
        assert!(read.asks_username("Operator? ") && read.asks_password("your PIN?"));
        assert!(!read.asks_username("PIN?") && !read.asks_password(""));
    }

    #[test]
    fn mistakes_are_told_with_their_place_and_what_was_expected() {
        for (text, expected) in [
            ("", "x.yaml:1: expected a mapping with the key `name`"),
            ("modes: {}", "x.yaml:1: expected a mapping with the key `name`"),
            ("name: x\nmode: {}", "x.yaml:2: mode: expected one of the keys name, modes, "),
            ("name: ''", "x.yaml:1: name: expected a text, found nothing"),
            ("name: x\nmodes: [exec]", "x.yaml:2: modes: expected a mapping, found a list"),
            (
                "name: x\nmodes:\n  exec: {end_with: x}",
                "x.yaml:3: modes.exec.end_with: expected one of the keys contains, ",
            ),
            ("name: x\nmodes:\n  exec: {}", "x.yaml:3: modes.exec: expected a mapping with the key `ends_with`"),
            ("name: x\nprivileged: enable", "x.yaml:2: privileged: expected one of the modes (none), found `enable`"),
            (
                "name: x\nmodes: {a: {ends_with: '>'}}\nways:\n- {from: a, to: b, command: c}",
                "x.yaml:4: ways.to: expected one of the modes a, found `b`",
            ),
            (
                "name: x\nmodes: {a: {ends_with: '>'}}\nconfiguration: a",
                "x.yaml:3: configuration: expected a way out of the mode `a`",
            ),
            ("name: x\ncommit: {command: commit}", "x.yaml:2: commit: expected `configuration` beside it"),
            ("name: x\nproofs: [key]", "x.yaml:2: proofs: expected `typeahead`, "),
            ("name: x\nproofs:\n- {command: 'echo {a}{b}'}", "x.yaml:3: proofs.command: expected `typeahead`, "),
            ("name: x\nproofs: {quiet: 0}", "x.yaml:2: proofs.quiet: expected milliseconds from 1 to 60000"),
            ("name: x\npagers: ''", "x.yaml:2: pagers: expected a text, found nothing"),
            ("name: x\nharmless: ['']", "x.yaml:2: harmless: expected a text, found nothing"),
            ("name: x\nrefusals: [{}]", "x.yaml:2: refusals: expected `starts_with` or `contains`"),
            ("name: x\nabove_prompt: [{}]", "x.yaml:2: above_prompt: expected `starts_with` or `ends_with`"),
            ("name: x\ninterrupt: ctrl-cc", "x.yaml:2: interrupt: expected one letter behind `ctrl-`"),
            ("name: x\nname: y", "x.yaml:2: expected each key once"),
            ("name: [", "x.yaml:2: not valid YAML"),
        ] {
            let error = Platform::parse("x.yaml", text).expect_err(text);
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().starts_with(expected), "{text:?}: {error}");
        }
        let error = Platform::load("/no/such.yaml").expect_err("not there");
        assert_eq!(error.to_string(), "the platform file /no/such.yaml cannot be read");
    }
}
