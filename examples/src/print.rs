//! Outputs of devices on a person's terminal.

use std::error::Error;

/// Prints outputs: their first lines, or all of them.
#[derive(Clone, Copy, Debug)]
pub struct Printer {
    /// Whether outputs are printed whole.
    pub full: bool,
}

impl Printer {
    const FIRST: usize = 4;

    /// Prints an output under its title.
    pub fn output(&self, title: &str, text: &str) {
        println!("\n--- {title}");
        let lines: Vec<&str> = text.lines().collect();
        let shown = if self.full { lines.len() } else { Self::FIRST };
        lines.iter().take(shown).for_each(|line| println!("{}", harmless(line)));
        if lines.len() > shown {
            println!("    ... {} more lines; --full prints them", lines.len() - shown);
        }
    }
}

/// An error with all its causes, in one line.
pub fn whole_error(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    harmless(&text)
}

/// A device has no business moving the cursor: control characters are shown, not obeyed.
pub fn harmless(line: &str) -> String {
    let shown = |c: char| if c.is_control() && c != '\t' { c.escape_default().to_string() } else { c.to_string() };
    line.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_do_not_move_the_cursor() {
        assert_eq!(harmless("a\tb \x1b[2J\x07"), "a\tb \\u{1b}[2J\\u{7}");
    }

    #[test]
    fn errors_come_with_their_causes() {
        let cause = conn_share::LockError::Closed;
        let error = conn_share::Error::from(cause);
        assert_eq!(whole_error(&error), "the connection's lock was not taken: the lock is closed");
    }
}
