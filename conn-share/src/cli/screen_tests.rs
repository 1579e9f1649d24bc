use super::*;
use crate::cli::nonce;

/// The committed text and the last line, the same however the bytes are cut.
fn shown(bytes: &[u8]) -> (String, Option<String>) {
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut screen = Screen::new(1 << 20, "");
        pieces.for_each(|piece| screen.feed(piece).expect("below the limit"));
        let last = screen.last_line();
        (decode(screen.take_text(usize::MAX)), last)
    };
    let whole = read(&mut std::iter::once(bytes));
    assert_eq!(read(&mut bytes.chunks(1)), whole, "byte by byte");
    for cut in 0..=bytes.len() {
        let (one, two) = bytes.split_at(cut);
        assert_eq!(read(&mut [one, two].into_iter()), whole, "cut at {cut}");
    }
    whole
}

fn check(bytes: &[u8], text: &str, last: &str) {
    assert_eq!(shown(bytes), (text.to_owned(), Some(last.to_owned())), "{}", bytes.escape_ascii());
}

#[test]
fn lines() {
    check(b"a\r\nb\nc\r\r\nr1# ", "a\nb\nc\n", "r1# ");
    check(b"a\tb\r\n", "a\tb\n", "");
}

#[test]
fn overprinting() {
    check(b"abc\rX\r\n", "Xbc\n", "");
    check(b"10%\r50%\r100%\r\n", "100%\n", "");
    check(
        b" --More-- \x08\x08\x08\x08\x08\x08\x08\x08\x08\x08          \x08\x08\x08\x08\x08\x08\x08\x08\x08\x08next",
        "",
        "next",
    );
    check("né\x08e".as_bytes(), "", "ne");
    check(b"\x08\x08a", "", "a");
}

#[test]
fn escape_sequences() {
    check(b"\x1b[?2004hr1# ", "", "r1# ");
    check(b"\x1b]0;title\x07r1# \x1b[1;32mok\x1b[0m", "", "r1# ok");
    check(b"\x1b]0;title\x1b\\x", "", "x");
    check(b"\x1bP+q\x1b\\x\x1b(By\x1b=z", "", "xyz");
    check(b"abc\x1b[2D\x1b[K", "", "a");
    check(b"abc\x1b[2K", "", "   ");
    check(b"old\x1b[H\x1b[2Jr1# ", "", "r1# ");
    check(b"abcd\r\x1b[1P\x1b[2@x\r\n", "x bcd\n", "");
    check(b"vm# 7\x08\x1b[K\0\0\0", "", "vm# ");
    check(b"\x1b[12\nx", "\n", "x");
}

#[test]
fn characters() {
    check("zürich\r\n".as_bytes(), "zürich\n", "");
    check(b"z\xfcrich\r\n", "zürich\n", "");
    check("日本\r語\r\n".as_bytes(), "語本\n", "");
    check(b"a\0b\x07\r\n", "ab\n", "");
}

#[test]
fn an_open_sequence_or_return_hides_the_last_line() {
    assert_eq!(shown(b"r1# \x1b[").1, None);
    assert_eq!(shown(b"r1# \r").1, None);
    assert_eq!(shown(b"r1# x\x08\x08").1, None);
}

#[test]
fn an_endless_sequence_ends() {
    let mut bytes = b"\x1b]".to_vec();
    bytes.extend(std::iter::repeat_n(b'x', 3000));
    let mut screen = Screen::new(1 << 20, "");
    screen.feed(&bytes).expect("below the limit");
    assert!(screen.last_line().is_some_and(|line| line.len() > 1000));
}

#[test]
fn a_nonce_is_seen_before_it_is_erased() {
    for (bytes, committed) in
        [(&b"r1# 77\x08\x08\x1b[K"[..], false), (b"r1# 77\x08 \x08\x08 \x08", false), (b"r1# 77\r\nr1# ", true)]
    {
        for cut in 0..bytes.len() {
            let mut screen = Screen::new(100, "");
            screen.watch("77");
            let (one, two) = bytes.split_at(cut);
            screen.feed(one).and_then(|()| screen.feed(two)).expect("below the limit");
            let before = "r1# ".to_owned();
            assert_eq!(
                screen.sighting(),
                Some(&Sighting { before, line_start: 0, committed, spare: 0 }),
                "cut at {cut}"
            );
            assert!(screen.last_line_is("r1# "));
        }
    }
}

#[test]
fn a_terminals_echo_is_no_sighting_to_rely_on() {
    let mut screen = Screen::new(100, "");
    screen.watch("77");
    screen.feed(b"r1# 77^A^Kmore\r\nr1# ").expect("below the limit");
    assert_eq!(screen.sighting(), None);
}

#[test]
fn the_limit_holds() {
    let mut screen = Screen::new(1000, "");
    assert_eq!(screen.feed(&[b'x'; 1001]), Err(Overflow));
    let mut screen = Screen::new(1000, "");
    let lines: Vec<u8> = b"line\r\n".repeat(400);
    assert_eq!(screen.feed(&lines), Err(Overflow));
}

/// Random bytes, mostly those with a meaning: nothing panics, cuts change nothing, cost stays bounded.
#[test]
fn random_bytes_cut_anywhere() {
    const SPICE: &[u8] = b"\x1b\x1b[[0123;?KJDCPHG@m\r\n\x08\x08\x07\0\t ab\xc3\xa9\xff]P\\\x7f";
    let seed = nonce::random();
    println!("seed {seed}");
    let mut state = seed;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    for _ in 0..2000 {
        let length = random() % 60;
        let bytes: Vec<u8> = (0..length).map(|_| SPICE[random() % SPICE.len()]).collect();
        let _ = shown(&bytes);
    }
}

#[test]
fn a_byte_is_found_wherever_it_is() {
    for length in [0, 1, 31, 32, 33, 64, 100] {
        let mut text = vec![b'x'; length];
        assert!(!holds(&text, b'^'));
        for at in 0..length {
            text[at] = b'^';
            assert!(holds(&text, b'^'), "{at} of {length}");
            text[at] = b'x';
        }
    }
}
