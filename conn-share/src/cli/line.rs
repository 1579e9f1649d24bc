//! The line in the making: printed to, overprinted, erased.

use super::screen::decode;

/// On lines with more characters than this, editing that would move their tail is left out.
///
/// Line editors work on screen lines, far shorter; without the bound, a hostile peer makes a few bytes cost a
/// megabyte's move.
const EDITABLE: usize = 4096;

/// One line. It is a plain byte string until the cursor first goes back, and cells from then on.
#[derive(Debug, Default)]
pub(crate) struct Line {
    bytes: Vec<u8>,
    cells: Option<Cells>,
}

#[derive(Debug, Default)]
struct Cells {
    chars: Vec<char>,
    cursor: usize,
    /// The start of a character whose other bytes are still to come.
    partial: Vec<u8>,
}

impl Line {
    /// A line on which `text` stands already.
    pub(crate) fn holding(text: &str) -> Self {
        Self { bytes: text.as_bytes().to_vec(), cells: None }
    }

    /// How much it holds, about, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() + self.cells.as_ref().map_or(0, |cells| cells.chars.len() * 4)
    }

    /// Whether nothing was done on it yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.cells.is_none()
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.cells = None;
    }

    /// Writes `run`, which holds no control characters, at the cursor.
    pub(crate) fn print(&mut self, run: &[u8]) {
        match &mut self.cells {
            None => self.bytes.extend_from_slice(run),
            Some(cells) => cells.print(run),
        }
    }

    /// Moves the line, whole, to the end of `text`.
    pub(crate) fn commit_to(&mut self, text: &mut Vec<u8>) {
        if let Some(mut cells) = self.cells.take() {
            // Blanks after the cursor are what is left of something erased by overprinting.
            while cells.chars.len() > cells.cursor && cells.chars.last() == Some(&' ') {
                cells.chars.pop();
            }
            self.bytes.extend_from_slice(cells.text(..).as_bytes());
            self.bytes.extend_from_slice(&cells.partial);
        }
        text.append(&mut self.bytes);
    }

    /// What stands up to the cursor, when nothing but blanks follows it.
    pub(crate) fn up_to_cursor(&self) -> Option<String> {
        match &self.cells {
            None => Some(decode(self.bytes.clone())),
            Some(cells) if cells.blank_after_cursor() => Some(cells.text(..cells.cursor)),
            Some(_) => None,
        }
    }

    /// What stands before the cursor, whatever follows it.
    pub(crate) fn before_cursor(&self) -> String {
        match &self.cells {
            None => decode(self.bytes.clone()),
            Some(cells) => cells.text(..cells.cursor),
        }
    }

    /// Whether it reads `line`, with the cursor behind it and nothing but blanks after the cursor.
    pub(crate) fn is(&self, line: &str) -> bool {
        match &self.cells {
            None if self.bytes == line.as_bytes() => true,
            None if self.bytes.is_ascii() || self.bytes.len() > 4 * line.len() => false,
            None => decode(self.bytes.clone()) == line,
            Some(cells) => cells.blank_after_cursor() && cells.chars[..cells.cursor].iter().copied().eq(line.chars()),
        }
    }

    /// What stands before `suffix`, if the line up to the cursor ends with it and nothing but blanks follow.
    pub(crate) fn before_suffix(&self, suffix: &str) -> Option<String> {
        match &self.cells {
            None => self.bytes.strip_suffix(suffix.as_bytes()).map(|before| decode(before.to_vec())),
            Some(cells) if cells.blank_after_cursor() => {
                let start = cells.cursor.checked_sub(suffix.chars().count())?;
                let here = &cells.chars[start..cells.cursor];
                here.iter().copied().eq(suffix.chars()).then(|| cells.text(..start))
            }
            Some(_) => None,
        }
    }

    pub(crate) fn go_to_start(&mut self) {
        self.cells().cursor = 0;
    }

    pub(crate) fn left(&mut self, count: usize) {
        let cells = self.cells();
        cells.cursor = cells.cursor.saturating_sub(count);
    }

    pub(crate) fn right(&mut self, count: usize) {
        let cells = self.cells();
        cells.move_to(cells.cursor + count.min(EDITABLE));
    }

    pub(crate) fn column(&mut self, column: usize) {
        self.cells().move_to(column.min(EDITABLE));
    }

    /// `EL`: 0 from the cursor on, 1 up to the cursor, 2 all.
    pub(crate) fn erase(&mut self, which: u16) {
        let cells = self.cells();
        match which {
            0 => cells.chars.truncate(cells.cursor),
            1 => {
                let end = cells.chars.len().min(cells.cursor + 1);
                if end <= EDITABLE {
                    cells.chars[..end].fill(' ');
                }
            }
            _ => {
                cells.chars.clear();
                cells.move_to(cells.cursor.min(EDITABLE));
            }
        }
    }

    pub(crate) fn delete(&mut self, count: usize) {
        let cells = self.cells();
        if cells.chars.len() <= EDITABLE {
            let end = cells.chars.len().min(cells.cursor + count);
            cells.chars.drain(cells.cursor.min(end)..end);
        }
    }

    pub(crate) fn insert(&mut self, count: usize) {
        let cells = self.cells();
        if cells.chars.len() + count <= EDITABLE {
            let at = cells.cursor;
            cells.chars.splice(at..at, std::iter::repeat_n(' ', count));
        }
    }

    fn cells(&mut self) -> &mut Cells {
        let bytes = &mut self.bytes;
        self.cells.get_or_insert_with(|| {
            let chars: Vec<char> = decode(std::mem::take(bytes)).chars().collect();
            Cells { cursor: chars.len(), chars, partial: Vec::new() }
        })
    }
}

impl Cells {
    fn print(&mut self, run: &[u8]) {
        if self.partial.is_empty() && run.is_ascii() {
            run.iter().for_each(|&byte| self.put(char::from(byte)));
            return;
        }
        for &byte in run {
            self.partial.push(byte);
            match std::str::from_utf8(&self.partial) {
                Ok(text) => {
                    let character = text.chars().next();
                    self.partial.clear();
                    character.into_iter().for_each(|character| self.put(character));
                }
                Err(error) if error.error_len().is_none() => {}
                Err(_) => {
                    let text = decode(std::mem::take(&mut self.partial));
                    text.chars().for_each(|character| self.put(character));
                }
            }
        }
    }

    fn put(&mut self, character: char) {
        match self.chars.get_mut(self.cursor) {
            Some(cell) => *cell = character,
            None => self.chars.push(character),
        }
        self.cursor += 1;
    }

    /// Moves the cursor; the line grows with blanks up to it.
    fn move_to(&mut self, column: usize) {
        while self.chars.len() < column {
            self.chars.push(' ');
        }
        self.cursor = column;
    }

    fn blank_after_cursor(&self) -> bool {
        let after = &self.chars[self.cursor..];
        self.partial.is_empty() && after.len() <= EDITABLE && after.iter().all(|&character| character == ' ')
    }

    fn text(&self, range: impl std::slice::SliceIndex<[char], Output = [char]>) -> String {
        self.chars[range].iter().collect()
    }
}
