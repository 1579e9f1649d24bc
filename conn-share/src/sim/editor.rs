//! One line of input, edited as on a terminal.

/// What a key did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// Changed the line, or nothing.
    Edited,
    /// Ended the line.
    Line(String),
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D on an empty line.
    EndOfInput,
}

/// Collects a line; CR, LF and CR LF end it once.
#[derive(Debug, Default)]
pub(super) struct Editor {
    line: Vec<u8>,
    /// Where in the line the next character goes.
    cursor: usize,
    after_cr: bool,
    escape: Escape,
}

#[derive(Debug, Default, PartialEq)]
enum Escape {
    #[default]
    No,
    Started,
    Sequence,
}

impl Editor {
    /// A longer line is cut, with a bell for each key beyond.
    const LONGEST: usize = 4096;

    /// Takes one byte of input; what the terminal shows for it is appended to `screen`, unless it is a secret.
    pub(super) fn key(&mut self, byte: u8, secret: bool, screen: &mut Vec<u8>) -> Key {
        let after_cr = std::mem::take(&mut self.after_cr);
        match self.escape {
            Escape::No => {}
            Escape::Started => {
                self.escape = if byte == b'[' { Escape::Sequence } else { Escape::No };
                return Key::Edited;
            }
            Escape::Sequence => {
                if (0x40..=0x7e).contains(&byte) {
                    self.escape = Escape::No;
                }
                return Key::Edited;
            }
        }
        let mut shown = Vec::new();
        let key = match byte {
            b'\n' if after_cr => Key::Edited,
            b'\r' | b'\n' => {
                self.after_cr = byte == b'\r';
                screen.extend_from_slice(b"\r\n");
                self.cursor = 0;
                let line = std::mem::take(&mut self.line);
                return Key::Line(String::from_utf8_lossy(&line).into_owned());
            }
            0x03 => {
                self.line.clear();
                self.cursor = 0;
                screen.extend_from_slice(b"\r\n");
                return Key::Interrupt;
            }
            0x04 if self.line.is_empty() => return Key::EndOfInput,
            _ => {
                self.edit(byte, &mut shown);
                Key::Edited
            }
        };
        if !secret {
            screen.extend_from_slice(&shown);
        }
        key
    }

    /// Draws the line as it is, the cursor where it is.
    pub(super) fn redraw(&self, screen: &mut Vec<u8>) {
        screen.extend_from_slice(&self.line);
        back(&self.line[self.cursor..], screen);
    }

    fn edit(&mut self, byte: u8, shown: &mut Vec<u8>) {
        match byte {
            0x08 | 0x7f => self.rub_out(1, shown),
            0x01 => {
                back(&self.line[..self.cursor], shown);
                self.cursor = 0;
            }
            0x05 => {
                shown.extend_from_slice(&self.line[self.cursor..]);
                self.cursor = self.line.len();
            }
            0x0b => self.cut_to_end(shown),
            0x15 => {
                back(&self.line[..self.cursor], shown);
                self.cursor = 0;
                self.cut_to_end(shown);
            }
            0x17 => {
                let before = &self.line[..self.cursor];
                let blanks = before.iter().rev().take_while(|byte| **byte == b' ').count();
                let word = before.iter().rev().skip(blanks).take_while(|byte| **byte != b' ');
                let word = word.filter(|byte| starts_character(**byte)).count();
                self.rub_out(blanks + word, shown);
            }
            0x1b => self.escape = Escape::Started,
            0x00..=0x1f => {}
            _ if self.line.len() == Self::LONGEST => shown.push(0x07),
            _ => {
                self.line.insert(self.cursor, byte);
                shown.extend_from_slice(&self.line[self.cursor..]);
                self.cursor += 1;
                back(&self.line[self.cursor..], shown);
            }
        }
    }

    fn cut_to_end(&mut self, shown: &mut Vec<u8>) {
        let blanks = vec![b' '; columns(&self.line[self.cursor..])];
        shown.extend_from_slice(&blanks);
        back(&blanks, shown);
        self.line.truncate(self.cursor);
    }

    /// Takes so many characters away before the cursor.
    fn rub_out(&mut self, characters: usize, shown: &mut Vec<u8>) {
        for _ in 0..characters {
            let Some(start) = self.line[..self.cursor].iter().rposition(|byte| starts_character(*byte)) else { return };
            self.line.drain(start..self.cursor);
            self.cursor = start;
            shown.push(0x08);
            shown.extend_from_slice(&self.line[start..]);
            shown.push(b' ');
            back(&self.line[start..], shown);
            shown.push(0x08);
        }
    }
}

fn starts_character(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

fn columns(text: &[u8]) -> usize {
    text.iter().filter(|byte| starts_character(**byte)).count()
}

/// Moves the cursor back over `text`.
fn back(text: &[u8], shown: &mut Vec<u8>) {
    shown.extend(std::iter::repeat_n(0x08, columns(text)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(input: &[u8]) -> (Vec<String>, String) {
        let (mut editor, mut screen) = (Editor::default(), Vec::new());
        let lines = input.iter().filter_map(|byte| match editor.key(*byte, false, &mut screen) {
            Key::Line(line) => Some(line),
            _ => None,
        });
        (lines.collect(), String::from_utf8(screen).expect("utf-8"))
    }

    #[test]
    fn every_line_end_ends_a_line_once() {
        assert_eq!(typed(b"a\rb\nc\r\nd\r\0e\n\nf\r\r").0, ["a", "b", "c", "d", "e", "", "f", ""]);
    }

    #[test]
    fn keys_edit_the_line_and_the_screen() {
        assert_eq!(typed(b"shp\x08ow\r"), (vec!["show".to_owned()], "shp\x08 \x08ow\r\n".to_owned()));
        assert_eq!(typed(b"one two  \x17three\r").0, ["one three"]);
        assert_eq!(typed(b"wrong\x15right\r").0, ["right"]);
        assert_eq!(typed("gr\u{fc}\x7fin\r".as_bytes()).0, ["grin"]);
        assert_eq!(typed(b"a\x1b[D\x1bOb\r").0, ["ab"]);
        assert_eq!(typed(b"\x08\x15\x17x\r").0, ["x"]);
        assert_eq!(typed(b"ersion\x01v\x05s\r").0, ["versions"]);
        assert_eq!(typed(b"on\x01vers\x7f\x7fersi\r").0, ["veersion"]);
        assert_eq!(typed(b"12\x01\x0bx\r").1, "12\x08\x08  \x08\x08x\r\n");
    }

    #[test]
    fn a_long_line_is_cut() {
        let (lines, screen) = typed(&[[b'x'; 5000].as_slice(), b"\r"].concat());
        assert_eq!(lines[0].len(), Editor::LONGEST);
        assert!(screen.ends_with("\x07\r\n"));
    }
}
