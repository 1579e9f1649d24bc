//! Who waited for whom, as a picture.

use std::fmt;
use std::time::Duration;

/// One call, in time from the beginning of a [`Timeline`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What was called for.
    pub name: String,
    /// Who did it: a worker or a task.
    pub by: String,
    /// When it was asked for.
    pub asked: Duration,
    /// When its turn came.
    pub started: Duration,
    /// When the answer was complete.
    pub ended: Duration,
}

/// Calls that share a connection or a pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline(pub Vec<Call>);

impl Timeline {
    const WIDTH: usize = 40;

    /// How many calls were at work at the same time, at most.
    pub fn most_at_once(&self) -> usize {
        let begun = |at: Duration| self.0.iter().filter(|call| call.started <= at && at < call.ended).count();
        self.0.iter().map(|call| begun(call.started)).max().unwrap_or(0)
    }

    /// Those that were at work while this one waited, each once.
    fn waited_for(&self, waiting: &Call) -> Vec<&str> {
        let mut busy = Vec::new();
        for other in &self.0 {
            let overlaps = other.started < waiting.started && other.ended > waiting.asked;
            if other != waiting && overlaps && !busy.contains(&other.by.as_str()) {
                busy.push(other.by.as_str());
            }
        }
        busy
    }
}

impl Call {
    fn waited(&self) -> Duration {
        self.started.saturating_sub(self.asked)
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Shorter waits are the program's own steps, not somebody else's turn.
        const WORTH_SAYING: Duration = Duration::from_micros(500);

        let whole = self.0.iter().map(|call| call.ended).max().unwrap_or_default().max(Duration::from_nanos(1));
        let column = |at: Duration| {
            let share = at.as_secs_f64() / whole.as_secs_f64();
            ((share * Self::WIDTH as f64) as usize).min(Self::WIDTH - 1)
        };
        let names = self.0.iter().map(|call| call.name.len()).max().unwrap_or(0);
        let by = self.0.iter().map(|call| call.by.len()).max().unwrap_or(0);
        for call in &self.0 {
            let (asked, started, ended) = (column(call.asked), column(call.started), column(call.ended));
            let bar: String = (0..Self::WIDTH)
                .map(|at| match at {
                    _ if (started..=ended).contains(&at) => '#',
                    _ if (asked..started).contains(&at) => '.',
                    _ => ' ',
                })
                .collect();
            write!(f, "  {:<by$}  {:<names$}  |{bar}|", call.by, call.name)?;
            write!(f, " ran {} to {}", Millis(call.started), Millis(call.ended))?;
            let others = self.waited_for(call);
            if call.waited() >= WORTH_SAYING && !others.is_empty() {
                write!(f, ", after {} waiting for {}", Millis(call.waited()), others.join(", "))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ms", self.0.as_secs_f64() * 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(by: &str, asked: u64, started: u64, ended: u64) -> Call {
        let [asked, started, ended] = [asked, started, ended].map(Duration::from_millis);
        Call { name: "show".into(), by: by.into(), asked, started, ended }
    }

    #[test]
    fn waits_have_a_reason() {
        let timeline = Timeline(vec![call("a", 0, 0, 10), call("b", 0, 10, 20), call("c", 12, 12, 15)]);
        assert_eq!(timeline.most_at_once(), 2);
        let text = timeline.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "  a  show  |#####################                   | ran 0.0 ms to 10.0 ms");
        assert_eq!(
            lines[1],
            format!(
                "  b  show  |{}{}| ran 10.0 ms to 20.0 ms, after 10.0 ms waiting for a",
                ".".repeat(20),
                "#".repeat(20)
            )
        );
        assert!(lines[2].ends_with("ran 12.0 ms to 15.0 ms"), "{}", lines[2]);
    }

    #[test]
    fn whom_one_waits_for_twice_is_named_once() {
        let timeline = Timeline(vec![call("a", 0, 0, 5), call("a", 0, 5, 10), call("b", 0, 10, 20)]);
        assert_eq!(timeline.waited_for(&timeline.0[2]), ["a"]);
        assert_eq!(timeline.waited_for(&timeline.0[0]), [""; 0]);
    }

    #[test]
    fn nothing_is_drawn_as_nothing() {
        assert_eq!(Timeline::default().to_string(), "");
        assert_eq!(Timeline(vec![call("a", 0, 0, 0)]).to_string().lines().count(), 1);
    }
}
