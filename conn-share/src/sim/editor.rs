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
        match byte {
            b'\n' if after_cr => {}
            b'\r' | b'\n' => {
                self.after_cr = byte == b'\r';
                screen.extend_from_slice(b"\r\n");
                let line = std::mem::take(&mut self.line);
                return Key::Line(String::from_utf8_lossy(&line).into_owned());
            }
            0x03 => {
                self.line.clear();
                screen.extend_from_slice(b"\r\n");
                return Key::Interrupt;
            }
            0x04 if self.line.is_empty() => return Key::EndOfInput,
            0x08 | 0x7f => self.rub_out(1, secret, screen),
            0x15 => self.rub_out(usize::MAX, secret, screen),
            0x17 => {
                let blanks = self.line.iter().rev().take_while(|byte| **byte == b' ').count();
                let word = self.line.iter().rev().skip(blanks).take_while(|byte| **byte != b' ').count();
                self.rub_out(blanks + word, secret, screen);
            }
            0x1b => self.escape = Escape::Started,
            0x00..=0x1f => {}
            _ if self.line.len() == Self::LONGEST => screen.push(0x07),
            _ => {
                self.line.push(byte);
                if !secret {
                    screen.push(byte);
                }
            }
        }
        Key::Edited
    }

    /// What has been typed of the line.
    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }

    fn rub_out(&mut self, count: usize, secret: bool, screen: &mut Vec<u8>) {
        for _ in 0..count.min(self.line.len()) {
            // A character of several bytes goes as one.
            while self.line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            if !secret {
                screen.extend_from_slice(b"\x08 \x08");
            }
        }
    }
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
    }

    #[test]
    fn a_long_line_is_cut() {
        let (lines, screen) = typed(&[[b'x'; 5000].as_slice(), b"\r"].concat());
        assert_eq!(lines[0].len(), Editor::LONGEST);
        assert!(screen.ends_with("\x07\r\n"));
    }
}
