//! Devices that nobody wrote a platform for: BIRD's command line, and shells behind a Telnet daemon.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use conn_share::{Connection, ConnectionClass, SshConnection, Target, TelnetConnection};
use conn_share_tests::compare::first_difference;
use conn_share_tests::{Lab, Login, wait_for_async};

use crate::ways::{self, HANG};

async fn connected<C: ConnectionClass>(target: &Target) -> C {
    let connection = C::from_target(target).expect("a connection");
    let started = Instant::now();
    connection.connect().await.expect("connecting");
    eprintln!("{}: connected in {:.0?}", target.platform.as_deref().unwrap_or("?"), started.elapsed());
    connection
}

/// BIRD answers each line, also one of blanks, and shows a prompt before its answer that it takes back.
#[tokio::test]
async fn bird_answers_as_birdc_does() {
    let lab = Lab::shared();
    lab.start_bird().expect("BIRD");
    let bird: SshConnection = connected(&ways::ssh(lab).username(Login::Bird.user()).platform("generic")).await;
    for command in [
        "show protocols",
        "show route",
        "show route count",
        "show symbols",
        "show route in 10.100.0.0/20",
        // More lines than the terminal has, so that it is paged.
        "show route all",
    ] {
        for _ in 0..2 {
            let reply = bird.execute(command).await.expect(command);
            let wanted = lab.birdc(command).expect(command);
            assert!(wanted.lines().count() > 0, "{command}");
            assert_eq!(first_difference(&reply, &wanted), None, "{command}");
        }
    }
    let given_up = tokio::time::timeout(Duration::from_millis(1), bird.execute("show route all")).await;
    assert!(given_up.is_err(), "{given_up:?}");
    let reply = bird.execute("show route count").await.expect("an answer");
    assert_eq!(first_difference(&reply, &lab.birdc("show route count").expect("the count")), None);
    bird.disconnect().await.expect("disconnecting");
}

/// The same outputs as the shell itself gives, by either platform.
#[tokio::test]
async fn a_shell_behind_telnetd() {
    let lab = Lab::shared();
    let address = lab.telnetd().expect("telnetd");
    for platform in ["linux", "generic"] {
        let target = ways::at(address).username(Login::Linux.user()).password(lab.password()).platform(platform);
        let shell: TelnetConnection = connected(&target).await;
        let numbers: Vec<String> = (1..=20_000).map(|number| number.to_string()).collect();
        for (command, wanted) in [
            ("id -un", Login::Linux.user()),
            ("seq 20000", &numbers.join("\n")),
            ("printf 'a\\nb'", "a\nb"),
            ("true", ""),
            ("printf '\\377\\377 \\303\\244\\n'", "\u{ff}\u{ff} ä"),
            ("cat /etc/debian_version", std::fs::read_to_string("/etc/debian_version").expect("a file").trim_end()),
            ("printf '$ \\n# \\n> \\n'; sleep 0.2; echo end", "$ \n# \n> \nend"),
        ] {
            assert_eq!(shell.execute(command).await.expect(command), wanted, "{platform}: {command}");
        }
        shell.disconnect().await.expect("disconnecting");
    }
}

/// Between a client and `server`, from which it holds back the request for binary data until it is told to let it pass.
fn binary_held_back(server: SocketAddr) -> (SocketAddr, Arc<AtomicBool>) {
    const DO_BINARY: [u8; 3] = [255, 253, 0];
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let (address, pass) = (listener.local_addr().expect("an address"), Arc::new(AtomicBool::new(false)));
    let let_pass = pass.clone();
    thread::spawn(move || {
        let (mut client, _) = listener.accept()?;
        let mut server = TcpStream::connect(server)?;
        let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
        thread::spawn(move || std::io::copy(&mut from_client, &mut to_server));
        server.set_read_timeout(Some(Duration::from_millis(20)))?;
        let (mut held, mut waiting, mut asked) = (false, Vec::new(), false);
        loop {
            let mut buffer = [0; 4096];
            match server.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => waiting.extend_from_slice(&buffer[..read]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
            if let Some(at) = waiting.windows(3).position(|here| here == DO_BINARY).filter(|_| !held) {
                waiting.drain(at..at + 3);
                held = true;
            }
            // A request may come in two pieces.
            let whole = if !held && waiting.ends_with(&[255]) { waiting.len() - 1 } else { waiting.len() };
            client.write_all(&waiting[..whole])?;
            waiting.drain(..whole);
            if held && !asked && pass.load(Ordering::Relaxed) {
                client.write_all(&DO_BINARY)?;
                asked = true;
            }
        }
    });
    (address, let_pass)
}

/// From then on CR LF would be two line ends, and each answer would be followed by two prompts.
#[tokio::test]
async fn a_telnetd_that_asks_for_binary_data_once_somebody_is_logged_in() {
    let lab = Lab::shared();
    for platform in ["linux", "generic"] {
        let (address, pass) = binary_held_back(lab.telnetd().expect("telnetd"));
        let target = ways::at(address).username(Login::Linux.user()).password(lab.password()).platform(platform);
        let shell: TelnetConnection = connected(&target).await;
        for round in 0..60 {
            pass.store(round >= 20, Ordering::Relaxed);
            let reply = shell.execute(&format!("echo {round}; sleep 0.02")).await.expect("an answer");
            assert_eq!(reply, round.to_string().as_str(), "{platform}");
        }
        let reply = shell.execute("printf '\\377\\n'; echo end").await.expect("an answer");
        assert_eq!(reply, "\u{ff}\nend", "{platform}");
        shell.disconnect().await.expect("disconnecting");
    }
}

#[tokio::test]
async fn a_command_given_up_behind_telnetd() {
    let lab = Lab::shared();
    let address = lab.telnetd().expect("telnetd");
    let mut target = ways::at(address).username(Login::Linux.user()).password(lab.password()).platform("linux");
    target.command_timeout = Some(Duration::from_secs(16));
    let shell: TelnetConnection = connected(&target).await;
    for command in ["seq 1000000", "sleep 1000", "cat"] {
        let given_up = tokio::time::timeout(Duration::from_millis(50), shell.execute(command)).await;
        assert!(given_up.is_err(), "{command}: {given_up:?}");
        let (after, wanted) = (format!("echo 'after {command}'"), format!("after {command}"));
        assert_eq!(shell.execute(&after).await.expect("an answer"), wanted.as_str());
    }
    shell.disconnect().await.expect("disconnecting");
    wait_for_async(HANG, || !shell.is_connected()).await.expect("no session left behind");
}
