//! Console lines behind a console server: one caller at a time, and whatever the last one left.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use conn_share::{Connection, Error, ErrorKind, ExecuteOptions, Result, SessionOptions, Target, TelnetConnection};
use conn_share_tests::compare::first_difference;
use conn_share_tests::{ConsoleServer, Failure, Lab, wait_for};

use crate::ways::{self, HANG};

/// The two ports of one line, as conn-share is told about them.
fn ports(server: &ConsoleServer) -> [(SocketAddr, SessionOptions); 2] {
    let options = SessionOptions::new();
    [(server.raw(), options.clone().raw(true)), (server.telnet(), options.console(true))]
}

fn connection(port: SocketAddr, options: &SessionOptions, adjust: impl Fn(Target) -> Target) -> TelnetConnection {
    let target = adjust(ways::at(port).name("r1 by its console").platform("frr"));
    TelnetConnection::with_options(&target, options.clone()).expect("valid options")
}

/// Connects once the last caller's connection has come to an end in the server, too.
async fn connected(line: TelnetConnection) -> TelnetConnection {
    let mut last = None;
    let connected = async {
        while let Err(error) = line.connect().await {
            assert_eq!(error.kind(), ErrorKind::Busy, "{error:?}");
            last = Some(error);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(HANG, connected).await.unwrap_or_else(|_| panic!("always busy: {last:?}"));
    line
}

/// Plays a person at the raw port: types `keys`, each once the screen ends with its text, waits for the last text and
/// leaves.
fn person(port: SocketAddr, keys: &[(&str, &str)], end: &str) -> std::result::Result<(), Failure> {
    let mut line = None;
    // The one before may not have gone yet.
    wait_for(HANG, || {
        let Ok(mut stream) = TcpStream::connect(port) else { return false };
        let _ = stream.set_read_timeout(Some(Duration::from_millis(500)));
        let _ = stream.write_all(b"\r");
        let free = heard(&mut stream).is_ok_and(|text| !text.contains("in use"));
        line = free.then_some(stream);
        free
    })
    .ok_or("the line is never free")?;
    let mut line = line.ok_or("no line")?;
    let mut screen = String::new();
    let mut wait = |line: &mut TcpStream, text: &str| {
        wait_for(HANG, || {
            screen.push_str(&heard(line).unwrap_or_default());
            screen.trim_end().ends_with(text.trim_end())
        })
        .ok_or_else(|| format!("waited for {text:?}, and the screen shows {screen:?}"))
    };
    for (after, typed) in keys {
        line.write_all(b"\r")?;
        wait(&mut line, after)?;
        line.write_all(typed.as_bytes())?;
    }
    Ok(wait(&mut line, end)?)
}

/// What comes within the stream's read timeout.
fn heard(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut buffer = [0; 4096];
    let count = stream.read(&mut buffer)?;
    Ok(String::from_utf8_lossy(&buffer[..count]).into_owned())
}

#[tokio::test]
async fn one_caller_at_a_time_by_either_port() {
    let lab = Lab::shared();
    let server = ConsoleServer::start(&lab.shell().display().to_string()).expect("a console server");
    for (port, options) in &ports(&server) {
        let line = connected(connection(*port, options, |target| target)).await;
        for command in ["show ip route", "show ip bgp"] {
            let reply = line.execute(command).await.expect("an answer");
            assert_eq!(first_difference(&reply, &lab.vtysh(command).expect(command)), None, "{command}");
        }
        // The line is taken: by its own port, and by the other.
        for (other, options) in &ports(&server) {
            let refused: Result<()> = connection(*other, options, |target| target).connect().await;
            let error: Error = refused.expect_err("somebody is there");
            assert_eq!(error.kind(), ErrorKind::Busy, "{error:?}");
            assert!(error.to_string().contains("already in use") && error.is_transient(), "{error}");
        }
        assert_eq!(line.execute("show ip route 10.0.0.1/32").await.expect("untouched").mode(), "enable");
        line.disconnect().await.expect("closes");
    }
}

#[tokio::test]
async fn left_in_configuration_mode_with_half_a_command_typed() {
    let lab = Lab::shared();
    let server = ConsoleServer::start(&lab.shell().display().to_string()).expect("a console server");
    let before = lab.vtysh("show running-config").expect("a configuration");
    for (port, options) in &ports(&server) {
        let keys = [
            ("r1# ", "configure terminal\r"),
            ("(config)# ", "interface veth1\r"),
            ("(config-if)# ", "description left behind"),
        ];
        let raw = server.raw();
        let left = tokio::task::spawn_blocking(move || {
            person(raw, &keys, "description left behind").map_err(|error| error.to_string())
        });
        left.await.expect("no panic").expect("a person");
        let line = connected(connection(*port, options, |target| target)).await;
        let reply = line.execute("show version").await.expect("an answer");
        assert_eq!((reply.mode(), reply.refused()), ("enable", None), "{port} {}", server.complaints());
        assert!(reply.starts_with("FRRouting "), "{reply}");
        line.disconnect().await.expect("closes");
    }
    let after = lab.vtysh("show running-config").expect("a configuration");
    assert_eq!(first_difference(&after, &before), None, "half a command was entered");
}

#[tokio::test]
async fn press_return_to_get_started() {
    let lab = Lab::shared();
    let shell = lab.shell();
    let greeting =
        r"printf '\r\n\r\nr1 con0 is now available\r\n\r\n\r\nPress RETURN to get started.\r\n\r\n'; read -r _;";
    let server = ConsoleServer::start(&format!("{greeting} {}", shell.display())).expect("a console server");
    for (port, options) in &ports(&server) {
        let line = connected(connection(*port, options, |target| target)).await;
        let reply = line.execute("show version").await.expect("an answer");
        assert!(reply.starts_with("FRRouting "), "{reply}");
        // The shell ends, and the device greets anew.
        let short = ExecuteOptions::new().timeout(Duration::from_secs(2));
        line.execute_with("exit", &short).await.expect_err("no prompt any more");
        // The next call finds its way in again, on the same line.
        let started = Instant::now();
        let reply = line.execute("show version").await.expect("an answer");
        assert!(reply.starts_with("FRRouting "), "{reply}");
        eprintln!("in again after {:.1?}", started.elapsed());
        assert_eq!(line.status().reconnected, 1);
        line.execute_with("exit", &short).await.expect_err("no prompt any more");
        line.disconnect().await.expect("closes");
    }
}

#[tokio::test]
async fn connected_and_mute_is_busy() {
    let server = ConsoleServer::start("stty -echo; cat >/dev/null;").expect("a console server");
    for (port, options) in &ports(&server) {
        let line = connection(*port, options, |target| target);
        // Longer than a console server takes to notice that a caller has gone.
        let patience = Instant::now() + Duration::from_secs(30);
        let told = loop {
            let error = line.connect().await.expect_err("nobody answers");
            assert_eq!(error.kind(), ErrorKind::Busy, "{error:?}");
            // The caller before may not have gone yet.
            if !error.to_string().contains("already in use") {
                break error.to_string();
            }
            assert!(Instant::now() < patience, "the port of a caller who has gone stays in use: {error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert!(told.contains("mute"), "{told}");
    }
}
