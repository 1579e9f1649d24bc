//! The Telnet options of a terminal line (RFC 854, 857, 858, 1073): bytes in, text, replies and events out.

/// What arrived beside text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Arrived {
    /// The text, without Telnet commands.
    pub(super) text: Vec<u8>,
    /// What to send in answer.
    pub(super) reply: Vec<u8>,
    /// The rows of the client's terminal, if it told them.
    pub(super) rows: Option<u16>,
}

/// The server's side of the negotiation.
#[derive(Debug, Default)]
pub(super) struct TelnetOptions {
    state: State,
    told: Vec<u8>,
    /// The options that the client has been refused, so that it is told once.
    refused: Vec<(u8, u8)>,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Text,
    Command,
    Option(u8),
    Told,
    ToldCommand,
}

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
const SE: u8 = 240;
const BREAK: u8 = 243;
const INTERRUPT: u8 = 244;
const ARE_YOU_THERE: u8 = 246;
const ECHO: u8 = 1;
const SUPPRESS_GO_AHEAD: u8 = 3;
const WINDOW_SIZE: u8 = 31;
const LINE_MODE: u8 = 34;

impl TelnetOptions {
    /// What the server says first: it echoes, sends no go-aheads, wants no line mode, and the window's size.
    pub(super) const OPENING: [u8; 12] =
        [IAC, WILL, ECHO, IAC, WILL, SUPPRESS_GO_AHEAD, IAC, DONT, LINE_MODE, IAC, DO, WINDOW_SIZE];

    /// More than this of one subnegotiation is not kept.
    const LONGEST_TOLD: usize = 64;

    /// Takes what the client sent; commands may be split anywhere.
    pub(super) fn receive(&mut self, input: &[u8]) -> Arrived {
        let mut arrived = Arrived::default();
        for &byte in input {
            self.state = match (self.state, byte) {
                (State::Text, IAC) => State::Command,
                (State::Text, _) => {
                    arrived.text.push(byte);
                    State::Text
                }
                (State::Command, IAC) => {
                    arrived.text.push(IAC);
                    State::Text
                }
                (State::Command, WILL | WONT | DO | DONT) => State::Option(byte),
                (State::Command, SB) => {
                    self.told.clear();
                    State::Told
                }
                (State::Command, BREAK | INTERRUPT) => {
                    arrived.text.push(0x03);
                    State::Text
                }
                (State::Command, ARE_YOU_THERE) => {
                    arrived.reply.extend_from_slice(b"\r\n[Yes]\r\n");
                    State::Text
                }
                (State::Command, _) => State::Text,
                (State::Option(verb), option) => {
                    self.negotiate(verb, option, &mut arrived.reply);
                    State::Text
                }
                (State::Told, IAC) => State::ToldCommand,
                (State::Told, _) => self.keep(byte),
                (State::ToldCommand, IAC) => self.keep(IAC),
                (State::ToldCommand, SE) => {
                    if let [WINDOW_SIZE, _, _, high, low] = self.told[..] {
                        arrived.rows = Some(u16::from_be_bytes([high, low]));
                    }
                    State::Text
                }
                (State::ToldCommand, _) => State::Text,
            };
        }
        arrived
    }

    fn keep(&mut self, byte: u8) -> State {
        if self.told.len() < Self::LONGEST_TOLD {
            self.told.push(byte);
        }
        State::Told
    }

    /// Refuses what the opening did not offer, once; what it did offer needs no answer.
    fn negotiate(&mut self, verb: u8, option: u8, reply: &mut Vec<u8>) {
        let refusal = match (verb, option) {
            (DO, ECHO | SUPPRESS_GO_AHEAD) | (WILL, WINDOW_SIZE) | (DONT | WONT, _) => return,
            (DO, _) => WONT,
            _ => DONT,
        };
        if !self.refused.contains(&(refusal, option)) {
            self.refused.push((refusal, option));
            reply.extend_from_slice(&[IAC, refusal, option]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_taken_out_wherever_the_input_is_cut() {
        let input = [
            &b"sh"[..],
            &[IAC, DO, ECHO, IAC, WILL, 24, IAC, WILL, 24, IAC, DO, 0],
            &[IAC, SB, WINDOW_SIZE, 0, 80, 0, 50, IAC, SE],
            &[b'o', IAC, IAC, IAC, INTERRUPT, b'w'],
        ]
        .concat();
        for cut in 0..=input.len() {
            let mut options = TelnetOptions::default();
            let (first, second) = (options.receive(&input[..cut]), options.receive(&input[cut..]));
            assert_eq!([first.text, second.text].concat(), b"sho\xff\x03w", "cut at {cut}");
            assert_eq!([first.reply, second.reply].concat(), [IAC, DONT, 24, IAC, WONT, 0], "cut at {cut}");
            assert_eq!(first.rows.or(second.rows), Some(50), "cut at {cut}");
        }
    }

    #[test]
    fn a_long_subnegotiation_takes_no_memory() {
        let mut options = TelnetOptions::default();
        options.receive(&[IAC, SB]);
        for _ in 0..1000 {
            options.receive(&[7; 100]);
        }
        assert!(options.told.len() <= TelnetOptions::LONGEST_TOLD);
    }
}
