//! What is particular to a kind of device, as data.

mod arista_eos;
mod cisco_ios;
mod cisco_like;
mod cisco_nxos;
mod cisco_xr;
#[cfg(feature = "testbed")]
mod file;
mod frr;
mod generic;
mod juniper_junos;
mod linux;

use std::time::Duration;

use super::screen::holds;

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

    /// Adds a mode whose prompt contains `marker` and ends with `tail` (a blank after it is allowed). The most special
    /// first or last, as you like: the longest marker and tail that fit decide.
    #[must_use]
    pub fn mode(mut self, name: impl Into<String>, marker: impl Into<String>, tail: impl Into<String>) -> Self {
        self.modes.push(Mode { name: name.into(), marker: marker.into(), tail: tail.into() });
        self
    }

    /// Adds a way between modes. A password that the device asks for on the way is the enable secret.
    ///
    /// ```
    /// use conn_share::Platform;
    ///
    /// let platform = Platform::new("acme_os")
    ///     .mode("exec", "", ">")
    ///     .mode("enable", "", "#")
    ///     .way("exec", "enable", "enable")
    ///     .way("enable", "exec", "disable");
    /// # drop(platform);
    /// ```
    #[must_use]
    pub fn way(mut self, from: impl Into<String>, to: impl Into<String>, command: impl Into<String>) -> Self {
        self.ways.push(Way { from: from.into(), to: to.into(), command: command.into() });
        self
    }

    /// The mode to go to on opening when there is an enable secret.
    #[must_use]
    pub fn privileged(mut self, mode: impl Into<String>) -> Self {
        self.privileged = Some(mode.into());
        self
    }

    /// The mode in which `configure` enters its lines. Without one they are entered where the session is.
    #[must_use]
    pub fn configuration(mut self, mode: impl Into<String>) -> Self {
        self.configuration = Some(mode.into());
        self
    }

    /// Adds a way to prove the end of an answer; the first that works is used.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use conn_share::{Platform, Proof};
    ///
    /// // A line editor with the usual keys; otherwise an empty line; otherwise a pause.
    /// let platform = Platform::new("acme_os").proof(Proof::Keys).proof(Proof::Blank).proof(Proof::Quiet(Duration::from_millis(500)));
    /// # drop(platform);
    /// ```
    #[must_use]
    pub fn proof(mut self, proof: Proof) -> Self {
        self.proofs.push(proof);
        self
    }

    /// Adds a command to run after login, paging off for instance. A refusal of it is logged, no error.
    #[must_use]
    pub fn on_open(mut self, command: impl Into<String>) -> Self {
        self.on_open.push(command.into());
        self
    }

    /// Adds a line to send before closing. Its answer is not awaited.
    #[must_use]
    pub fn on_close(mut self, command: impl Into<String>) -> Self {
        self.on_close.push(command.into());
        self
    }

    /// Adds the text of a pager's prompt, answered by a blank while an answer is read.
    #[must_use]
    pub fn pager(mut self, text: impl Into<String>) -> Self {
        self.pagers.push(text.into());
        self
    }

    /// Adds what a line ends with, blanks behind it aside, that asks for the user name at login. The usual ones are
    /// known: `Username:`, `login:`, `login as:`, `User Name:`, `Name:`, `Account:` and their like.
    ///
    /// ```
    /// let platform = conn_share::Platform::new("acme_os").username_prompt("Operator?").password_prompt("PIN?");
    /// # assert_eq!(platform.name(), "acme_os");
    /// ```
    #[must_use]
    pub fn username_prompt(mut self, end: impl Into<String>) -> Self {
        self.username_prompts.push(end.into());
        self
    }

    /// Adds what a line ends with, blanks behind it aside, that asks for the password at login. The usual ones are
    /// known: `Password:`, `Passcode:`, `Password for admin:` and their like.
    #[must_use]
    pub fn password_prompt(mut self, end: impl Into<String>) -> Self {
        self.password_prompts.push(end.into());
        self
    }

    /// Adds a refusal: a line that begins with `starts` and contains `contains`.
    ///
    /// ```
    /// use conn_share::Platform;
    ///
    /// // `% Unknown command: shw`, and whatever begins with `Error:`.
    /// let platform = Platform::new("acme_os").refusal("%", "Unknown command").refusal("Error:", "");
    /// # drop(platform);
    /// ```
    #[must_use]
    pub fn refusal(mut self, starts: impl Into<String>, contains: impl Into<String>) -> Self {
        self.refusals.push(Refusal { starts: starts.into(), contains: contains.into() });
        self
    }

    /// Says that a command that begins with `start` leaves nothing behind in the session: neither mode, paging, width
    /// nor log lines on the terminal. `"show "` on most routers. Not so with a `;` in it, behind which some devices
    /// take another command.
    ///
    /// A pool puts a worker back into the state in which it was opened before the next caller gets it. After nothing
    /// but such commands, with the prompt of the mode that it was opened in, there is nothing to put back, and the
    /// device is not asked.
    #[must_use]
    pub fn harmless(mut self, start: impl Into<String>) -> Self {
        self.harmless.push(start.into());
        self
    }

    /// The key that stops a running command, pressed when a session that is out of step does not come back by itself.
    ///
    /// Only for devices that take what is typed right behind it: readline drops keys after ctrl-C, and what is left of a
    /// line would run. Without a key, such a session is left for a new one.
    #[must_use]
    pub fn interrupt(mut self, key: impl Into<String>) -> Self {
        self.interrupt = Some(key.into());
        self
    }

    /// The key that wipes a line typed half, in the line editor and while a command runs.
    #[must_use]
    pub fn kill_line(mut self, key: impl Into<String>) -> Self {
        self.kill_line = Some(key.into());
        self
    }

    /// The command that puts the lines of `configure` in force, where they are a candidate until then. `said` has to be part
    /// of the answer; empty where the device says nothing when all went well, and then a line that begins with `%` is a
    /// complaint.
    ///
    /// ```
    /// use conn_share::Platform;
    ///
    /// let platform = Platform::new("acme_os")
    ///     .mode("exec", "", ">")
    ///     .mode("config", "", "#")
    ///     .way("exec", "config", "configure")
    ///     .way("config", "exec", "exit")
    ///     .configuration("config")
    ///     .commit("commit", "commit complete")
    ///     .discard("rollback");
    /// # drop(platform);
    /// ```
    #[must_use]
    pub fn commit(mut self, command: impl Into<String>, said: impl Into<String>) -> Self {
        self.commit = Some(Commit { command: command.into(), said: said.into() });
        self
    }

    /// The command that drops a candidate configuration; entered before the configuration mode is left. Not needed
    /// where the way out of the mode does that.
    #[must_use]
    pub fn discard(mut self, command: impl Into<String>) -> Self {
        self.discard = Some(command.into());
        self
    }

    /// Answers a question that ends with `end`, asked on the way between modes or at a commit. A commit that asks has
    /// failed.
    ///
    /// ```
    /// use conn_share::Platform;
    ///
    /// // `Uncommitted changes found, discard them? [yes]:`
    /// let platform = Platform::new("acme_os").question("discard them? [yes]:", "yes");
    /// # drop(platform);
    /// ```
    #[must_use]
    pub fn question(mut self, end: impl Into<String>, answer: impl Into<String>) -> Self {
        self.questions.push(Question { end: end.into(), answer: answer.into() });
        self
    }

    /// Lines that begin with `start` and end with `end` are no output when they stand right above a prompt; nor are empty
    /// lines there, on a platform that has such lines. A platform with neither modes nor such lines learns at login
    /// what stands above every prompt, as long as it never changes.
    ///
    /// ```
    /// use conn_share::Platform;
    ///
    /// // `[edit interfaces]`
    /// let platform = Platform::new("acme_os").above_prompt("[edit", "]");
    /// # drop(platform);
    /// ```
    #[must_use]
    pub fn above_prompt(mut self, start: impl Into<String>, end: impl Into<String>) -> Self {
        self.above_prompt.push(AbovePrompt { start: start.into(), end: end.into() });
        self
    }

    pub(crate) fn commit_command(&self) -> Option<&Commit> {
        self.commit.as_ref()
    }

    pub(crate) fn discard_command(&self) -> Option<&str> {
        self.discard.as_deref()
    }

    pub(crate) fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// Whether `line` may be no output, if it stands above a prompt.
    pub(crate) fn may_stand_above_prompt(&self, line: &str) -> bool {
        let line = line.trim_end();
        let part = |above: &AbovePrompt| line.starts_with(&above.start) && line.ends_with(&above.end);
        self.has_lines_above_prompt() && (line.is_empty() || self.above_prompt.iter().any(part))
    }

    /// Whether there are lines that may stand above a prompt and be no output.
    pub(crate) fn has_lines_above_prompt(&self) -> bool {
        !self.above_prompt.is_empty()
    }

    /// Says that a line without a command is nothing to do, where no proof says so.
    fn takes_empty_lines(mut self) -> Self {
        self.takes_empty_lines = true;
        self
    }

    /// Whether nothing is said of how prompts look: what stands above them is then learnt, by lines without a command.
    pub(crate) fn learns_prompts(&self) -> bool {
        let harmless = self.takes_empty_lines || self.proofs.contains(&Proof::Blank);
        harmless && self.modes.is_empty() && self.above_prompt.is_empty()
    }

    pub(crate) fn proofs(&self) -> &[Proof] {
        &self.proofs
    }

    pub(crate) fn open_commands(&self) -> &[String] {
        &self.on_open
    }

    pub(crate) fn close_commands(&self) -> &[String] {
        &self.on_close
    }

    pub(crate) fn privileged_mode(&self) -> Option<&str> {
        self.privileged.as_deref()
    }

    pub(crate) fn configuration_mode(&self) -> Option<&str> {
        self.configuration.as_deref()
    }

    pub(crate) fn interrupt_key(&self) -> Option<&str> {
        self.interrupt.as_deref()
    }

    pub(crate) fn kill_key(&self) -> Option<&str> {
        self.kill_line.as_deref()
    }

    /// The mode whose prompt `line` is.
    pub(crate) fn mode_of(&self, line: &str) -> Option<&str> {
        let prompt = line.strip_suffix(' ').unwrap_or(line);
        if prompt.is_empty() || prompt.starts_with([' ', '%', '*']) || prompt.trim_end() != prompt {
            return None;
        }
        let fits = |mode: &&Mode| {
            prompt.strip_suffix(mode.tail.as_str()).is_some_and(|rest| {
                let name = match rest.find(mode.marker.as_str()) {
                    Some(at) => &rest[..at],
                    None => return false,
                };
                mode.marker.is_empty() && !rest.is_empty() && !rest.contains(['(', ' '])
                    || !mode.marker.is_empty() && !name.is_empty()
            })
        };
        let special = |mode: &&Mode| (mode.marker.len(), mode.tail.len());
        self.modes.iter().filter(fits).max_by_key(special).map(|mode| mode.name.as_str())
    }

    /// Whether `line` may be a prompt. Where the platform names its modes, they decide; otherwise the usual last characters.
    pub(crate) fn may_be_prompt(&self, line: &str) -> bool {
        if !self.modes.is_empty() {
            return self.mode_of(line).is_some();
        }
        let prompt = line.trim();
        prompt.chars().count() <= 200 && !prompt.starts_with('*') && prompt.ends_with(['#', '>', '$', '%'])
    }

    /// The command of the first step on the shortest way.
    pub(crate) fn step_towards(&self, from: &str, to: &str) -> Option<&str> {
        // Backwards from the goal: the modes that lead there, nearest first.
        let mut reached = vec![to];
        let mut next = 0;
        while let Some(&goal) = reached.get(next) {
            for way in self.ways.iter().filter(|way| way.to == goal) {
                if way.from == from {
                    return Some(&way.command);
                }
                if !reached.contains(&way.from.as_str()) {
                    reached.push(&way.from);
                }
            }
            next += 1;
        }
        None
    }

    /// Whether `command` is one that sessions send of themselves: on opening, on closing, from mode to mode.
    pub(crate) fn sends_itself(&self, command: &str) -> bool {
        let ways = self.ways.iter().map(|way| &way.command);
        let candidate = self.commit.iter().map(|commit| &commit.command).chain(&self.discard);
        self.on_open.iter().chain(&self.on_close).chain(ways).chain(candidate).any(|own| own == command)
    }

    /// Whether `line` asks for the user name at login, by what the platform says of it.
    pub(crate) fn asks_username(&self, line: &str) -> bool {
        ends_with_any(line, &self.username_prompts)
    }

    /// Whether `line` asks for the password at login, by what the platform says of it.
    pub(crate) fn asks_password(&self, line: &str) -> bool {
        ends_with_any(line, &self.password_prompts)
    }

    /// The pager's prompt that `line` ends with; how much was shown may stand behind it, `(12%)`.
    pub(crate) fn is_pager(&self, line: &str) -> bool {
        let percentage = |line: &str| {
            let (pager, rest) = line.strip_suffix("%)")?.rsplit_once('(')?;
            rest.bytes().all(|byte| byte.is_ascii_digit()).then_some(pager.len())
        };
        let line = line.trim_end();
        let bare = percentage(line).and_then(|end| line.get(..end)).unwrap_or(line);
        ends_with_any(line, &self.pagers) || ends_with_any(bare, &self.pagers)
    }

    /// Whether a pager's prompt is all that stands on `line`; output may read like one for a moment, until the rest of
    /// it comes.
    pub(crate) fn is_pager_alone(&self, line: &str) -> bool {
        let line = line.trim_end();
        let before = self.pagers.iter().filter_map(|pager| line.strip_suffix(pager.as_str()));
        before.min_by_key(|before| before.len()).is_some_and(|before| !before.contains(char::is_alphanumeric))
    }

    /// Whether `command` leaves nothing behind in the session.
    pub(crate) fn is_harmless(&self, command: &str) -> bool {
        // Behind a semicolon some devices take another command.
        !command.contains(';') && self.harmless.iter().any(|start| command.starts_with(start.as_str()))
    }

    /// The line of `text` that refuses a command.
    ///
    /// Refusals are short. In a long answer a line that reads like one is part of what was asked for.
    pub(crate) fn refusal_in<'a>(&self, text: &'a str) -> Option<&'a str> {
        const LONGEST: usize = 4096;
        let text = if text.len() <= LONGEST { text } else { return None };
        // Most begin alike, and most answers hold no line that does.
        let mut sought = ("", true);
        let mut possible = self.refusals.iter().filter(|refusal| {
            if sought.0 != refusal.starts {
                let begun = refusal.starts.bytes().next().is_none_or(|first| holds(text.as_bytes(), first));
                sought = (&refusal.starts, begun && text.contains(&refusal.starts));
            }
            sought.1
        });
        possible.next()?;
        text.lines().find(|line| {
            let line = line.trim_start();
            self.refusals.iter().any(|refusal| {
                line.strip_prefix(refusal.starts.as_str()).is_some_and(|rest| rest.contains(refusal.contains.as_str()))
            })
        })
    }
}

/// Whether `line`, without the blanks at its end, ends with one of `ends`.
fn ends_with_any(line: &str, ends: &[String]) -> bool {
    let line = line.trim_end();
    !line.is_empty() && ends.iter().map(|end| end.trim_end()).any(|end| !end.is_empty() && line.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(platform: &str, line: &str) -> Option<String> {
        Platform::named(platform).and_then(|platform| platform.mode_of(line).map(str::to_owned))
    }

    #[test]
    fn modes_are_told_by_their_prompts() {
        assert_eq!(mode("frr", "r1> ").as_deref(), Some("exec"));
        assert_eq!(mode("frr", "r1# ").as_deref(), Some("enable"));
        assert_eq!(mode("frr", "r1(config)# ").as_deref(), Some("config"));
        assert_eq!(mode("frr", "r1(config-router-af)# ").as_deref(), Some("config"));
        assert_eq!(mode("cisco_ios", "sw-1.lab#").as_deref(), Some("enable"));
        assert_eq!(mode("cisco_ios", "sw(config-if)#").as_deref(), Some("config"));
        for line in ["*> ", "*>", "# ", ">", "", "route # ", " r1# ", "% r1#", "r1#  "] {
            assert_eq!(mode("frr", line), None, "{line:?}");
        }
    }

    #[test]
    fn modes_of_other_vendors() {
        assert_eq!(mode("cisco_xr", "RP/0/RP0/CPU0:r1#").as_deref(), Some("enable"));
        assert_eq!(mode("cisco_xr", "RP/0/RP0/CPU0:r1(config-if)#").as_deref(), Some("config"));
        assert_eq!(mode("cisco_nxos", "n9k# ").as_deref(), Some("enable"));
        assert_eq!(mode("cisco_nxos", "n9k(config-if)# ").as_deref(), Some("config"));
        assert_eq!(mode("arista_eos", "leaf1>").as_deref(), Some("exec"));
        assert_eq!(mode("arista_eos", "leaf1(config-if-Et1)#").as_deref(), Some("config"));
        assert_eq!(mode("juniper_junos", "ada@mx1> ").as_deref(), Some("operational"));
        assert_eq!(mode("juniper_junos", "ada@mx1# ").as_deref(), Some("configuration"));
        assert_eq!(mode("juniper_junos", "ada@mx1% ").as_deref(), Some("shell"));
    }

    #[test]
    fn what_stands_above_a_prompt() {
        let junos = Platform::named("juniper_junos").expect("built in");
        for line in ["[edit]", "[edit interfaces ge-0/0/0]", "{master}", "{master:0}[edit]", "", "  "] {
            assert!(junos.may_stand_above_prompt(line), "{line:?}");
        }
        assert!(!junos.may_stand_above_prompt("edit]") && junos.is_pager("---(more 42%)---"));
        let generic = Platform::named("generic").expect("built in");
        for (line, alone) in [(" --More-- ", true), ("<--- More --->", true), ("see --More--", false), ("More", false)]
        {
            assert_eq!(generic.is_pager_alone(line), alone, "{line:?}");
        }
        assert!(!Platform::named("frr").expect("built in").may_stand_above_prompt(""));
    }

    #[test]
    fn pagers_of_many_devices() {
        let generic = Platform::named("generic").expect("built in");
        for line in [
            " --More-- ",
            "--More-- or (q)uit",
            "---(more)---",
            "---(more 34%)---",
            "--More-- (12%)",
            "--More--(12%)",
            "Press any key to continue (Q to quit)",
            "-More-",
        ] {
            assert!(generic.is_pager(line), "{line:?}");
        }
        for line in ["", "(12%)", "disk used (12%)", "more", "r1#"] {
            assert!(!generic.is_pager(line), "{line:?}");
        }
    }

    #[test]
    fn ways_are_found() {
        let frr = Platform::named("frr").expect("built in");
        assert_eq!(frr.step_towards("exec", "config"), Some("enable"));
        assert_eq!(frr.step_towards("enable", "config"), Some("configure terminal"));
        assert_eq!(frr.step_towards("config", "enable"), Some("end"));
        assert_eq!(frr.step_towards("config", "nowhere"), None);
    }

    #[test]
    fn all_names_are_known() {
        for name in Platform::BUILT_IN {
            assert_eq!(Platform::named(name).expect("built in").name(), name);
        }
        assert!(Platform::named("nonesuch").is_none());
    }

    #[test]
    fn what_leaves_nothing_behind() {
        let frr = Platform::named("frr").expect("built in");
        assert!(frr.is_harmless("show version"));
        for command in ["terminal length 24", "showcase", "do show version", " show version", "configure terminal"] {
            assert!(!frr.is_harmless(command), "{command}");
        }
        assert!(!Platform::named("generic").expect("built in").is_harmless("show version"));
        let nxos = Platform::named("cisco_nxos").expect("built in");
        assert!(nxos.is_harmless("show clock"));
        assert!(!nxos.is_harmless("show clock ; terminal monitor"));
    }

    #[test]
    fn refusals() {
        let frr = Platform::named("frr").expect("built in");
        assert_eq!(frr.refusal_in("% [ZEBRA] Unknown command: bogus"), Some("% [ZEBRA] Unknown command: bogus"));
        assert_eq!(frr.refusal_in("a\n% Network not in table"), None);
    }
}
