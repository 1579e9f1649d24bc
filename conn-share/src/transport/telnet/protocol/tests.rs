use super::*;

const TELNETD_GREETING: &[u8] = &[
    IAC,
    DO,
    TERMINAL_TYPE,
    IAC,
    DO,
    32,
    IAC,
    DO,
    35,
    IAC,
    DO,
    39, // terminal type, speed, X display, environment
];

/// Feeds `bytes` in pieces that end at `cuts`; gives the data and the answers.
fn receive_cut(protocol: &mut Protocol, bytes: &[u8], cuts: &[usize]) -> (Vec<u8>, Vec<u8>) {
    let (mut data, mut answers) = (Vec::new(), Vec::new());
    let mut start = 0;
    for end in cuts.iter().copied().chain([bytes.len()]) {
        let mut piece = bytes[start..end].to_vec();
        let kept = protocol.receive(&mut piece).unwrap();
        data.extend_from_slice(&piece[..kept]);
        protocol.take_answers(&mut answers);
        start = end;
    }
    (data, answers)
}

fn receive(protocol: &mut Protocol, bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    receive_cut(protocol, bytes, &[])
}

fn answers(bytes: &[u8]) -> Vec<u8> {
    receive(&mut Protocol::new(), bytes).1
}

fn sent(protocol: &Protocol, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    protocol.send(data, &mut out);
    out
}

#[test]
fn data_comes_through_and_the_protocol_does_not() {
    for (bytes, data) in [
        (&b"r1# "[..], &b"r1# "[..]),
        (b"a\r\nb", b"a\r\nb"),
        (b"a\r\0b", b"a\rb"),
        (b"a\r\0\0b", b"a\r\0b"),
        (b"a\0b", b"a\0b"),
        (b"\r\r\0\r\n", b"\r\r\r\n"),
        (&[b'a', IAC, IAC, b'b'], &[b'a', 255, b'b']),
        (&[IAC, IAC, IAC, IAC], &[255, 255]),
        (&[b'\r', IAC, IAC, 0], &[b'\r', 255, 0]),
        // No operation, data mark, break, go ahead, are you there.
        (&[b'a', IAC, 241, IAC, 242, IAC, 243, IAC, 249, IAC, 246, b'b'], b"ab"),
        (&[b'a', IAC, WILL, ECHO, b'b'], b"ab"),
        (&[b'a', IAC, SB, 200, 1, IAC, IAC, SE, IAC, SE, b'b'], b"ab"),
        // A subnegotiation that is ended by the next command.
        (&[b'a', IAC, SB, 200, 1, IAC, WILL, ECHO, b'b'], b"ab"),
        (&[IAC, SE, b'a'], b"a"),
    ] {
        assert_eq!(receive(&mut Protocol::new(), bytes).0, data, "{bytes:?}");
    }
}

#[test]
fn what_is_known_is_agreed_to_and_the_rest_refused() {
    for (asked, said) in [
        ([IAC, WILL, ECHO], [IAC, DO, ECHO]),
        ([IAC, WILL, SUPPRESS_GO_AHEAD], [IAC, DO, SUPPRESS_GO_AHEAD]),
        ([IAC, WILL, BINARY], [IAC, DO, BINARY]),
        ([IAC, WILL, TERMINAL_TYPE], [IAC, DONT, TERMINAL_TYPE]),
        ([IAC, WILL, 5], [IAC, DONT, 5]),
        ([IAC, WILL, 255], [IAC, DONT, 255]),
        ([IAC, DO, SUPPRESS_GO_AHEAD], [IAC, WILL, SUPPRESS_GO_AHEAD]),
        ([IAC, DO, BINARY], [IAC, WILL, BINARY]),
        ([IAC, DO, TERMINAL_TYPE], [IAC, WILL, TERMINAL_TYPE]),
        ([IAC, DO, ECHO], [IAC, WONT, ECHO]),
        ([IAC, DO, 39], [IAC, WONT, 39]),
    ] {
        assert_eq!(answers(&asked), said, "{asked:?}");
    }
    for nothing in [[IAC, WONT, ECHO], [IAC, DONT, TERMINAL_TYPE], [IAC, WONT, 77]] {
        assert_eq!(answers(&nothing), [], "{nothing:?}");
    }
}

#[test]
fn the_window_is_told_with_its_255_doubled() {
    assert_eq!(COLUMNS, 0x01ff);
    let told = [IAC, WILL, WINDOW_SIZE, IAC, SB, WINDOW_SIZE, 0x01, 0xff, 0xff, 0x03, 0xe8, IAC, SE];
    assert_eq!(answers(&[IAC, DO, WINDOW_SIZE]), told);
}

#[test]
fn the_terminal_is_told_when_asked_and_agreed() {
    let question = [IAC, SB, TERMINAL_TYPE, TERMINAL_TYPE_SEND, IAC, SE];
    assert_eq!(answers(&question), [], "not agreed to");
    let mut protocol = Protocol::new();
    receive(&mut protocol, &[IAC, DO, TERMINAL_TYPE]);
    let mut told = vec![IAC, SB, TERMINAL_TYPE, TERMINAL_TYPE_IS];
    told.extend_from_slice(b"vt100");
    told.extend([IAC, SE]);
    // The same name again says that there is no other.
    assert_eq!(receive(&mut protocol, &question).1, told);
    assert_eq!(receive(&mut protocol, &question).1, told);
    assert_eq!(receive(&mut protocol, &[IAC, SB, TERMINAL_TYPE, IAC, SE]).1, []);
}

#[test]
fn a_telnetd_gets_all_its_answers() {
    let said = answers(TELNETD_GREETING);
    assert_eq!(said, [IAC, WILL, TERMINAL_TYPE, IAC, WONT, 32, IAC, WONT, 35, IAC, WONT, 39]);
}

#[test]
fn only_changes_are_answered() {
    let mut protocol = Protocol::new();
    for (asked, said) in
        [(WILL, &[IAC, DO, ECHO][..]), (WILL, &[]), (WONT, &[IAC, DONT, ECHO]), (WONT, &[]), (WILL, &[IAC, DO, ECHO])]
    {
        assert_eq!(receive(&mut protocol, &[IAC, asked, ECHO]).1, said);
    }
    for (asked, said) in [(DO, &[IAC, WONT, 39][..]), (DO, &[]), (DONT, &[]), (DO, &[IAC, WONT, 39])] {
        assert_eq!(receive(&mut protocol, &[IAC, asked, 39]).1, said);
    }
}

#[test]
fn a_timing_mark_is_answered_every_time() {
    let mut protocol = Protocol::new();
    for _ in 0..3 {
        assert_eq!(receive(&mut protocol, &[IAC, DO, TIMING_MARK]).1, [IAC, WONT, TIMING_MARK]);
    }
}

/// The requests in what we said, without subnegotiations.
fn requests(said: &[u8]) -> Vec<(u8, u8)> {
    let mut requests = Vec::new();
    let mut rest = said;
    while let [IAC, command, option, tail @ ..] = rest {
        if *command == SB {
            let end = rest.windows(2).position(|pair| pair == [IAC, SE]).unwrap();
            rest = &rest[end + 2..];
        } else {
            requests.push((*command, *option));
            rest = tail;
        }
    }
    assert_eq!(rest, [], "{said:?}");
    requests
}

/// A peer that asks for everything, agrees to everything, and insists when it is refused.
#[test]
fn a_peer_that_insists_gets_no_loop_going() {
    let mut protocol = Protocol::new();
    let everything = 0..=255;
    let mut to_us: Vec<u8> = everything.flat_map(|option| [IAC, WILL, option, IAC, DO, option]).collect();
    for round in 0.. {
        assert!(round < 3, "still negotiating: {to_us:?}");
        let (_, said) = receive(&mut protocol, &to_us);
        if said.is_empty() {
            return;
        }
        to_us = requests(&said)
            .into_iter()
            // Its answer is a question of its own each time.
            .filter(|(_, option)| *option != TIMING_MARK)
            .flat_map(|(command, option)| match command {
                DO | DONT => [IAC, WILL, option],
                _ => [IAC, DO, option],
            })
            .collect();
    }
}

#[test]
fn what_is_sent_is_escaped() {
    let mut protocol = Protocol::new();
    assert_eq!(sent(&protocol, b"a\xffb\r"), b"a\xff\xffb\r", "no telnet seen yet");
    receive(&mut protocol, &[IAC, WILL, ECHO]);
    for (data, out) in [
        (&b"show version\r"[..], &b"show version\r\0"[..]),
        (b"a\r\nb\n", b"a\r\nb\n"),
        (b"\r\r\n\r", b"\r\0\r\n\r\0"),
        (b"\xff\r\xff", b"\xff\xff\r\0\xff\xff"),
        (b"", b""),
    ] {
        assert_eq!(sent(&protocol, data), out, "{data:?}");
    }
    receive(&mut protocol, &[IAC, DO, BINARY]);
    assert_eq!(sent(&protocol, b"a\rb\xff"), b"a\rb\xff\xff");
    let mut line = Vec::new();
    protocol.send(b"show\r\n", &mut line);
    assert_eq!(line, b"show\r", "a line end there is the Enter key's");
}

#[test]
fn a_binary_peer_keeps_its_nuls() {
    let mut protocol = Protocol::new();
    assert_eq!(receive(&mut protocol, &[IAC, WILL, BINARY, b'\r', 0, b'x']).0, b"\r\0x");
    assert_eq!(receive(&mut protocol, &[IAC, WONT, BINARY, b'\r', 0, b'x']).0, b"\rx");
}

#[test]
fn a_subnegotiation_without_end_is_an_error_and_keeps_little() {
    let mut protocol = Protocol::new();
    let mut bytes = vec![b'x'; SUBNEGOTIATION_LIMIT + 10];
    bytes[..3].copy_from_slice(&[IAC, SB, TERMINAL_TYPE]);
    let mut pieces = bytes.chunks_mut(1000);
    assert!(pieces.any(|piece| protocol.receive(piece) == Err(EndlessSubnegotiation)));
    assert!(protocol.subnegotiation.len() <= SUBNEGOTIATION_KEPT);
}

#[test]
fn every_split_gives_the_same() {
    let mut script = TELNETD_GREETING.to_vec();
    script.extend([IAC, WILL, ECHO, IAC, DO, WINDOW_SIZE]);
    script.extend([IAC, SB, TERMINAL_TYPE, TERMINAL_TYPE_SEND, IAC, SE]);
    script.extend(b"login: \r\0\r\n");
    script.extend([IAC, IAC, b'\r', IAC, 241, 0, IAC, SB, 9, IAC, IAC, IAC, SE, b'$', b'\r']);
    let whole = receive(&mut Protocol::new(), &script);
    for first in 0..=script.len() {
        for second in first..=script.len() {
            assert_eq!(receive_cut(&mut Protocol::new(), &script, &[first, second]), whole, "{first} {second}");
        }
    }
    let every: Vec<usize> = (1..script.len()).collect();
    assert_eq!(receive_cut(&mut Protocol::new(), &script, &every), whole);
}

/// Random bytes, most of them commands: never a panic, never more data than bytes, the same in any pieces, and what
/// we answer is itself well formed.
#[test]
fn garbage_is_survived() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 33) as usize % below
    };
    for _ in 0..3000 {
        let bytes: Vec<u8> = (0..random(120))
            .map(|_| match random(4) {
                0 => IAC,
                1 => 240 + random(16) as u8,
                2 => [0, 1, 3, 6, 24, 31, b'\r', b'\n'][random(8)],
                _ => random(256) as u8,
            })
            .collect();
        let whole = receive(&mut Protocol::new(), &bytes);
        assert!(whole.0.len() <= bytes.len());
        let mut cuts: Vec<usize> = (0..random(6)).map(|_| random(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        assert_eq!(receive_cut(&mut Protocol::new(), &bytes, &cuts), whole, "{bytes:?} {cuts:?}");
        // A decoder of our own kind finds nothing but commands in the answers.
        assert_eq!(receive(&mut Protocol::new(), &whole.1).0, [], "{bytes:?}");
    }
}

/// What one side sends, the other receives, whatever it is and however it is cut.
#[test]
fn what_goes_in_comes_out() {
    let mut sender = Protocol::new();
    receive(&mut sender, &[IAC, WILL, ECHO]);
    let all: Vec<u8> = (0..=255).chain([b'\r', b'\r', 255, 255, b'\r', b'\n', b'\r']).collect();
    let line = sent(&sender, &all);
    for cut in 0..=line.len() {
        assert_eq!(receive_cut(&mut Protocol::new(), &line, &[cut]).0, all, "{cut}");
    }
}
