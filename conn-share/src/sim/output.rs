//! What a command prints.

use std::fmt;

/// The output of a command: lines, made one by one as the client reads them.
///
/// Anything that is a string is an output; [`Output::lines`] takes an iterator, which is only asked for the next line
/// when there is room for it on the way to the client. So an endless output needs no memory.
pub struct Output {
    lines: Box<dyn Iterator<Item = String> + Send>,
    put_back: Option<String>,
}

impl Output {
    /// No output at all.
    pub fn none() -> Self {
        Self::lines(std::iter::empty::<String>())
    }

    /// Lines without their ends, in order.
    ///
    /// ```
    /// use conn_share::sim::{Output, Router};
    ///
    /// // A flood: as many lines as the client is ready to read, and no end.
    /// let router = Router::builder().command("debug all", |_| Output::lines((1..).map(|n| format!("packet {n}"))));
    /// ```
    pub fn lines<I>(lines: I) -> Self
    where
        I: IntoIterator,
        I::IntoIter: Send + 'static,
        I::Item: Into<String> + 'static,
    {
        Self { lines: Box::new(lines.into_iter().map(Into::into)), put_back: None }
    }

    /// Makes `line` the next one.
    pub(super) fn put_back(&mut self, line: String) {
        self.put_back = Some(line);
    }

    /// Puts the lines that `line` makes for 0, 1, 2, … before the line of that number.
    pub(super) fn interrupted(self, mut line: impl FnMut(usize) -> Option<String> + Send + 'static) -> Self {
        Self::lines(self.enumerate().flat_map(move |(number, text)| line(number).into_iter().chain([text])))
    }
}

impl Iterator for Output {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        self.put_back.take().or_else(|| self.lines.next())
    }
}

impl From<String> for Output {
    fn from(text: String) -> Self {
        let mut at = 0;
        Self::lines(std::iter::from_fn(move || {
            let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
            let line = rest.split_once('\n').map_or(rest, |(line, _)| line);
            let line = line.to_owned();
            at += line.len() + 1;
            Some(line)
        }))
    }
}

impl From<&str> for Output {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Output(..)")
    }
}
