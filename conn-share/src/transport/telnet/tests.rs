use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::net::{TcpListener, TcpStream};

use super::{ANSWERS_LIMIT, Telnet, open, raw};
use crate::deadline::Deadline;
use crate::transport::Transport;
use crate::transport::leash::Leash;
use crate::{Error, ErrorKind, Target};

const IAC: u8 = 255;
const DO: u8 = 253;
const DONT: u8 = 254;
const WILL: u8 = 251;
const WONT: u8 = 252;
const SB: u8 = 250;
const SE: u8 = 240;
const TERMINAL_TYPE: u8 = 24;

/// A client and the other end of its stream.
fn connected(room: usize) -> (Telnet<DuplexStream>, DuplexStream) {
    let (client, peer) = duplex(room);
    (Telnet::over(Leash::new(client)), peer)
}

fn reason(error: &std::io::Error) -> ErrorKind {
    error.get_ref().and_then(|error| error.downcast_ref::<Error>()).map(Error::kind).expect("a reason")
}

/// Polls `future` at most `times` times.
async fn polled<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut polls = 0;
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => {
            polls += 1;
            if polls >= times { Poll::Ready(None) } else { Poll::Pending }
        }
    })
    .await
}

async fn read_to(stream: &mut (impl AsyncReadExt + Unpin), end: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end) {
        bytes.push(stream.read_u8().await.unwrap());
    }
    bytes
}

#[tokio::test]
async fn a_server_that_waits_for_its_answers_gets_them_from_one_who_only_reads() {
    let (mut client, mut server) = connected(64);
    let server = async {
        server.write_all(&[IAC, DO, TERMINAL_TYPE]).await.unwrap();
        read_to(&mut server, &[IAC, WILL, TERMINAL_TYPE]).await;
        server.write_all(&[IAC, SB, TERMINAL_TYPE, 1, IAC, SE]).await.unwrap();
        let named = read_to(&mut server, &[IAC, SE]).await;
        assert_eq!(&named[4..named.len() - 2], b"vt100");
        server.write_all(b"login: ").await.unwrap();
        server
    };
    let (greeting, _server) = tokio::join!(read_to(&mut client, b": "), server);
    assert_eq!(greeting, b"login: ");
}

#[tokio::test]
async fn a_server_that_never_negotiates_is_served_plainly() {
    let (mut client, mut server) = connected(64);
    server.write_all(b"r1> ").await.unwrap();
    assert_eq!(read_to(&mut client, b"> ").await, b"r1> ");
    client.write_all(b"show version\r").await.unwrap();
    assert_eq!(read_to(&mut server, b"\r").await, b"show version\r");
}

#[tokio::test]
async fn what_was_written_goes_out_while_the_caller_only_reads() {
    let (mut client, mut server) = connected(16);
    let text = vec![b'x'; 5000];
    client.write_all(&text).await.unwrap();
    let server = async {
        let mut read = vec![0; text.len()];
        server.read_exact(&mut read).await.unwrap();
        server.write_all(b"thanks").await.unwrap();
        read
    };
    let (answer, read) = tokio::join!(read_to(&mut client, b"thanks"), server);
    assert_eq!(answer, b"thanks");
    assert_eq!(read, text);
}

#[tokio::test]
async fn a_peer_that_talks_before_it_listens_does_not_stop_a_writer() {
    let (mut client, mut server) = connected(64);
    let (to_server, to_client) = (vec![b'c'; 100_000], vec![b's'; 100_000]);
    let server = async {
        server.write_all(&to_client).await.unwrap();
        let mut read = vec![0; to_server.len()];
        server.read_exact(&mut read).await.unwrap();
        read
    };
    let client = async {
        client.write_all(&to_server).await.unwrap();
        client.flush().await.unwrap();
        let mut read = vec![0; to_client.len()];
        client.read_exact(&mut read).await.unwrap();
        read
    };
    let (read, received) = tokio::join!(client, server);
    assert!(read == to_client && received == to_server);
}

#[tokio::test]
async fn reader_and_writer_may_be_two_tasks() {
    let (client, mut server) = connected(100);
    let (mut reader, mut writer) = tokio::io::split(client);
    let text: Vec<u8> = (0..300_000_u32).map(|at| b'a' + (at % 26) as u8).collect();
    let expected = text.clone();
    let echo = tokio::spawn(async move {
        let (mut read, mut write) = tokio::io::split(&mut server);
        tokio::io::copy(&mut read, &mut write).await.unwrap();
    });
    let writing = tokio::spawn(async move {
        writer.write_all(&text).await.unwrap();
        writer.flush().await.unwrap();
        writer
    });
    let mut read = vec![0; expected.len()];
    reader.read_exact(&mut read).await.unwrap();
    assert!(read == expected);
    drop((reader, writing.await.unwrap()));
    echo.await.unwrap();
}

#[tokio::test]
async fn a_peer_that_asks_without_end_and_takes_no_answers_is_left() {
    let (mut client, mut server) = connected(1000);
    let asking = tokio::spawn(async move {
        let questions = [IAC, DO, TERMINAL_TYPE, IAC, DONT, TERMINAL_TYPE].repeat(100);
        while server.write_all(&questions).await.is_ok() {}
    });
    let error = client.read_u8().await.unwrap_err();
    assert_eq!(reason(&error), ErrorKind::Protocol, "{error}");
    assert!(client.waiting() < 2 * ANSWERS_LIMIT);
    drop(client);
    asking.await.unwrap();
}

/// Always has more to read, and says how often it was asked.
struct Endless {
    block: &'static [u8],
    said: usize,
    reads: usize,
}

impl tokio::io::AsyncRead for Endless {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        self.reads += 1;
        assert!(self.reads < 100_000, "read without end in one poll");
        let block = self.block.iter().copied().cycle();
        let bytes: Vec<u8> = block.skip(self.said).take(buf.remaining()).collect();
        buf.put_slice(&bytes);
        self.said = (self.said + bytes.len()) % self.block.len();
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Endless {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn commands_without_data_keep_no_thread_to_themselves() {
    const NOP: u8 = 241;
    let mut client = Telnet::over(Leash::new(Endless { block: &[IAC, NOP], said: 0, reads: 0 }));
    assert!(polled(client.read_u8(), 100).await.is_none(), "there is nothing to be read");
}

#[tokio::test(start_paused = true)]
async fn options_that_change_without_end_are_no_session_even_if_the_answers_are_taken() {
    const ECHO: u8 = 1;
    for block in [
        &[IAC, WILL, ECHO, IAC, WONT, ECHO][..],
        &[IAC, DO, TERMINAL_TYPE, IAC, DONT, TERMINAL_TYPE],
        &[IAC, DO, TERMINAL_TYPE, IAC, SB, TERMINAL_TYPE, 1, IAC, SE],
    ] {
        let mut client = Telnet::over(Leash::new(Endless { block, said: 0, reads: 0 }));
        let error = client.read_u8().await.unwrap_err();
        assert_eq!(reason(&error), ErrorKind::Protocol, "{error}");
        assert!(error.to_string().contains("without end"), "{error}");
    }
}

#[tokio::test]
async fn a_subnegotiation_without_end_is_no_silence() {
    let (mut client, mut server) = connected(1000);
    let talking = tokio::spawn(async move {
        let _ = server.write_all(&[IAC, SB, TERMINAL_TYPE]).await;
        while server.write_all(&[b'x'; 100]).await.is_ok() {}
    });
    assert_eq!(reason(&client.read_u8().await.unwrap_err()), ErrorKind::Protocol);
    drop(client);
    talking.await.unwrap();
}

#[tokio::test]
async fn a_cut_ends_a_pending_read_and_a_pending_write() {
    let (mut client, _server) = connected(64);
    let line = client.line();
    let reader = tokio::spawn(async move { (client.read_u8().await.unwrap_err(), client) });
    tokio::task::yield_now().await;
    line.cut();
    let (error, mut client) = reader.await.unwrap();
    assert_eq!(reason(&error), ErrorKind::NotConnected);
    assert!(!line.is_open());
    assert_eq!(reason(&client.write_all(b"x").await.unwrap_err()), ErrorKind::NotConnected);

    let (mut client, _server) = connected(64);
    let line = client.line();
    let writer = tokio::spawn(async move { client.write_all(&vec![b'x'; 200_000]).await.unwrap_err() });
    tokio::task::yield_now().await;
    assert!(!writer.is_finished(), "nothing blocked");
    std::thread::spawn(move || line.cut()).join().unwrap();
    assert_eq!(reason(&writer.await.unwrap()), ErrorKind::NotConnected);
}

#[tokio::test]
async fn the_end_of_the_peer_is_the_end_of_the_stream() {
    let (mut client, mut server) = connected(64);
    server.write_all(b"bye").await.unwrap();
    drop(server);
    let mut rest = String::new();
    client.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "bye");
    assert!(!client.line().is_open());
    client.write_all(b"x").await.unwrap_err();
}

#[tokio::test]
async fn a_read_or_a_write_dropped_at_every_poll_loses_nothing() {
    let (mut client, mut server) = connected(5);
    let text: Vec<u8> = (0..2000_u32).map(|at| b'a' + (at % 26) as u8).collect();
    let echo = tokio::spawn(async move {
        let mut bytes = [0; 3];
        while let Ok(read) = server.read(&mut bytes).await
            && read > 0
            && server.write_all(&bytes[..read]).await.is_ok()
        {}
    });
    let (mut written, mut read) = (0, Vec::new());
    for round in 0.. {
        if read.len() == text.len() {
            break;
        }
        let end = text.len().min(written + 7);
        if let Some(done) = polled(client.write(&text[written..end]), 1 + round % 3).await {
            written += done.unwrap();
        }
        let mut piece = [0; 4];
        if let Some(done) = polled(client.read(&mut piece), 1 + round % 5).await {
            read.extend_from_slice(&piece[..done.unwrap()]);
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(read, text);
    drop(client);
    echo.await.unwrap();
}

/// A listener on loopback, and a target that goes there.
async fn listening() -> (TcpListener, Target) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, Target::new("127.0.0.1").port(port).name("r1"))
}

fn soon() -> Deadline {
    Deadline::after(std::time::Duration::from_secs(10))
}

#[tokio::test]
async fn a_console_line_is_bytes_as_they_are() {
    let (listener, target) = listening().await;
    let (line, accepted) = tokio::join!(raw(&target, soon()), listener.accept());
    let (mut line, mut server) = (line.unwrap(), accepted.unwrap().0);
    let all: Vec<u8> = (0..=255).collect();
    line.write_all(&all).await.unwrap();
    let mut read = vec![0; all.len()];
    server.read_exact(&mut read).await.unwrap();
    assert_eq!(read, all);
    server.write_all(&all).await.unwrap();
    line.read_exact(&mut read).await.unwrap();
    assert_eq!(read, all);
}

#[tokio::test]
async fn a_console_line_needs_a_port() {
    let error = raw(&Target::new("127.0.0.1"), soon()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[tokio::test]
async fn open_dropped_at_every_poll_leaves_no_socket() {
    let (listener, target) = listening().await;
    for polls in 1.. {
        let opened = polled(open(&target, soon()), polls).await.is_some();
        let left = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        assert_eq!(left, 0, "dropped after {polls} polls");
        if opened {
            break;
        }
    }
    // Whatever got as far as a connection is closed; ours from here comes last.
    let last = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    loop {
        let (mut server, peer) = listener.accept().await.unwrap();
        if peer == last.local_addr().unwrap() {
            break;
        }
        assert!(matches!(server.read(&mut [0]).await, Ok(0) | Err(_)));
    }
}

#[tokio::test]
async fn a_refused_port_is_unreachable() {
    let (listener, target) = listening().await;
    drop(listener);
    let error = open(&target, soon()).await.err().unwrap();
    assert_eq!((error.kind(), error.phase(), error.device()), (ErrorKind::Unreachable, Some("connecting"), Some("r1")));
}

#[tokio::test]
async fn dropping_the_transport_closes_the_socket_even_when_somebody_keeps_its_line() {
    let (listener, target) = listening().await;
    let (client, accepted) = tokio::join!(open(&target, soon()), listener.accept());
    let (client, mut server) = (client.unwrap(), accepted.unwrap().0);
    let line = client.line();
    assert!(line.is_open());
    drop(client);
    assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_peer_that_left_is_noticed_without_a_read() {
    let (listener, target) = listening().await;
    for leftover in [&b""[..], b"goodbye"] {
        let (client, accepted) = tokio::join!(open(&target, soon()), listener.accept());
        let (mut client, mut server) = (client.unwrap(), accepted.unwrap().0);
        let line = client.line();
        assert!(line.is_open());
        server.write_all(leftover).await.unwrap();
        drop(server);
        // What is left can still be read, and until then the stream is not at its end.
        let mut rest = vec![0; leftover.len()];
        client.read_exact(&mut rest).await.unwrap();
        while line.is_open() {
            tokio::task::yield_now().await;
        }
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn no_way_past_a_jump_host() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let target = crate::Target::new("127.0.0.1").port(port).jump(crate::Target::new("bastion"));
    let error = super::open(&target, crate::deadline::Deadline::NEVER).await.err().unwrap();
    assert_eq!(error.kind(), crate::ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("bastion"), "{error}");
}
