//! What goes right and wrong while nobody gives up.

use std::time::Duration;

use super::*;
use crate::{ErrorKind, ExecuteOptions, Interaction, LockableExt};

/// Every platform and manner that has a proof.
pub(super) fn manners() -> Vec<(&'static str, &'static str, Manner)> {
    let plain = Manner::default();
    let mut all = Vec::new();
    for platform in ["frr", "cisco_ios", "linux", "generic"] {
        for piece in [1, 3, usize::MAX] {
            all.push((platform, "\n", Manner { piece, ..plain.clone() }));
            all.push((platform, "\r\n", Manner { piece, ..plain.clone() }));
            all.push((platform, "\r\n", Manner { piece, doubles: true, ..plain.clone() }));
            all.push((platform, "\r", Manner { piece, cooked: true, ..plain.clone() }));
        }
    }
    all.push(("frr", "\n", Manner { editor: false, ..plain.clone() }));
    all.push(("generic", "\r\n", Manner { editor: false, ..plain }));
    all
}

#[tokio::test(start_paused = true)]
async fn answers_are_whole() {
    for (platform, line_end, manner) in manners() {
        let shown = format!("{platform} {line_end:?} {manner:?}");
        let (router, _) = connected(platform, line_end, manner).await;
        for _ in 0..2 {
            assert_eq!(router.execute("say hello").await.expect(&shown), "you said hello", "{shown}");
            assert_eq!(router.execute("long x").await.expect(&shown), long("x").as_str(), "{shown}");
            assert_eq!(router.execute("terminal").await.expect(&shown), "", "{shown}");
        }
        router.disconnect().await.expect("closes");
        assert!(!router.is_connected());
    }
}

#[tokio::test(start_paused = true)]
async fn an_output_line_equal_to_the_prompt_ends_nothing() {
    for (platform, line_end, manner) in manners() {
        let shown = format!("{platform} {line_end:?} {manner:?}");
        // Blanks that a cooked terminal echoes cannot be told from the line editor's: only `generic` relies on them.
        if platform == "generic" && manner.cooked {
            continue;
        }
        let (router, _) =
            unconnected(platform, line_end, manner, |target| target.command_timeout(Duration::from_secs(200)));
        router.connect().await.expect(&shown);
        assert_eq!(router.execute("trap").await.expect(&shown), "one\nr1# \nr1# \ntwo", "{shown}");
        assert_eq!(router.execute("say next").await.expect(&shown), "you said next", "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_last_line_without_an_end_is_whole() {
    for (platform, line_end, manner) in manners() {
        let shown = format!("{platform} {line_end:?} {manner:?}");
        let (router, _) = connected(platform, line_end, manner).await;
        for rest in ["two", "r1#"] {
            let answer = router.execute(&format!("unended {rest}")).await.expect(&shown);
            assert_eq!(answer, format!("one\n{rest}").as_str(), "{shown}");
            assert_eq!(router.execute("say next").await.expect(&shown), "you said next", "{shown}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_is_no_old_command_to_be_waited_for() {
    let start = tokio::time::Instant::now();
    let (router, _) =
        unconnected("generic", "\n", Manner { password: Some("secret"), ..Manner::default() }, |target| {
            target.password("secret")
        });
    router.connect().await.expect("let in");
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    router.disconnect().await.expect("closes");
}

#[tokio::test(start_paused = true)]
async fn a_device_that_echoes_nothing_is_believed_after_a_pause() {
    let (router, _) = connected("generic", "\n", Manner { echoes: 0, editor: false, ..Manner::default() }).await;
    assert_eq!(router.execute("say hello").await.expect("answered"), "you said hello");
    assert_eq!(router.execute("terminal").await.expect("answered"), "");
}

#[tokio::test(start_paused = true)]
async fn an_echo_that_is_missing_or_comes_twice_is_known_soon() {
    for platform in ["frr", "cisco_ios", "linux", "generic"] {
        for (echoes, editor) in [(0, true), (0, false), (2, true), (2, false)] {
            for line_end in ["\n", "\r\n"] {
                let manner = Manner { echoes, editor, shell: platform == "linux", ..Manner::default() };
                let shown = format!("{platform} {line_end:?} {manner:?}");
                let started = tokio::time::Instant::now();
                let (router, record) = connected(platform, line_end, manner).await;
                assert!(started.elapsed() < Duration::from_secs(10), "{shown}: {:?}", started.elapsed());
                let junk =
                    record.commands().into_iter().filter(|command| command.starts_with(|c: char| c.is_ascii_digit()));
                assert!(!editor || junk.count() == 0, "{shown}");
                for _ in 0..2 {
                    assert_eq!(router.execute("say hello").await.expect(&shown), "you said hello", "{shown}");
                    assert_eq!(router.execute("terminal").await.expect(&shown), "", "{shown}");
                }
                // With a proof the session is kept.
                let proves = platform == "linux" || echoes == 2;
                let given_up = cut::cut(router.execute("long old"), 3).await;
                assert!(given_up.is_none(), "{shown}");
                assert_eq!(router.execute("say next").await.expect(&shown), "you said next", "{shown}");
                assert_eq!(router.status().reconnected, u64::from(!proves), "{shown}");
            }
        }
    }
}

/// Each try of a question lasts for less: what is echoed shows that the answer is on its way.
#[tokio::test(start_paused = true)]
async fn a_slow_device_is_not_taken_for_one_that_proves_nothing() {
    for platform in ["generic", "frr", "cisco_ios"] {
        for thinks in [300, 700] {
            let manner = Manner { thinks: Duration::from_millis(thinks), ..Manner::default() };
            let (router, _) = connected(platform, "\n", manner).await;
            assert!(cut::cut(router.execute("long old"), 3).await.is_none(), "{platform} {thinks}");
            assert_eq!(router.execute("say x").await.expect(platform), "you said x", "{platform} {thinks}");
            assert_eq!(router.status().reconnected, 0, "{platform} {thinks}: recovered by its proof");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_always_stands_above_the_prompt_is_no_output() {
    let mut all = Vec::new();
    for platform in ["generic", "linux"] {
        for above in ["\r\n{master:0}\r\n", "+-- r1 ~\r\n", "\r\n", "a\r\n\r\nb\r\n"] {
            for piece in [1, 7, usize::MAX] {
                let plain = Manner { above, piece, ..Manner::default() };
                all.push((platform, "\n", plain.clone()));
                all.push((platform, "\r\n", plain.clone()));
                all.push((platform, "\r\n", Manner { doubles: true, ..plain }));
            }
        }
    }
    for (platform, line_end, manner) in all {
        let shown = format!("{platform} {line_end:?} {manner:?}");
        let (router, _) = connected(platform, line_end, manner.clone()).await;
        let ends_lines = manner.above.starts_with("\r\n");
        let rests = ["two", "{master:0}", "b"].into_iter().filter(|_| ends_lines);
        let commands = ["say hello", "terminal", "long x"].map(String::from);
        for command in commands.into_iter().chain(rests.map(|rest| format!("unended {rest}"))) {
            let expected = match command.split_once(' ') {
                Some(("say", rest)) => format!("you said {rest}"),
                Some(("long", tag)) => long(tag),
                Some((_, rest)) => format!("one\n{rest}"),
                None => String::new(),
            };
            assert_eq!(router.execute(&command).await.expect(&shown), expected, "{command} {shown}");
            let mut lines = Vec::new();
            router.execute_lines(&command, &mut |line| lines.push(line.to_owned())).await.expect(&shown);
            assert_eq!(lines.join("\n"), expected, "{command} {shown}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pagers_are_answered() {
    for (platform, line_end, manner) in manners() {
        let shown = format!("{platform} {line_end:?} {manner:?}");
        let (router, _) = connected(platform, line_end, manner).await;
        let pages = router.execute("pages").await.expect(&shown);
        // The pager of a shell is its own.
        if platform != "linux" {
            assert_eq!(pages, "page 1\npage 2\npage 3\nend of pages", "{shown}");
        }
        assert_eq!(router.execute("say on").await.expect(&shown), "you said on", "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn log_lines_end_nothing() {
    let (router, _) = connected("frr", "\n", Manner::default()).await;
    let text = router.execute("log").await.expect("answered").into_text();
    assert!(
        text.starts_with("before\n%LINK-3-UPDOWN: eth0\nafter\n") && text.ends_with("%SYS-5-CONFIG: done"),
        "{text}"
    );
    assert_eq!(router.execute("say on").await.expect("answered"), "you said on");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_entered_at_a_question_that_nobody_announced() {
    for platform in ["frr", "cisco_ios", "generic", "linux"] {
        for command in ["risk", "late"] {
            let manner = Manner { shell: platform == "linux", ..Manner::default() };
            let (router, record) = connected(platform, "\n", manner).await;
            let error = router.execute(command).await.expect_err("nothing ends it");
            assert_eq!(error.kind(), ErrorKind::Timeout, "{platform} {command}: {error}");
            assert!(!record.commands().contains(&"confirmed".to_owned()), "{platform} {command}");
            assert_eq!(router.execute("say on").await.expect("answered"), "you said on", "{platform} {command}");
            assert!(!record.commands().contains(&"confirmed".to_owned()), "{platform} {command}, the next caller");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn output_that_reads_like_a_pager_is_kept() {
    for platform in ["frr", "cisco_ios", "generic", "linux"] {
        let (router, _) = connected(platform, "\n", Manner::default()).await;
        let text = router.execute("more").await.expect(platform);
        assert_eq!(text, "one\nthe pager says --More-- and waits", "{platform}");
        assert_eq!(router.execute("say on").await.expect("answered"), "you said on", "{platform}");
    }
}

#[tokio::test(start_paused = true)]
async fn questions_are_answered_as_stated() {
    let (router, _) = connected("frr", "\n", Manner::default()).await;
    let yes = ExecuteOptions::new().interaction(Interaction::keys("[confirm]", "y"));
    let said = router.execute_with("reload", &yes).await.expect("answered");
    assert_eq!(said, "Proceed with reload? [confirm]\nreloading");
    let said = router.execute("reload").await.expect("answered");
    assert!(said.ends_with("not reloading"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn an_empty_question_is_asked_by_nobody() {
    let (router, record) = connected("frr", "\n", Manner::default()).await;
    let options = ExecuteOptions::new().interaction(Interaction::line(" ", "enable-word")).prompt("");
    assert_eq!(router.execute_with("say x", &options).await.expect("answered"), "you said x");
    assert!(!record.commands().contains(&"enable-word".to_owned()), "{:?}", record.commands());
}

#[tokio::test(start_paused = true)]
async fn a_new_host_name_is_learnt() {
    for platform in ["frr", "linux", "generic"] {
        let (router, _) = connected(platform, "\n", Manner::default()).await;
        assert_eq!(router.execute("rename").await.expect("answered"), "", "{platform}");
        assert_eq!(router.execute("say x").await.expect("answered"), "you said x", "{platform}");
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_are_replies() {
    let (router, _) = connected("frr", "\n", Manner::default()).await;
    let reply = router.execute("bogus").await.expect("answered");
    assert_eq!(reply.refused(), Some("% Unknown command: bogus"));
    assert_eq!(reply.mode(), "enable");
    assert_eq!(reply.ok().expect_err("refused").kind(), ErrorKind::Refused);
}

#[tokio::test(start_paused = true)]
async fn control_characters_are_not_sent() {
    let (router, record) = connected("frr", "\n", Manner::default()).await;
    let before = record.commands();
    for command in ["say a\nsay b", "say a\r", "say \x03", "\u{9b}"] {
        assert_eq!(router.execute(command).await.expect_err("refused").kind(), ErrorKind::Usage);
    }
    assert_eq!(router.send("say a\nb").await.expect_err("refused").kind(), ErrorKind::Usage);
    assert_eq!(record.commands(), before);
}

#[tokio::test(start_paused = true)]
async fn configuration_goes_in_and_out() {
    let (router, record) = connected("frr", "\n", Manner::default()).await;
    let reply = router.configure("interface lo\n description x\n\n").await.expect("applied");
    assert_eq!((reply.text(), reply.mode()), ("", "enable"));
    let sent = record.commands();
    assert_eq!(sent[sent.len() - 4..], ["configure terminal", "interface lo", " description x", "end"]);

    let error = router.configure("interface lo\nbogus\ndescription y").await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Refused);
    let text = error.to_string();
    assert!(text.contains("line 2 of 3") && text.contains("line 1 was applied: `interface lo`"), "{text}");
    assert_eq!(router.execute("say x").await.expect("answered").mode(), "enable");
    assert!(!record.commands().contains(&"description y".to_owned()));

    let error = router.configure("bogus").await.expect_err("refused");
    assert!(error.to_string().contains("no line was applied"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_secrets_of_lines_are_in_no_error() {
    let (router, _) = connected("frr", "\n", Manner::default()).await;
    for lines in ["description password hunter22\nbogus", "interface lo\ndescription password hunter22\nbogus"] {
        let error = router.configure(lines).await.expect_err("refused");
        let text = format!("{error} {error:?}");
        assert!(text.contains("description password …") && !text.contains("hunter22"), "{text}");
    }
    let error = router.configure("password hunter22").await.expect_err("refused");
    let text = error.to_string();
    assert!(text.contains("`password …`") && !text.contains("hunter22"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn logins_are_refused_clearly() {
    let manner = Manner { password: Some("right"), enable: Some("secret"), ..Manner::default() };
    let attempt = async |password: Option<&str>, enable: Option<&str>| {
        let (router, _) = unconnected("frr", "\r\n", manner.clone(), |mut target| {
            target.enable = enable.map(Into::into);
            target.credential.password = password.map(Into::into);
            target
        });
        let kind = router.connect().await.map_err(|error| {
            assert_eq!(error.device(), Some("r1"));
            assert!(error.phase().is_some(), "{error:?}");
            error.kind()
        });
        (kind, router.is_connected())
    };
    assert_eq!(attempt(Some("right"), Some("secret")).await, (Ok(()), true));
    assert_eq!(attempt(Some("wrong"), None).await, (Err(ErrorKind::Authentication), false));
    assert_eq!(attempt(None, None).await, (Err(ErrorKind::Authentication), false));
    assert_eq!(attempt(Some("right"), Some("wrong")).await, (Err(ErrorKind::Privilege), false));
}

#[tokio::test(start_paused = true)]
async fn silence_and_busy_lines_end() {
    let (router, _) = unconnected("frr", "\n", Manner { mute: true, ..Manner::default() }, |target| {
        target.connect_timeout(Duration::from_secs(7))
    });
    let started = tokio::time::Instant::now();
    assert_eq!(router.connect().await.expect_err("mute").kind(), ErrorKind::Timeout);
    assert_eq!(started.elapsed().as_secs(), 7);

    let manner = Manner { banner: "% Port already in use by admin\r\n", ..Manner::default() };
    let (router, _) = unconnected("frr", "\n", manner, |target| target);
    assert_eq!(router.connect().await.expect_err("busy").kind(), ErrorKind::Busy);

    let (router, _) =
        unconnected("frr", "\r", Manner { mute: true, ..Manner::default() }, |target| target.argument("raw", "true"));
    assert_eq!(router.connect().await.expect_err("mute console").kind(), ErrorKind::Busy);
}

#[tokio::test(start_paused = true)]
async fn a_lost_peer_is_an_error_and_then_a_new_session() {
    let (router, record) = connected("frr", "\n", Manner::default()).await;
    let error = router.execute("die").await.expect_err("gone");
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Disconnected, true));
    assert!(!router.is_connected());
    assert_eq!(router.execute("say x").await.expect("on a new session"), "you said x");
    assert_eq!((router.status().reconnected, record.logins.load(std::sync::atomic::Ordering::Relaxed)), (1, 2));
    let dies = record.commands().iter().filter(|command| *command == "die").count();
    assert_eq!(dies, 1, "a command that was sent is never sent again");
}

#[tokio::test(start_paused = true)]
async fn never_connected_is_not_connected() {
    let (router, record) = unconnected("frr", "\n", Manner::default(), |target| target);
    assert_eq!(router.execute("say x").await.expect_err("unconnected").kind(), ErrorKind::NotConnected);
    assert_eq!(router.receive().await.expect_err("unconnected").kind(), ErrorKind::NotConnected);
    router.disconnect().await.expect("nothing to do");
    router.connect().await.expect("connects");
    router.connect().await.expect("does nothing");
    assert_eq!(record.logins.load(std::sync::atomic::Ordering::Relaxed), 1);
    router.disconnect().await.expect("closes");
    assert_eq!(router.execute("say x").await.expect_err("closed").kind(), ErrorKind::NotConnected);
}

#[tokio::test(start_paused = true)]
async fn raw_work_belongs_to_its_section() {
    let (router, _) = connected("frr", "\n", Manner::default()).await;
    let raw = async {
        router.send("say one").await?;
        router.send("say two").await?;
        router.receive().await
    };
    let text = router.exclusive(raw).await.expect("locked").expect("answered");
    assert!(text.contains("you said one") && text.ends_with("you said two"), "{text}");

    assert_eq!(router.receive().await.expect_err("nothing sent").kind(), ErrorKind::OutOfStep);
    router.send("say stray").await.expect("sent");
    assert_eq!(router.receive().await.expect_err("another chain").kind(), ErrorKind::OutOfStep);
    assert_eq!(router.execute("say mine").await.expect("answered"), "you said mine");
}

#[tokio::test(start_paused = true)]
async fn floods_and_binaries_stay_bounded() {
    let (router, _) = unconnected("frr", "\n", Manner::default(), |target| target.argument("max_output", "100000"));
    router.connect().await.expect("connects");
    assert_eq!(router.execute("flood").await.expect_err("flood").kind(), ErrorKind::Overflow);

    let (router, _) = unconnected("frr", "\n", Manner::default(), |target| target.argument("max_output", "200000000"));
    router.connect().await.expect("connects");
    let megabytes = if cfg!(debug_assertions) { 10 } else { 50 };
    router.execute(&format!("binary {megabytes}")).await.expect("answered");
    assert_eq!(router.execute("say x").await.expect("answered"), "you said x");
}

#[tokio::test(start_paused = true)]
async fn disconnect_cuts_a_running_command() {
    let (router, _) = connected("frr", "\n", Manner::default()).await;
    let started = tokio::time::Instant::now();
    let (executed, queued, disconnected) =
        tokio::join!(router.execute("gate"), router.execute("say x"), router.disconnect());
    assert_eq!(executed.expect_err("cut").kind(), ErrorKind::Disconnected);
    assert_eq!(queued.expect_err("closed").kind(), ErrorKind::NotConnected);
    disconnected.expect("closed");
    assert_eq!(started.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_logs_in_again_passes_the_gate() {
    use crate::connection::{Gate, LoginGate, Turn};
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    /// Counts, and lets nobody through.
    #[derive(Default)]
    struct Shut(AtomicUsize);
    impl Gate for Shut {
        fn turn(
            self: Arc<Self>,
            deadline: crate::deadline::Deadline,
        ) -> std::pin::Pin<Box<dyn Future<Output = crate::Result<Turn>> + Send>> {
            self.0.fetch_add(1, SeqCst);
            Box::pin(async move {
                let _ = deadline.bound(std::future::pending::<()>()).await;
                Err(crate::Error::new(ErrorKind::Timeout, "shut"))
            })
        }
    }
    let gate = Arc::new(Shut::default());
    let (router, _) = unconnected("frr", "\n", Manner::default(), |mut target| {
        target.gate = Some(LoginGate::new(gate.clone()));
        target
    });
    router.connect().await.expect("the first login is somebody else's turn");
    assert_eq!(gate.0.load(SeqCst), 0);
    router.execute("die").await.expect_err("the device hangs up");
    let error = router.execute("say x").await.expect_err("no turn to log in again");
    assert!(error.is_timeout() && !error.was_sent(), "{error:?}");
    assert_eq!(gate.0.load(SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_reset_asks_the_device_only_for_what_may_have_changed() {
    const PAGING_OFF: &str = "terminal length 0";
    let (router, record) = connected("frr", "\n", Manner::default()).await;
    let since = |seen: usize| record.commands().split_off(seen);
    let seen = record.commands().len();
    assert!(!router.needs_reset());
    router.reset().await.expect("as it was opened");
    router.execute("show version").await.expect("answered");
    assert!(!router.needs_reset());
    router.reset().await.expect("in its mode, and asked nothing that stays");
    assert_eq!(since(seen), ["show version"]);
    // Given up half-way, the same holds, once the session is back in step.
    let given_up = tokio::time::timeout(Duration::from_secs(1), router.execute("show slowly")).await;
    assert!(given_up.is_err(), "{given_up:?}");
    assert!(router.needs_reset(), "it is out of step");
    router.reset().await.expect("in step again");
    assert!(!router.needs_reset());
    assert_eq!(since(seen), ["show version", "show slowly"]);

    let seen = record.commands().len();
    router.execute("terminal length 24").await.expect("answered");
    assert!(router.needs_reset());
    router.reset().await.expect("put back");
    assert!(!router.needs_reset());
    router.reset().await.expect("nothing to do");
    assert_eq!(since(seen), ["terminal length 24", PAGING_OFF]);

    let seen = record.commands().len();
    router.execute("configure terminal").await.expect("answered");
    assert!(router.needs_reset(), "it is in another mode");
    router.reset().await.expect("put back");
    assert_eq!(since(seen), ["configure terminal", "end", PAGING_OFF]);

    let seen = record.commands().len();
    let options = ExecuteOptions::new().interaction(Interaction::line("Sure?", "yes"));
    router.execute_with("show version", &options).await.expect("answered");
    router.reset().await.expect("put back");
    assert_eq!(since(seen), ["show version", PAGING_OFF], "what answers a question may be anything");

    let seen = record.commands().len();
    router.send("show version").await.expect("sent");
    assert!(router.needs_reset());
    router.reset().await.expect("put back");
    assert_eq!(since(seen), ["show version", PAGING_OFF], "what is sent raw may be anything");
}

#[tokio::test(start_paused = true)]
async fn a_login_waits_no_longer_than_it_must() {
    // A prompt that the platform does not know has to stand for a while; then it is asked at once.
    for (platform, limit) in [("frr", 0), ("cisco_ios", 0), ("linux", 300), ("generic", 300)] {
        let started = tokio::time::Instant::now();
        let (_router, _) = connected(platform, "\n", Manner::default()).await;
        let took = started.elapsed();
        assert!(took <= Duration::from_millis(limit + 5), "{platform}: {took:?}");
    }
}
