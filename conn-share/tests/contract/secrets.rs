//! Nothing that is printed has a secret in it: no log at its finest level, no session log, no error, no `Debug`.

use std::error::Error as StdError;
use std::fmt::{self, Write as _};
use std::io;
use std::sync::Mutex;
use std::time::Duration;

use conn_share::{
    ConnectOptions, Connection, ConnectionClass, Credential, Device, HostKeys, Path, SessionLog, SshConnection, Target,
    TelnetConnection,
};
use tracing::field::{Field, Visit};
use tracing::span;

use super::router::router;

/// In every secret of this test.
const MARK: &str = "swordfish";
const PASSWORD: &str = "swordfish-login";
const ENABLE: &str = "swordfish-enable";
const WRONG: &str = "swordfish-wrong";

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

#[tokio::test]
async fn no_log_error_or_debug_text_has_a_secret_in_it() {
    tracing::subscriber::set_global_default(Listener).unwrap();
    log::set_logger(&Listener).unwrap();
    log::set_max_level(log::LevelFilter::Trace);

    let router = router().user("admin", PASSWORD).enable(ENABLE).start().await.expect("loopback");
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
