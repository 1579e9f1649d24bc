//! A configuration file as keywords and their values.

/// One line that says something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: usize,
    /// In lower case.
    pub(super) keyword: String,
    /// Split at blanks, quotes taken off.
    pub(super) values: Vec<String>,
    /// Everything behind the keyword, as it stands.
    pub(super) rest: String,
}

/// The lines of a file; what cannot be read comes with its number.
pub(super) struct Lines<'a>(std::iter::Enumerate<std::str::Lines<'a>>);

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self(text.lines().enumerate())
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<Line, (usize, &'static str)>;

    fn next(&mut self) -> Option<Self::Item> {
        for (at, text) in self.0.by_ref() {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let end = text.find(|letter: char| letter.is_whitespace() || letter == '=').unwrap_or(text.len());
            let (keyword, rest) = text.split_at(end);
            // One equals sign may stand between the two, with blanks around it.
            let rest = rest.trim_start();
            let rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
            let line = words(rest).map(|values| Line {
                number: at + 1,
                keyword: keyword.to_ascii_lowercase(),
                values,
                rest: rest.to_owned(),
            });
            return Some(line.map_err(|what| (at + 1, what)));
        }
        None
    }
}

/// Words, some of them in quotes; a `#` at the start of one ends the line.
fn words(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut letters = text.chars().peekable();
    loop {
        while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
        match letters.peek() {
            None | Some('#') => return Ok(words),
            Some(_) => {}
        }
        let mut word = String::new();
        let mut quote = None;
        while let Some(letter) = letters.next() {
            match (letter, quote) {
                ('\\', _) if letters.peek().is_some_and(|next| matches!(next, '"' | '\'' | '\\')) => {
                    word.extend(letters.next());
                }
                ('\\', None) if letters.peek() == Some(&' ') => word.extend(letters.next()),
                (letter, Some(open)) if letter == open => quote = None,
                (letter, None) if matches!(letter, '"' | '\'') => quote = Some(letter),
                (letter, None) if letter.is_whitespace() => break,
                (letter, _) => word.push(letter),
            }
        }
        if quote.is_some() {
            return Err("a quote is not closed");
        }
        words.push(word);
    }
}
