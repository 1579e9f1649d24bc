//! Several lines of configuration: in, line by line, and out again whatever happens.

use super::open::answering;
use super::{ExecuteOptions, Session, check};
use crate::connection::hidden::Hidden;
use crate::deadline::Deadline;
use crate::{Error, ErrorKind, Reply, Result};

impl Session {
    /// Applies `config`, one command a line; empty lines are left out.
    ///
    /// Dropped half-way, the lines sent so far may be applied, and the next user's resynchronisation leaves the mode.
    pub(crate) async fn configure(&mut self, config: &str, deadline: Deadline) -> Result<Reply> {
        let lines: Vec<&str> = config.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        lines.iter().try_for_each(|line| check(line))?;
        let started = tokio::time::Instant::now();
        let platform = self.known.platform.clone();
        if let Some(mode) = platform.configuration_mode() {
            // Noted before the first step in, so that a cut anywhere finds the way out.
            let back = Some(self.known.mode()).filter(|from| *from != mode).or(platform.privileged_mode());
            self.leave_for = back.map(str::to_owned);
            let entered = self.go_to(mode, None, deadline).await;
            if let Err(error) = entered {
                // Out of step, the mode is not known: the step in may still be answered.
                if self.is_in_step()
                    && let Err(stays) = self.leave_configuration(deadline).await
                {
                    tracing::debug!(error = %stays, "the next call leaves the configuration mode");
                }
                return Err(error);
            }
        }
        let applied = match self.apply(&lines, deadline).await {
            Ok(text) => self.commit(text, deadline).await,
            refused => refused,
        };
        // In step, the way out is taken now; out of step it stays noted for the next user.
        let left = if self.is_in_step() { self.leave_configuration(deadline).await } else { Ok(()) };
        let text = applied?;
        left.map_err(|error| error.with_phase("leaving the configuration mode"))?;
        Ok(Reply::new(text).with_elapsed(started.elapsed()).with_mode(self.known.mode()))
    }

    /// Enters the lines up to the first that is refused.
    async fn apply(&mut self, lines: &[&str], deadline: Deadline) -> Result<String> {
        let hidden = self.hidden.clone();
        let configures = self.known.platform.configuration_mode().is_some();
        let commits = self.known.platform.commit_command().is_some();
        let applied = |done| if commits { "nothing was committed".to_owned() } else { applied(lines, done, &hidden) };
        let mut text = String::new();
        for (done, line) in lines.iter().enumerate() {
            let reply = self.execute(line, &ExecuteOptions::default(), deadline).await;
            let reply = reply.map_err(|error| {
                let kind = error.kind();
                Error::new(kind, format!("no answer to line {} of {}; {}", done + 1, lines.len(), applied(done)))
                    .with_source(error)
                    .with_sent(true)
                    .with_phase("configuring")
            })?;
            // In configuration mode devices say nothing but what is wrong; everything that reads like it counts.
            let complaint = || reply.lines().find(|said| configures && said.trim_start().starts_with('%'));
            if let Some(said) = reply.refused().or_else(complaint) {
                let (at, of, said, line) = (done + 1, lines.len(), hidden.quote_line(said), hidden.quote_line(line));
                let message = format!("line {at} of {of} was refused, `{line}`: {said}; {}", applied(done));
                return Err(Error::new(ErrorKind::Refused, message).with_sent(true).with_phase("configuring"));
            }
            if !reply.is_empty() {
                text.push_str(&reply);
                text.push('\n');
            }
        }
        text.truncate(text.trim_end_matches('\n').len());
        Ok(text)
    }

    /// Puts the candidate in force, where lines are one.
    async fn commit(&mut self, mut text: String, deadline: Deadline) -> Result<String> {
        let platform = self.known.platform.clone();
        let Some(commit) = platform.commit_command() else { return Ok(text) };
        let reply = self.execute(&commit.command, &answering(&platform, None), deadline).await;
        let reply = reply.map_err(|error| {
            let kind = error.kind();
            Error::new(kind, format!("no answer to `{}`: whether the lines are in force is not known", commit.command))
                .with_source(error)
                .with_sent(true)
                .with_phase("committing")
        })?;
        // Whether a question was answered by a no, and what it asked.
        let asked = reply.lines().find_map(|line| {
            let asked = platform.questions().iter().filter(|question| line.contains(&question.end));
            let answers: Vec<_> = asked.map(|question| question.answer.trim().to_ascii_lowercase()).collect();
            (!answers.is_empty()).then(|| (line, answers.iter().all(|answer| matches!(answer.as_str(), "no" | "n"))))
        });
        // Long answers, too: nothing in them was asked for.
        let refused = reply.refused().or_else(|| reply.lines().find_map(|line| platform.refusal_in(line)));
        let silent = || (!reply.contains(&commit.said)).then(|| reply.lines().last().unwrap_or_default());
        // Where success is silent, everything that reads like a complaint may be a failure.
        let complaint = || reply.lines().find(|line| commit.said.is_empty() && line.trim_start().starts_with('%'));
        let said = refused.or(asked.map(|(line, _)| line));
        let failed = said.map(|said| (said, asked.is_none_or(|(_, declined)| declined)));
        let doubtful = || silent().or_else(complaint).map(|said| (said, false));
        if let Some((said, known)) = failed.or_else(doubtful) {
            let outcome = if known { "no line is in force" } else { "whether the lines are in force is not known" };
            let message = format!("`{}` failed: {}; {outcome}", commit.command, self.hidden.quote_line(said));
            return Err(Error::new(ErrorKind::Refused, message).with_sent(true).with_phase("committing"));
        }
        if !reply.is_empty() {
            text.push_str(if text.is_empty() { "" } else { "\n" });
            text.push_str(&reply);
        }
        Ok(text)
    }

    /// Goes back to where a configuration came from, if one was under way.
    pub(super) async fn leave_configuration(&mut self, deadline: Deadline) -> Result<()> {
        let Some(mode) = self.leave_for.clone() else { return Ok(()) };
        if self.known.platform.configuration_mode() == Some(self.known.mode()) {
            if let Some(discard) = self.known.platform.clone().discard_command() {
                self.execute(discard, &ExecuteOptions::default(), deadline).await?;
            }
            self.go_to(&mode, None, deadline).await?;
        }
        self.leave_for = None;
        Ok(())
    }
}

/// Which lines are in force.
fn applied(lines: &[&str], done: usize, hidden: &Hidden) -> String {
    match lines.get(..done) {
        None | Some([]) => "no line was applied".to_owned(),
        Some([only]) => format!("line 1 was applied: `{}`", hidden.quote_line(only)),
        Some([.., last]) => format!("lines 1 to {done} were applied, the last of them `{}`", hidden.quote_line(last)),
    }
}
