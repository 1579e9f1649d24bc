//! Calls given up at every point: whoever comes next gets its own answer.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::*;
use crate::transport::Transport;
use crate::{ErrorKind, ExecuteOptions};

/// Polls `future` up to `polls` times, then drops it; its output, if it finished.
pub(super) async fn cut<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(cx).map(Some)
    })
    .await
}

pub(super) fn manners() -> Vec<(&'static str, &'static str, Manner)> {
    let plain = Manner { piece: 7, ..Manner::default() };
    vec![
        ("frr", "\n", plain.clone()),
        ("frr", "\r\n", Manner { doubles: true, ..plain.clone() }),
        ("cisco_ios", "\r", Manner { cooked: true, ..plain.clone() }),
        ("linux", "\n", plain.clone()),
        ("generic", "\r\n", Manner { editor: false, ..plain }),
    ]
}

#[tokio::test(start_paused = true)]
async fn execute_at_every_poll() {
    for (platform, line_end, manner) in manners() {
        let (router, record) = connected(platform, line_end, manner).await;
        let mut finished = 0;
        for polls in 0.. {
            if let Some(reply) = cut(router.execute("say old"), polls).await {
                assert_eq!(reply.expect("answered"), "you said old", "{platform}, {polls} polls");
                finished += 1;
            }
            let tag = format!("you said {polls}");
            let reply = router.execute(&format!("say {polls}")).await.expect("in step again");
            assert_eq!(reply, tag.as_str(), "{platform}, after {polls} polls");
            if finished == 3 {
                break;
            }
        }
        assert_eq!(router.status().reconnected, 0, "{platform}: every recovery is in place");
        assert!(router.status().resynchronised > 0, "{platform}");
        assert_eq!(record.logins.load(std::sync::atomic::Ordering::Relaxed), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_answer_at_many_polls() {
    for (platform, line_end, manner) in manners() {
        let (router, _) = connected(platform, line_end, Manner { piece: usize::MAX, ..manner }).await;
        for polls in (0..400).step_by(9) {
            let _ = cut(router.execute("long old"), polls).await;
            assert_eq!(
                router.execute("long new").await.expect("in step"),
                long("new").as_str(),
                "{platform}, after {polls} polls"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn configure_at_every_poll() {
    let (router, _) = connected("frr", "\n", Manner { piece: 7, ..Manner::default() }).await;
    let mut finished = 0;
    for polls in 0.. {
        if let Some(reply) = cut(router.configure("interface lo\ndescription x"), polls).await {
            reply.expect("applied");
            finished += 1;
        }
        let reply = router.execute("say x").await.expect("in step again");
        assert_eq!((reply.text(), reply.mode()), ("you said x", "enable"), "after {polls} polls");
        if finished == 3 {
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn connect_at_every_poll() {
    for polls in 0.. {
        let (router, _) = unconnected("frr", "\r\n", Manner { password: Some("p"), ..Manner::default() }, |target| {
            target.password("p")
        });
        let done = cut(router.connect(), polls).await;
        router.connect().await.expect("connects");
        assert_eq!(router.execute("say x").await.expect("answered"), "you said x", "after {polls} polls");
        if done.is_some() {
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn send_and_receive_at_every_poll() {
    use crate::LockableExt;
    let (router, _) = connected("frr", "\n", Manner { piece: 7, ..Manner::default() }).await;
    let mut finished = 0;
    for polls in 0.. {
        let raw = router.exclusive(async {
            router.send("say old").await?;
            router.receive().await
        });
        finished += usize::from(cut(raw, polls).await.is_some());
        assert_eq!(router.receive().await.expect_err("not ours").kind(), ErrorKind::OutOfStep);
        assert_eq!(router.execute("say new").await.expect("in step"), "you said new", "after {polls} polls");
        if finished == 3 {
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_timeout_the_old_answer_is_dropped() {
    let (router, record) =
        unconnected("frr", "\n", Manner::default(), |target| target.command_timeout(Duration::from_secs(4)));
    router.connect().await.expect("connects");
    let error = router.execute("gate").await.expect_err("too slow");
    assert!(error.is_timeout() && error.was_sent(), "{error:?}");
    record.gate.notify_one();
    assert_eq!(router.execute("say x").await.expect("in step"), "you said x");
    assert_eq!((router.status().resynchronised, router.status().reconnected), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_went_into_the_recovery_is_told() {
    let limit = Duration::from_secs(4);
    let (router, record) = unconnected("frr", "\n", Manner::default(), |target| target.command_timeout(limit));
    router.connect().await.expect("connects");
    router.execute("gate").await.expect_err("too slow");
    let error = router.execute("gate").await.expect_err("a new session, and too slow again");
    assert!(error.was_sent(), "{error}");
    assert!(error.to_string().contains("bringing the session back had taken 2"), "{error}");
    // Next to nothing is left behind the recovery: nothing is sent.
    let options = ExecuteOptions::new().timeout(Duration::from_millis(15));
    let error = router.execute_with("say x", &options).await.expect_err("no time");
    assert!(error.is_timeout() && !error.was_sent(), "{error:?}");
    assert!(!record.commands().contains(&"say x".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_stuck_command_is_interrupted_or_left_behind() {
    // One platform has a key for it, the other has none.
    for (platform, interrupted) in [("cisco_ios", (1, 0)), ("frr", (0, 1))] {
        let (router, _) =
            unconnected(platform, "\n", Manner::default(), |target| target.command_timeout(Duration::from_secs(20)));
        router.connect().await.expect("connects");
        router.execute("stuck").await.expect_err("stuck");
        assert_eq!(router.execute("say x").await.expect("in step"), "you said x");
        assert_eq!((router.status().resynchronised, router.status().reconnected), interrupted, "{platform}");

        router.execute("gate").await.expect_err("too slow");
        let started = tokio::time::Instant::now();
        assert_eq!(router.execute("say y").await.expect("on a new session"), "you said y");
        assert!(started.elapsed() < Duration::from_secs(20));
        let expected = (interrupted.0, interrupted.1 + 1);
        assert_eq!((router.status().resynchronised, router.status().reconnected), expected, "{platform}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_that_was_given_up_ends_in_a_new_session_within_the_deadline() {
    let (router, _) =
        unconnected("frr", "\n", Manner::default(), |target| target.command_timeout(Duration::from_millis(300)));
    router.connect().await.expect("connects");
    let _ = cut(router.execute("flood"), 10).await;
    let resume = tokio::spawn(async move {
        // A flood leaves paused time no idle moment to jump in; it is moved by hand.
        router.execute("say x").await.map(|reply| (reply, router.status()))
    });
    while !resume.is_finished() {
        tokio::time::advance(Duration::from_millis(1)).await;
        tokio::task::yield_now().await;
    }
    let (reply, status) = resume.await.expect("no panic").expect("on a new session");
    assert_eq!(reply, "you said x");
    assert_eq!(status.reconnected, 1);
}

/// What is read of a flood is counted, not timed: the paused clock does not move at all here.
#[tokio::test(start_paused = true)]
async fn a_flood_is_left_early() {
    let (router, _) = connected("linux", "\n", Manner::default()).await;
    let _ = cut(router.execute("flood"), 10).await;
    let started = tokio::time::Instant::now();
    assert_eq!(router.execute("say x").await.expect("on a new session"), "you said x");
    assert_eq!((router.status().reconnected, started.elapsed() < Duration::from_secs(1)), (1, true));
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_to_the_step_into_configuration_leaves_nobody_there() {
    let manner = Manner { slow_configure: true, ..Manner::default() };
    let (router, record) = unconnected("frr", "\n", manner, |target| target.command_timeout(Duration::from_secs(4)));
    router.connect().await.expect("connects");
    assert!(router.configure("interface lo").await.expect_err("no answer").is_timeout());
    record.gate.notify_one();
    let reply = router.execute("say x").await.expect("in step");
    assert_eq!((reply.text(), reply.mode()), ("you said x", "enable"));
    assert_eq!(router.status().reconnected, 0);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_can_prove_nothing_is_left_for_a_new_session() {
    let manner = Manner { echoes: 0, editor: false, ..Manner::default() };
    let (router, record) = connected("generic", "\n", manner).await;
    for polls in 1..3 {
        assert!(cut(router.execute("mumble"), polls).await.is_none());
        // Whatever the old session still says, it says to nobody.
        assert_eq!(router.execute("say x").await.expect("answered"), "you said x", "after {polls} polls");
    }
    assert_eq!((router.status().resynchronised, router.status().reconnected), (0, 2));
    assert_eq!(record.logins.load(std::sync::atomic::Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn a_line_sent_half_is_not_continued_by_the_next() {
    use crate::LockableExt;
    let (router, record) = connected("frr", "\n", Manner::default()).await;
    // While the device is busy it reads nothing, and this is more than the pipe holds.
    let long = format!("say {}", "x".repeat(10_000));
    router
        .exclusive(async {
            router.send("gate").await.expect("sent");
            let given_up = cut(router.send(&long), 2).await;
            assert!(given_up.is_none(), "{given_up:?}");
            record.gate.notify_one();
            router.send("say next").await.expect("sent");
            assert_eq!(router.receive().await.expect("answered"), "you said next");
        })
        .await
        .expect("the section");
    assert!(record.commands().iter().all(|command| !command.contains("xsay")), "two lines became one");
}

#[tokio::test(start_paused = true)]
async fn disconnect_ends_an_attempt_to_connect() {
    let target = Target::new("r1.example").platform("frr");
    let opener = Arc::new(|_| -> Opening {
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(25)).await;
            Ok(device(Manner::default(), Arc::default()))
        })
    });
    let router = TelnetConnection::over(&target, SessionOptions::new(), "\n", opener).expect("valid options");
    let (connected, disconnected) = tokio::join!(router.connect(), async {
        tokio::task::yield_now().await;
        router.disconnect().await
    });
    disconnected.expect("closed");
    assert_eq!(connected.expect_err("taken away").kind(), ErrorKind::NotConnected);
    assert!(!router.is_connected());
    assert_eq!(router.execute("say x").await.expect_err("closed").kind(), ErrorKind::NotConnected);
}

#[tokio::test(start_paused = true)]
async fn what_comes_late_where_nothing_is_proven_is_nobodys() {
    let manner = Manner { echoes: 0, editor: false, ..Manner::default() };
    let (router, _) = connected("generic", "\n", manner).await;
    router.execute("mumble").await.expect("believed after a pause");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(router.execute("say x").await.expect("on a new session"), "you said x");
    assert_eq!(router.status().reconnected, 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(router.execute("say y").await.expect("on the same session"), "you said y");
    assert_eq!(router.status().reconnected, 1);
}

/// A transport that always has more to say once `flood` was typed.
struct Endless {
    transport: Box<dyn Transport>,
    flooding: bool,
}

impl Transport for Endless {
    fn line(&self) -> Arc<dyn crate::transport::Line> {
        self.transport.line()
    }
}

impl AsyncRead for Endless {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.flooding {
            buf.put_slice(&b"flood\r\n".repeat(buf.remaining() / 7));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.transport).poll_read(cx, buf)
    }
}

impl AsyncWrite for Endless {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.flooding |= buf.starts_with(b"flood");
        Pin::new(&mut self.transport).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(cx)
    }
}

/// On one thread, and on the real clock: whoever never waits keeps even the clock from being looked at.
#[tokio::test]
async fn a_flood_keeps_no_limit_from_ending_it() {
    let target = Target::new("r1.example").platform("frr");
    let opener = Arc::new(|_| -> Opening {
        Box::pin(async {
            let transport = device(Manner::default(), Arc::default());
            Ok(Box::new(Endless { transport, flooding: false }) as Box<dyn Transport>)
        })
    });
    let router = TelnetConnection::over(&target, SessionOptions::new(), "\n", opener).expect("valid options");
    router.connect().await.expect("connects");
    let given_up = tokio::time::timeout(Duration::from_millis(1), router.execute("flood")).await;
    assert!(given_up.is_err(), "it was heard to the limit of an answer's length");
    // Nor does what comes without end while the next call recovers.
    assert_eq!(router.execute("say x").await.expect("on a new session"), "you said x");
}
