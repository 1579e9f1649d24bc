//! The Telnet protocol as a plain value: bytes in, bytes and answers out.
//!
//! RFC 854 and 855, with ECHO (857), SUPPRESS-GO-AHEAD (858), BINARY (856), TERMINAL-TYPE (1091) and NAWS (1073).
//! We never ask for an option, we only answer. So of the states of RFC 1143 there is no "want": an option is on or
//! off, and only a request that would change it is answered. A request that was refused is not answered again until
//! the peer has taken it back, so that even a peer which insists gets no loop going.

use crate::transport::{COLUMNS, ROWS};

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
const SE: u8 = 240;

const CR: u8 = b'\r';
const LF: u8 = b'\n';
const NUL: u8 = 0;

const BINARY: u8 = 0;
const ECHO: u8 = 1;
const SUPPRESS_GO_AHEAD: u8 = 3;
const TIMING_MARK: u8 = 6;
const TERMINAL_TYPE: u8 = 24;
const WINDOW_SIZE: u8 = 31;

const TERMINAL_TYPE_IS: u8 = 0;
const TERMINAL_TYPE_SEND: u8 = 1;

/// What we say when asked which terminal we are. See the SSH side for the reasons.
const TERMINAL: &[u8] = b"vt100";

/// So much of a subnegotiation is looked at; those that we know are two bytes long.
const SUBNEGOTIATION_KEPT: usize = 16;

/// A subnegotiation longer than this has lost its end, and would swallow all output.
const SUBNEGOTIATION_LIMIT: usize = 16 * 1024;

/// Our side of a Telnet connection.
#[derive(Debug)]
pub(super) struct Protocol {
    state: State,
    /// The last byte of data was a carriage return.
    after_return: bool,
    /// The peer has sent a Telnet command, so that it is known to speak the protocol.
    speaks_telnet: bool,
    /// Options on our side, which the peer asks for with DO.
    ours: Options,
    /// Options on the peer's side, which it offers with WILL.
    theirs: Options,
    subnegotiation: Vec<u8>,
    subnegotiation_length: usize,
    answers: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Data,
    Command,
    /// After WILL, WONT, DO or DONT.
    Option(u8),
    Subnegotiation,
    SubnegotiationCommand,
}

/// The peer broke the protocol in a way that cannot be passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EndlessSubnegotiation;

/// The options of one side: which are on, and which were refused and not yet taken back.
#[derive(Debug)]
struct Options {
    on: [bool; 256],
    refused: [bool; 256],
}

/// What to say to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    Nothing,
}

impl Protocol {
    pub(super) fn new() -> Self {
        Self {
            state: State::Data,
            after_return: false,
            speaks_telnet: false,
            ours: Options::new(),
            theirs: Options::new(),
            subnegotiation: Vec::new(),
            subnegotiation_length: 0,
            answers: Vec::new(),
        }
    }

    /// Takes the protocol out of what arrived: the data moves to the front of `bytes`, its length is returned.
    pub(super) fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, EndlessSubnegotiation> {
        let (mut at, mut kept) = (0, 0);
        while let Some(rest) = bytes.get(at..)
            && !rest.is_empty()
        {
            let plain = match self.state {
                State::Data if !self.after_return => {
                    rest.iter().position(|byte| matches!(*byte, IAC | CR)).unwrap_or(rest.len())
                }
                _ => 0,
            };
            if kept != at {
                bytes.copy_within(at..at + plain, kept);
            }
            at += plain;
            kept += plain;
            let Some(byte) = bytes.get(at).copied() else { break };
            at += 1;
            if let Some(data) = self.step(byte)?
                && let Some(place) = bytes.get_mut(kept)
            {
                *place = data;
                kept += 1;
            }
        }
        Ok(kept)
    }

    /// What is to be sent on account of what was received; empties it.
    pub(super) fn take_answers(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.answers);
    }

    /// Appends `data` to `out` as it goes over the line.
    ///
    /// A carriage return without a line feed is followed by NUL, unless the peer takes binary data or has never
    /// shown that it speaks Telnet: something that is no Telnet server would see the NUL as input. To a peer that takes
    /// binary data the pair of RFC 854 is two keys and no line end (RFC 856): it gets the carriage return alone, as the
    /// Enter key sends it. From when on is told by our own agreement, which goes out in order with the data.
    pub(super) fn send(&self, data: &[u8], out: &mut Vec<u8>) {
        out.reserve(data.len());
        let binary = self.ours.is_on(BINARY);
        let pad = self.speaks_telnet && !binary;
        let mut rest = data;
        while let Some(at) = rest.iter().position(|byte| matches!(*byte, IAC | CR)) {
            let (plain, tail) = rest.split_at(at);
            out.extend_from_slice(plain);
            let (byte, tail) = tail.split_at(1);
            out.extend_from_slice(byte);
            match byte {
                [IAC] => out.push(IAC),
                _ if pad && tail.first() != Some(&LF) => out.push(NUL),
                _ => {}
            }
            rest = if binary && byte == [CR] { tail.strip_prefix(&[LF]).unwrap_or(tail) } else { tail };
        }
        out.extend_from_slice(rest);
    }

    /// Takes one byte; returns it when it is data.
    fn step(&mut self, byte: u8) -> Result<Option<u8>, EndlessSubnegotiation> {
        match self.state {
            State::Data if byte == IAC => {
                self.state = State::Command;
                Ok(None)
            }
            State::Data => Ok(self.data(byte)),
            State::Command => {
                self.state = State::Data;
                Ok(self.command(byte))
            }
            State::Option(verb) => {
                self.state = State::Data;
                self.negotiate(verb, byte);
                Ok(None)
            }
            State::Subnegotiation if byte == IAC => {
                self.state = State::SubnegotiationCommand;
                Ok(None)
            }
            State::SubnegotiationCommand if byte != IAC => {
                // Some leave IAC SE out and go on with the next command.
                self.subnegotiated();
                self.state = State::Data;
                Ok(if byte == SE { None } else { self.command(byte) })
            }
            State::Subnegotiation | State::SubnegotiationCommand => {
                self.state = State::Subnegotiation;
                self.subnegotiation_length += 1;
                if self.subnegotiation_length > SUBNEGOTIATION_LIMIT {
                    return Err(EndlessSubnegotiation);
                }
                if self.subnegotiation.len() < SUBNEGOTIATION_KEPT {
                    self.subnegotiation.push(byte);
                }
                Ok(None)
            }
        }
    }

    fn data(&mut self, byte: u8) -> Option<u8> {
        let padding = std::mem::replace(&mut self.after_return, byte == CR) && byte == NUL;
        (!padding || self.theirs.is_on(BINARY)).then_some(byte)
    }

    /// The byte after IAC. Returns it when it is doubled, and so data; the other commands ask nothing of us.
    fn command(&mut self, byte: u8) -> Option<u8> {
        if byte == IAC {
            return self.data(byte);
        }
        self.speaks_telnet = true;
        match byte {
            WILL | WONT | DO | DONT => self.state = State::Option(byte),
            SB => {
                self.state = State::Subnegotiation;
                self.subnegotiation.clear();
                self.subnegotiation_length = 0;
            }
            _ => {}
        }
        None
    }

    fn negotiate(&mut self, verb: u8, option: u8) {
        let (yes, no, answer) = match verb {
            WILL => (DO, DONT, self.theirs.asked(option, matches!(option, BINARY | ECHO | SUPPRESS_GO_AHEAD))),
            WONT => (DO, DONT, self.theirs.taken_back(option)),
            DO => {
                let agreed = matches!(option, BINARY | SUPPRESS_GO_AHEAD | TERMINAL_TYPE | WINDOW_SIZE);
                (WILL, WONT, self.ours.asked(option, agreed))
            }
            _ => (WILL, WONT, self.ours.taken_back(option)),
        };
        match answer {
            Answer::Yes => self.answers.extend([IAC, yes, option]),
            Answer::No => self.answers.extend([IAC, no, option]),
            Answer::Nothing => {}
        }
        if verb == DO && option == WINDOW_SIZE && answer == Answer::Yes {
            self.send_window_size();
        }
        if verb == DO && option == TIMING_MARK {
            // Asked as a question each time; the refusal is the mark.
            self.ours.taken_back(option);
        }
    }

    fn send_window_size(&mut self) {
        self.answers.extend([IAC, SB, WINDOW_SIZE]);
        for byte in [COLUMNS.to_be_bytes(), ROWS.to_be_bytes()].concat() {
            self.answers.push(byte);
            if byte == IAC {
                self.answers.push(IAC);
            }
        }
        self.answers.extend([IAC, SE]);
    }

    fn subnegotiated(&mut self) {
        if self.subnegotiation == [TERMINAL_TYPE, TERMINAL_TYPE_SEND] && self.ours.is_on(TERMINAL_TYPE) {
            self.answers.extend([IAC, SB, TERMINAL_TYPE, TERMINAL_TYPE_IS]);
            self.answers.extend(TERMINAL);
            self.answers.extend([IAC, SE]);
        }
    }
}

impl Options {
    fn new() -> Self {
        Self { on: [false; 256], refused: [false; 256] }
    }

    fn is_on(&self, option: u8) -> bool {
        self.on.get(usize::from(option)).copied().unwrap_or_default()
    }

    /// The peer wants it on.
    fn asked(&mut self, option: u8, agreed: bool) -> Answer {
        let at = usize::from(option);
        let (Some(on), Some(refused)) = (self.on.get_mut(at), self.refused.get_mut(at)) else { return Answer::Nothing };
        if *on || *refused {
            return Answer::Nothing;
        }
        *on = agreed;
        *refused = !agreed;
        if agreed { Answer::Yes } else { Answer::No }
    }

    /// The peer wants it off, which is always granted.
    fn taken_back(&mut self, option: u8) -> Answer {
        let at = usize::from(option);
        let (Some(on), Some(refused)) = (self.on.get_mut(at), self.refused.get_mut(at)) else { return Answer::Nothing };
        *refused = false;
        if std::mem::take(on) { Answer::No } else { Answer::Nothing }
    }
}

#[cfg(test)]
mod tests;
