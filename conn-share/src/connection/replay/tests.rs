//! Recordings played back: those that are kept of real servers, and one made on the spot.

use super::*;
use crate::LockableExt;

fn kept(name: &str) -> Recording {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/transcripts/");
    Recording::load(format!("{folder}{name}")).expect("a transcript")
}

async fn replay(name: &str, platform: &str) -> ReplayConnection {
    let replay = ReplayConnection::new(kept(name)).platform(Platform::named(platform).expect("built in"));
    replay.connect().await.expect("nothing can go wrong");
    replay
}

#[tokio::test]
async fn what_was_recorded_of_a_router() {
    let router = replay("frr-ssh.txt", "frr").await;
    let version = router.execute("show version").await.expect("recorded");
    assert!(version.starts_with("FRRouting ") && !version.contains("r1# "), "{version}");
    assert_eq!(version.mode(), "enable");
    let routes = router.execute("show ip route").await.expect("recorded");
    assert!(
        routes.starts_with("Codes: ") && routes.lines().last().expect("lines").contains("192.0.2.0/30"),
        "{routes}"
    );
    // The line editor wrapped its echo.
    let long = format!("show {}", "long ".repeat(40));
    let refused = router.execute(&long).await.expect("recorded");
    assert!(refused.refused().expect("refused").starts_with("% "), "{refused}");
    assert_eq!(*refused, *refused.refused().expect("refused"));
}

#[tokio::test]
async fn what_was_recorded_of_a_line_with_a_pager() {
    let line = replay("frr-telnet.txt", "frr").await;
    let paged = line.execute("show ip route").await.expect("recorded").into_text();
    let whole = line.execute("show ip route").await.expect("recorded").into_text();
    let again = line.execute("show ip route").await.expect("recorded").into_text();
    assert_eq!(whole, again, "the last answer stays");
    assert!(whole.lines().count() > 200, "{whole}");
    assert_eq!(paged, whole, "the pager, turned page by page, leaves no trace");
}

#[tokio::test]
async fn what_was_recorded_of_a_shell() {
    let shell = replay("linux-ssh.txt", "linux").await;
    assert_eq!(shell.execute("uname -s").await.expect("recorded"), "Linux");
    assert_eq!(shell.execute("seq 100").await.expect("recorded").lines().count(), 100);
    assert_eq!(shell.execute("printf '\\033[31mred\\033[0m\\n'").await.expect("recorded"), "red");
}

const SHORT: &str = r"< r1#
> show a\n
< show a\r\n1\r\nr1#
> terminal length 0\n
< terminal length 0\r\nr1#
> show a\n
< show a\r\n2\r\nr1#
> configure terminal\n
< configure terminal\r\nr1(config)#
> enable secret ***\n
< enable secret ***\r\nr1(config)#
> bogus\n
< bogus\r\n% Unknown command: bogus\r\nr1(config)#
> end\n
< end\r\nr1#
";

async fn short() -> ReplayConnection {
    let replay = ReplayConnection::new(Recording::parse(SHORT).expect("valid"));
    let replay = replay.platform(Platform::named("frr").expect("built in"));
    replay.connect().await.expect("nothing can go wrong");
    replay
}

#[tokio::test]
async fn what_was_not_recorded_is_told() {
    let router = short().await;
    let error = router.execute("show b").await.expect_err("not recorded");
    assert_eq!(error.kind(), ErrorKind::Usage);
    let text = error.to_string();
    assert!(
        text.starts_with("replay: `show b` was not recorded; recorded are `show a`, `terminal length 0`,"),
        "{text}"
    );
    assert_eq!(router.execute("show a\nshow b").await.expect_err("two lines").kind(), ErrorKind::Usage);
    router.disconnect().await.expect("nothing can go wrong");
    assert_eq!(router.execute("show a").await.expect_err("closed").kind(), ErrorKind::NotConnected);
}

#[tokio::test]
async fn in_order_each_command_comes_once() {
    let router = short().await.in_order();
    assert_eq!(router.execute("show a").await.expect("recorded"), "1");
    assert_eq!(router.execute("show a").await.expect("the platform's own may be left out"), "2");
    let error = router.execute("show a").await.expect_err("not now");
    assert!(
        error.to_string().contains("`show a` was asked, and the recording goes on with `enable secret …`"),
        "{error}"
    );
    router.configure("enable secret hunter22").await.expect("recorded");
    assert_eq!(router.configure("bogus").await.expect_err("refused").kind(), ErrorKind::Refused);
    assert!(router.execute("show a").await.expect_err("over").to_string().contains("the recording is over"));
}

#[tokio::test]
async fn raw_lines_belong_to_their_section() {
    let router = short().await;
    let both = router.exclusive(async {
        router.send("show a").await?;
        router.send("show a").await?;
        router.receive().await
    });
    assert_eq!(both.await.expect("locked").expect("recorded"), "1\n2");
    assert_eq!(router.receive().await.expect_err("nothing sent").kind(), ErrorKind::OutOfStep);
    let error = router.configure("enable secret hunter22\nbogus").await.expect_err("refused");
    let text = error.to_string();
    assert!(text.contains("line 2 of 2 was refused, `bogus`: % Unknown command: bogus"), "{text}");
}

#[cfg(all(feature = "sim", feature = "telnet"))]
#[tokio::test]
async fn a_session_logged_and_played_back() {
    use crate::{ConnectOptions, Device, Path, SessionLog};
    let file = std::env::temp_dir().join(format!("conn-share-replay-{}.log", std::process::id()));
    let sim = crate::sim::Router::builder().user("admin", "pw").enable("hunter22").start().await.expect("loopback");
    let commands = ["show version", "show ip bgp", "show me the way"];
    let log = SessionLog::file(&file).expect("a temporary file");
    let device = Device::builder("r1").os("frr").login("admin", "pw").enable("hunter22");
    let device = device.path("console", Path::telnet("127.0.0.1").port(sim.telnet_addr().port())).build();
    let device = device.expect("valid");
    device.open(ConnectOptions::new().log(log.clone())).await.expect("connects");
    let mut real = Vec::new();
    for command in commands {
        real.push(device.execute(command).await.expect("answers"));
    }
    device.configure("interface eth9\n description x").await.expect("applied");
    device.disconnect_all().await.expect("closes");
    log.flush().await.expect("written");

    let played =
        Device::builder("r1").os("frr").path("console", Path::new("replay", "nowhere")).build().expect("valid");
    let options =
        ConnectOptions::new().argument("recording", file.display().to_string()).argument("recording_of", "r1");
    let opened = played.open(options.argument("in_order", "true")).await;
    let text = std::fs::read_to_string(&file).expect("a log");
    std::fs::remove_file(&file).expect("it is there");
    opened.expect("reads");
    assert!(!text.contains("hunter22"), "{text}");
    for (command, real) in commands.iter().zip(real) {
        let reply = played.execute(command).await.expect("recorded");
        assert_eq!(
            (reply.text(), reply.refused(), reply.mode()),
            (real.text(), real.refused(), real.mode()),
            "{command}"
        );
    }
    played.configure("interface eth9\n description x").await.expect("recorded");
    let error = played.execute("show clock").await.expect_err("over");
    assert!(error.to_string().starts_with("r1 via console: `show clock` was asked"), "{error}");
}

#[tokio::test]
async fn the_sessions_of_two_runs_in_one_log_are_two() {
    let run = |answer: &str| {
        [
            "# open".to_owned(),
            r"< r1# ".to_owned(),
            r"> show a\n".to_owned(),
            format!(r"< show a\r\n{answer}\r\nr1# "),
            "# closed".to_owned(),
        ]
        .map(|turn| format!("2026-01-01T00:00:00.000Z [r1 1] {turn}\n"))
        .concat()
    };
    let router = ReplayConnection::new(Recording::parse(&(run("1") + &run("2"))).expect("a log"));
    router.connect().await.expect("nothing can go wrong");
    assert_eq!(router.execute("show a").await.expect("recorded"), "1");
    assert_eq!(router.execute("show a").await.expect("recorded"), "2");
}

/// Two sessions of one, with the lines above its prompt, a pager and a prompt of its own.
const JUNOS: &str = r"< \r\n{master:0}\r\nada@mx1>
> show system uptime\n
< show system uptime\r\nup 3 days\r\n---(more 42%)---
>
< \r                   \rand 4 hours\r\n\r\n{master:0}\r\nada@mx1>
> configure private\n
< configure private\r\n\r\n{master:0}[edit]\r\nada@mx1#
";

#[tokio::test]
async fn a_recording_is_read_by_its_platform() {
    let recording = JUNOS.replace("\n>\n", "\n>  \n");
    let router = ReplayConnection::new(Recording::parse(&recording).expect("valid"));
    let router = router.platform(Platform::named("juniper_junos").expect("built in"));
    router.connect().await.expect("nothing can go wrong");
    let reply = router.execute("show system uptime").await.expect("recorded");
    assert_eq!((reply.text(), reply.mode()), ("up 3 days\nand 4 hours", "operational"));
    let reply = router.execute("configure private").await.expect("recorded");
    assert_eq!((reply.text(), reply.mode()), ("", "configuration"));

    let odd = r"< r1 ready:
> show a\n
< show a\r\n1\r\nr1 ready:
> show b\n
< show b\r\n2\r\nr1 ready:
";
    let router = ReplayConnection::new(Recording::parse(odd).expect("valid"));
    let router = router.platform(Platform::new("odd").mode("ready", " ", "ready:"));
    router.connect().await.expect("nothing can go wrong");
    assert_eq!(router.execute("show b").await.expect("recorded"), "2");
}

#[tokio::test]
async fn what_always_stands_above_a_prompt_is_learnt_from_the_recording() {
    let recording = r"< +-- r1\r\n$
>    \n
<    \r\n+-- r1\r\n$
>        \n
<        \r\n+-- r1\r\n$
> ls\n
< ls\r\na\r\n+-- r1\r\n$
>            \n
<            \r\n+-- r1\r\n$
";
    let shell = ReplayConnection::new(Recording::parse(recording).expect("valid"));
    shell.connect().await.expect("nothing can go wrong");
    assert_eq!(shell.execute("ls").await.expect("recorded"), "a");
}
