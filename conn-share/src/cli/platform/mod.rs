//! What is particular to a kind of device, as data.

mod arista_eos;
mod cisco_ios;
mod cisco_like;
mod cisco_nxos;
mod cisco_xr;
mod describing;
#[cfg(feature = "testbed")]
mod file;
mod frr;
mod generic;
mod juniper_junos;
mod knowing;
mod linux;

use std::time::Duration;

/// A kind of device: its modes and the ways between them, its phrases and keys.
///
/// Some are built in, see [`Platform::named`]. Another one is a value, made with the methods here and handed to a
/// connection's options:
///
/// ```
/// use conn_share::{Platform, Proof};
///
/// let platform = Platform::new("acme_os")
///     .mode("exec", "", ">")
///     .mode("enable", "", "#")
///     .mode("config", "(config", ")#")
///     .way("exec", "enable", "enable")
///     .way("enable", "config", "configure terminal")
///     .way("config", "enable", "end")
///     .privileged("enable")
///     .configuration("config")
///     .on_open("terminal length 0")
///     .pager("--More--")
///     .refusal("%", "")
///     .proof(Proof::Keys);
/// # assert_eq!(platform.name(), "acme_os");
/// ```
#[derive(Clone, Debug)]
pub struct Platform {
    name: String,
    modes: Vec<Mode>,
    ways: Vec<Way>,
    privileged: Option<String>,
    configuration: Option<String>,
    proofs: Vec<Proof>,
    on_open: Vec<String>,
    on_close: Vec<String>,
    pagers: Vec<String>,
    username_prompts: Vec<String>,
    password_prompts: Vec<String>,
    refusals: Vec<Refusal>,
    harmless: Vec<String>,
    interrupt: Option<String>,
    kill_line: Option<String>,
    commit: Option<Commit>,
    discard: Option<String>,
    questions: Vec<Question>,
    above_prompt: Vec<AbovePrompt>,
    takes_empty_lines: bool,
}

/// How the end of an answer is proven.
///
/// A prompt at the end of the bytes at hand proves nothing: an output line may read the same, and the rest of the
/// output may come later. So a session has the device's line editor do something that only happens once the command is over,
/// and that output cannot look like. A platform lists what it can do, best first; at login each is tried in turn and the
/// first that works is kept. [`Proof::Quiet`] ends every list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proof {
    /// A digit and a backspace typed right behind each command, in the same write: the answer is over when both were
    /// echoed behind the prompt. Costs no round trip. For line editors with the usual keys, on devices
    /// whose commands do not read the keyboard; where one does, or eats them, [`Proof::Keys`] steps in.
    Typeahead,
    /// Digits typed once a prompt shows, and erased by ctrl-A, ctrl-K. Costs one round trip. A line editor echoes and
    /// erases them; a terminal that echoes while a command still runs shows the two keys as `^A^K`, which is no proof.
    Keys,
    /// A command line whose output differs from its echo, run once a prompt shows: `{a}` and `{b}` stand for digits,
    /// and the output must be `{a}{b}`. Costs one round trip and a command. For plain shells.
    Command(String),
    /// A line with a new number of blanks, entered once a prompt shows: its echo and a second prompt are the proof.
    /// Costs one round trip. For anything that echoes and takes an empty line as nothing to do. A platform that lists
    /// this proof and names neither modes nor lines above its prompts has two more such lines entered at login, to
    /// learn what stands above its prompt.
    Blank,
    /// The prompt, and nothing after it for this long. No proof, but all that is left with a device that echoes
    /// nothing: an output line that equals the prompt cuts the answer if the output pauses behind it. What comes
    /// afterwards costs a new session, if it comes before the next command is sent; later, it is taken for that
    /// command's answer.
    ///
    /// Whatever else comes between two calls costs a new session too, with a warning: a log line on a console, for
    /// instance. The next call then finds the device as after login, also within one `exclusive` section; a mode or a
    /// directory that a call before has gone to is left.
    Quiet(Duration),
}

/// A mode, told by its prompt: the host name, then `marker` somewhere, then `tail` at the end.
#[derive(Clone, Debug)]
struct Mode {
    name: String,
    marker: String,
    tail: String,
}

/// A command that leads from one mode to another.
#[derive(Clone, Debug)]
struct Way {
    from: String,
    to: String,
    command: String,
}

/// A line that begins with `starts` and contains `contains` says that a command was refused.
#[derive(Clone, Debug)]
struct Refusal {
    starts: String,
    contains: String,
}

/// A command that puts a candidate configuration in force, and what the device says when it did.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) command: String,
    pub(crate) said: String,
}

/// A question on the way between modes or at a commit, told by its end, and the answer.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) end: String,
    pub(crate) answer: String,
}

/// A line above a prompt that is a part of it.
#[derive(Clone, Debug)]
struct AbovePrompt {
    start: String,
    end: String,
}

impl Platform {
    /// A platform that knows nothing but what a login shows: the prompt.
    ///
    /// At login its proofs are tried, and [`Proof::Command`] and [`Proof::Blank`] enter a line for that. Where lines
    /// end with two characters, as over Telnet, an empty line shows whether the device takes them for two line ends.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            modes: Vec::new(),
            ways: Vec::new(),
            privileged: None,
            configuration: None,
            proofs: Vec::new(),
            on_open: Vec::new(),
            on_close: Vec::new(),
            pagers: Vec::new(),
            username_prompts: Vec::new(),
            password_prompts: Vec::new(),
            refusals: Vec::new(),
            harmless: Vec::new(),
            interrupt: None,
            kill_line: None,
            commit: None,
            discard: None,
            questions: Vec::new(),
            above_prompt: Vec::new(),
            takes_empty_lines: false,
        }
    }

    /// A built-in platform by its name, one of [`Platform::BUILT_IN`].
    ///
    /// `frr` was run against FRRouting 8.4 (`vtysh` on a terminal, and zebra's Telnet vty), `linux` against bash
    /// behind sshd and behind inetutils' telnetd, `generic` against that and against the `birdc` of
    /// BIRD 2.0. **Not run against a device**, but written after manuals and other public sources: `cisco_ios` and
    /// `cisco_iosxe`, which are the same, `cisco_nxos`, `cisco_xr`, `arista_eos`, `juniper_junos`.
    ///
    /// `configure` commits on `cisco_xr` and `juniper_junos`, once all lines were taken; otherwise it drops the
    /// candidate, and no line is in force. On Junos it works on a private candidate.
    ///
    /// ```
    /// use conn_share::Platform;
    ///
    /// let junos = Platform::named("juniper_junos").expect("built in");
    /// assert_eq!(junos.name(), "juniper_junos");
    /// assert!(Platform::named("nonesuch").is_none());
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "generic" => Some(generic::platform()),
            "frr" => Some(frr::platform()),
            "linux" => Some(linux::platform()),
            "cisco_ios" | "cisco_iosxe" => Some(cisco_ios::platform(name)),
            "cisco_nxos" => Some(cisco_nxos::platform()),
            "cisco_xr" => Some(cisco_xr::platform()),
            "arista_eos" => Some(arista_eos::platform()),
            "juniper_junos" => Some(juniper_junos::platform()),
            _ => None,
        }
    }

    /// Where nothing is known of the device.
    pub(crate) fn generic() -> Self {
        generic::platform()
    }

    /// The names that [`Platform::named`] knows.
    pub const BUILT_IN: [&'static str; 9] = [
        "generic",
        "frr",
        "linux",
        "cisco_ios",
        "cisco_iosxe",
        "cisco_nxos",
        "cisco_xr",
        "arista_eos",
        "juniper_junos",
    ];

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests;
