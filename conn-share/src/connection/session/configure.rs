//! Several lines of configuration: in, line by line, and out again whatever happens.

use super::{ExecuteOptions, Session, check, printable};
use crate::deadline::Deadline;
use crate::secret::masked;
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
        let applied = self.apply(&lines, deadline).await;
        // In step, the way out is taken now; out of step it stays noted for the next user.
        let left = if self.is_in_step() { self.leave_configuration(deadline).await } else { Ok(()) };
        let text = applied?;
        left.map_err(|error| error.with_phase("leaving the configuration mode"))?;
        Ok(Reply::new(text).with_elapsed(started.elapsed()).with_mode(self.known.mode()))
    }

    /// Enters the lines up to the first that is refused.
    async fn apply(&mut self, lines: &[&str], deadline: Deadline) -> Result<String> {
        let configures = self.known.platform.configuration_mode().is_some();
        let mut text = String::new();
        for (done, line) in lines.iter().enumerate() {
            let reply = self.execute(line, &ExecuteOptions::default(), deadline).await;
            let reply = reply.map_err(|error| {
                let kind = error.kind();
                Error::new(kind, format!("no answer to line {} of {}; {}", done + 1, lines.len(), applied(lines, done)))
                    .with_source(error)
                    .with_sent(true)
                    .with_phase("configuring")
            })?;
            // In configuration mode devices say nothing but what is wrong; everything that reads like it counts.
            let complaint = || reply.lines().find(|said| configures && said.trim_start().starts_with('%'));
            if let Some(said) = reply.refused().or_else(complaint) {
                let (at, of, said, line) = (done + 1, lines.len(), printable(&masked(said)), printable(&masked(line)));
                let message = format!("line {at} of {of} was refused, `{line}`: {said}; {}", applied(lines, done));
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

    /// Goes back to where a configuration came from, if one was under way.
    pub(super) async fn leave_configuration(&mut self, deadline: Deadline) -> Result<()> {
        let Some(mode) = self.leave_for.clone() else { return Ok(()) };
        if self.known.platform.configuration_mode() == Some(self.known.mode()) {
            self.go_to(&mode, None, deadline).await?;
        }
        self.leave_for = None;
        Ok(())
    }
}

/// Which lines are in force.
fn applied(lines: &[&str], done: usize) -> String {
    match lines.get(..done) {
        None | Some([]) => "no line was applied".to_owned(),
        Some([only]) => format!("line 1 was applied: `{}`", printable(&masked(only))),
        Some([.., last]) => format!("lines 1 to {done} were applied, the last of them `{}`", printable(&masked(last))),
    }
}
