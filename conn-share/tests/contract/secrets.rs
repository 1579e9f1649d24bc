//! Nothing that is printed has a secret in it: no log at its finest level, no session log, no error, no `Debug`.

use std::error::Error as StdError;
use std::fmt::{self, Write as _};
use std::io;
use std::sync::Mutex;
use std::time::Duration;

use conn_share::{
    ConnectOptions, Connection, ConnectionClass, Credential, Device, ExecCommand, HostKeys, Path, SessionLog,
    SshConnection, SshExec, Target, TelnetConnection,
};
use russh::keys::ssh_key::{Cipher, Kdf};
use tracing::field::{Field, Visit};
use tracing::span;

use super::bastion::{bastion, key};
use super::router::router;

/// In every secret of this test.
const MARK: &str = "swordfish";
const PASSWORD: &str = "swordfish-login";
const ENABLE: &str = "swordfish-enable";
const WRONG: &str = "swordfish-wrong";
const PASSPHRASE: &str = "swordfish-passphrase";
const JUMP_PASSWORD: &str = "swordfish-jump";
const STDIN: &str = "swordfish-stdin\n";

static PRINTED: Mutex<String> = Mutex::new(String::new());

fn print(args: fmt::Arguments<'_>) {
    let mut printed = PRINTED.lock().unwrap();
    printed.write_fmt(args).unwrap();
    printed.push('\n');
}

/// Takes down whatever is said, by `tracing` here and by `log` below russh.
struct Listener;

impl tracing::Subscriber for Listener {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        let mut text = Text(span.metadata().target().to_owned());
        span.record(&mut text);
        print(format_args!("{}", text.0));
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, record: &span::Record<'_>) {
        let mut text = Text(String::new());
        record.record(&mut text);
        print(format_args!("{}", text.0));
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = Text(event.metadata().target().to_owned());
        event.record(&mut text);
        print(format_args!("{}", text.0));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, "; {field}={value:?}").unwrap();
    }
}

static SAID: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Takes down what is said in the sessions.
struct Transcript;

impl io::Write for Transcript {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        SAID.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl log::Log for Listener {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        print(format_args!("{}; {}", record.target(), record.args()));
    }

    fn flush(&self) {}
}

/// As it is shown to people, and as it is shown to programmers, down to its last cause.
fn print_error(error: &(dyn StdError + 'static)) {
    print(format_args!("{error:?}"));
    let mut link = Some(error);
    while let Some(error) = link {
        print(format_args!("{error}"));
        link = error.source();
    }
}

fn print_failed<T: fmt::Debug>(result: conn_share::Result<T>) {
    print_error(&result.expect_err("this one has to fail"));
}

/// The port of a device that asks for a password and repeats it behind `ending`.
async fn repeating(ending: &'static str, closes: bool) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        let (mut device, _) = listener.accept().await?;
        device.write_all(b"Password: ").await?;
        let mut given = String::new();
        while !given.ends_with('\r') {
            given.push(char::from(device.read_u8().await?));
        }
        device.write_all(format!("{ending}{}", given.trim()).as_bytes()).await?;
        if !closes {
            std::future::pending::<()>().await;
        }
        io::Result::Ok(())
    });
    port
}

/// A key file with a passphrase, a host on the way with a password of its own, and single commands.
async fn reach_it_by_ssh(port: u16) {
    let file = std::env::temp_dir().join(format!("conn-share-{}-locked", std::process::id()));
    // One round, as it is deciphered again and again here.
    let kdf = Kdf::Bcrypt { salt: vec![1; 16], rounds: 1 };
    let locked = key(7).encrypt_with(Cipher::Aes256Ctr, kdf, 1, PASSPHRASE).expect("encrypted");
    std::fs::write(&file, locked.to_openssh(Default::default()).expect("a text")).expect("written");
    let way = bastion("jumper", JUMP_PASSWORD).await;
    let trusting = |at: &str, port: u16| Target::new(at).port(port).host_keys(HostKeys::danger_accept_any());
    let jump = trusting("127.0.0.1", way.port()).name("bastion").username("jumper").password(JUMP_PASSWORD);
    let target = trusting("127.0.0.1", port).name("r1").platform("frr").username("keeper").enable(ENABLE);
    let target = target.key(&file).passphrase(PASSPHRASE).jump(jump.clone());

    let connection = SshConnection::new(&target).expect("valid");
    connection.connect().await.expect("connects");
    print(format_args!("{connection:?} {:?}", connection.execute("show version").await.expect("answers")));
    connection.disconnect().await.expect("closes");
    let shared = target.clone().share_transport(2);
    let connection = SshConnection::new(&shared).expect("valid");
    connection.connect().await.expect("connects");
    print(format_args!("{shared:?} {connection:?}"));
    connection.disconnect().await.expect("closes");

    let host = SshExec::connect(&target).await.expect("connects");
    let input = ExecCommand::new().stdin(STDIN);
    print(format_args!("{input:?} {host:?}"));
    print(format_args!("{:?}", host.run_with("show version", &input).await.expect("runs")));
    let refused = host.run(&format!("bogus {MARK}-command")).await;
    if let Err(error) = &refused {
        print_error(error);
    }
    host.disconnect();
    print_failed(host.run(&format!("bogus {MARK}-command")).await);

    let mut keyless = target.clone();
    keyless.credential.passphrase = None;
    let by_word = |word: &str| keyless.clone().keys::<&str>([]).password(word);
    let without = |mut jump: Target| {
        jump.credential.password = None;
        jump
    };
    let wrong = [
        keyless.clone(),
        target.clone().passphrase(WRONG),
        by_word(WRONG),
        target.clone().jump(jump.clone().password(WRONG)),
        target.clone().jump(without(jump.clone())),
        target.clone().jump(jump.clone().key(&file).passphrase(WRONG)),
        target.clone().port(1),
    ];
    for wrong in wrong {
        print(format_args!("{wrong:?}"));
        print_failed(SshConnection::new(&wrong).expect("valid").connect().await);
        print_failed(SshExec::connect(&wrong).await);
    }
    std::fs::remove_file(&file).expect("removed");
}

#[tokio::test]
async fn no_log_error_or_debug_text_has_a_secret_in_it() {
    tracing::subscriber::set_global_default(Listener).unwrap();
    log::set_logger(&Listener).unwrap();
    log::set_max_level(log::LevelFilter::Trace);

    let public = key(7).public_key().to_openssh().expect("a text");
    let router =
        router().user("admin", PASSWORD).user_key("keeper", &public).enable(ENABLE).start().await.expect("loopback");
    let (ssh, telnet) = (router.ssh_addr().port(), router.telnet_addr().port());
    let log = SessionLog::to(Transcript);
    let trusted = ConnectOptions::new().host_keys(HostKeys::danger_accept_any()).log(log.clone());
    let builder = Device::builder("r1").os("frr").login("admin", PASSWORD).enable(ENABLE).options(trusted);
    let mut wrong = Credential::default();
    wrong.username = "admin".to_owned();
    wrong.password = Some(WRONG.into());
    let builder = builder
        .credential("wrong", wrong)
        .path("mgmt", Path::ssh("127.0.0.1").port(ssh))
        .path("console", Path::telnet("127.0.0.1").port(telnet));
    print(format_args!("{builder:?}"));
    let device = builder.build().expect("valid");

    // What works.
    let pool = ConnectOptions::via("mgmt").alias("pool").pool_size(1).pool_timeout(Duration::from_millis(100));
    device.connect::<SshConnection>(pool.clone()).await.expect("connects");
    device.connect::<TelnetConnection>(ConnectOptions::via("console")).await.expect("connects");
    for alias in ["pool", "console"] {
        let connection = device.connection(alias).expect("connected");
        print(format_args!("{connection:?}"));
        print(format_args!("{:?}", connection.execute("show version").await.expect("answers")));
        print(format_args!("{:?}", connection.configure("hostname r1").await.expect("applied")));
    }

    // What is refused, and who waits for whom meanwhile.
    let command = format!("test password {MARK}-command");
    print_failed(device.execute(&command).await.expect("a reply").ok());
    print_failed(device.configure(format!("bogus password {MARK}-config")).await);
    print_failed(device.connect::<SshConnection>(ConnectOptions::via("mgmt").alias("w").credential("wrong")).await);
    print_failed(
        device.connect::<TelnetConnection>(ConnectOptions::via("console").alias("v").credential("wrong")).await,
    );
    let gate = router.hold(&command);
    let holder = tokio::spawn({
        let (device, command) = (device.clone(), command.clone());
        async move { device.execute(command).await }
    });
    gate.waiting().await;
    print_failed(device.execute("show version").await);
    print(format_args!("{:?}", device.pool("pool").expect("a pool").status()));
    print(format_args!("{device:?} {:?}", device.connections()));

    // What breaks: every session, in the middle of a command and between two.
    for session in router.sessions() {
        router.kill_session(session.id);
    }
    print_failed(holder.await.expect("no panic"));
    drop(gate);
    for alias in ["pool", "console"] {
        let connection = device.connection(alias).expect("connected");
        let _ = connection.execute("show version").await;
        print(format_args!("{:?}", connection.execute("show version").await.expect("a new session")));
    }
    device.disconnect_all().await.expect("closes");

    // What a device repeats of what it was given, when it refuses and when it goes silent.
    for (ending, closes) in [("\r\n% Login invalid for ", true), ("\r\nUnknown user ", false)] {
        let target = Target::new("127.0.0.1").port(repeating(ending, closes).await).username("admin").password(WRONG);
        let target = target.connect_timeout(Duration::from_secs(2)).log(log.clone());
        print_failed(TelnetConnection::from_target(&target).expect("valid").connect().await);
    }
    reach_it_by_ssh(ssh).await;

    // What is only shown.
    let target = Target::new("127.0.0.1").port(ssh).username("admin").password(PASSWORD).enable(ENABLE);
    print(format_args!("{target:?} {pool:?}"));
    print(format_args!("{:?}", SshConnection::from_target(&target).expect("valid")));
    print(format_args!("{:?}", TelnetConnection::from_target(&target).expect("valid")));

    log.flush().await.expect("written");
    let mut printed = std::mem::take(&mut *PRINTED.lock().unwrap());
    printed.push_str(std::str::from_utf8(&SAID.lock().unwrap()).expect("a log is ASCII"));
    for source in ["conn_share::pool", "conn_share::connection", "russh::"] {
        assert!(printed.lines().any(|line| line.starts_with(source)), "nothing heard of {source}");
    }
    for said in ["needs a passphrase", "the passphrase is wrong", "r1, at its jump host bastion", "stdin_bytes"] {
        assert!(printed.contains(said), "nobody said: {said}");
    }
    for (session, sent) in [("[r1 via mgmt ", "] > show version"), ("[r1 via console ", "] > ***")] {
        let heard = |line: &str| line.contains(session) && line.contains(sent);
        assert!(printed.lines().any(heard), "no transcript has {session}..{sent}");
    }
    let bytes = format!("{:?}", MARK.as_bytes());
    let hex: String = MARK.bytes().map(|byte| format!("{byte:02x}")).collect();
    for secret in [MARK, bytes.trim_matches(['[', ']']), &hex] {
        let told: Vec<&str> = printed.lines().filter(|line| line.to_lowercase().contains(secret)).collect();
        assert!(told.is_empty(), "{told:#?}");
    }
}
