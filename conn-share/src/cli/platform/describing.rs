//! How a platform is described, part by part.

use super::{AbovePrompt, Commit, Mode, Platform, Proof, Question, Refusal, Way};

impl Platform {
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

    /// Says that a line without a command is nothing to do, where no proof says so.
    pub(super) fn takes_empty_lines(mut self) -> Self {
        self.takes_empty_lines = true;
        self
    }
}
