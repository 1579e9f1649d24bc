//! Answers handed out line by line: the same lines as in the whole answer, none too early.

use std::sync::Mutex;
use std::time::Duration;

use super::cut::cut;
use super::*;
use crate::ErrorKind;

/// What `execute_lines` hands out, and how it ends.
async fn lines(router: &TelnetConnection, command: &str) -> (Vec<String>, crate::Result<crate::Reply>) {
    let mut lines = Vec::new();
    let reply = router.execute_lines(command, &mut |line| lines.push(line.to_owned())).await;
    (lines, reply)
}

#[tokio::test(start_paused = true)]
async fn the_lines_are_those_of_the_whole_answer() {
    let commands =
        ["say hello", "long x", "terminal", "trap", "log", "pages", "reload", "bogus", "rename", "say x", ""];
    for (platform, line_end, manner) in talk::manners() {
        for command in commands {
            // What a cooked terminal echoes of blanks, and its own line ends, cannot be told from the line editor's.
            if platform == "generic" && (manner.cooked || command == "log") {
                continue;
            }
            // Elsewhere nothing answers its question.
            if command == "reload" && (platform != "frr" || !manner.editor) {
                continue;
            }
            let shown = format!("{command:?} {platform} {line_end:?} {manner:?}");
            let adjust = |target: Target| target.command_timeout(Duration::from_secs(200));
            let (whole, _) = unconnected(platform, line_end, manner.clone(), adjust);
            whole.connect().await.expect(&shown);
            let whole = whole.execute(command).await.expect(&shown);
            let (router, _) = unconnected(platform, line_end, manner.clone(), adjust);
            router.connect().await.expect(&shown);
            let (lines, reply) = lines(&router, command).await;
            let reply = reply.expect(&shown);
            assert_eq!(lines.join("\n"), whole.text(), "{shown}");
            assert_eq!((reply.text(), reply.refused(), reply.mode()), ("", whole.refused(), whole.mode()), "{shown}");
            assert_eq!(router.execute("say next").await.expect(&shown), "you said next", "{shown}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lines_come_while_the_command_runs() {
    for (platform, manner) in [
        ("frr", Manner::default()),
        ("cisco_ios", Manner { cooked: true, ..Manner::default() }),
        ("linux", Manner { piece: 3, ..Manner::default() }),
    ] {
        let (router, _) =
            unconnected(platform, "\n", manner, |target| target.command_timeout(Duration::from_secs(200)));
        router.connect().await.expect("connects");
        let seen = Mutex::new(Vec::new());
        let mut on_line = |line: &str| seen.lock().expect("not poisoned").push(line.to_owned());
        let mut running = std::pin::pin!(router.execute_lines("trap", &mut on_line));
        let whole = ["one", "r1# ", "r1# ", "two"];
        for _ in 0..2 {
            tokio::time::timeout(Duration::from_secs(29), running.as_mut()).await.expect_err("it runs");
            let seen = seen.lock().expect("not poisoned");
            assert!(!seen.is_empty() && seen.len() < 4 && whole[..seen.len()] == seen[..], "{platform}: {seen:?}");
        }
        running.await.expect("answered");
        assert_eq!(*seen.lock().expect("not poisoned"), whole, "{platform}");
    }
}

#[tokio::test(start_paused = true)]
async fn given_up_at_every_poll_nobody_else_sees_a_line() {
    for (platform, line_end, manner) in cut::manners() {
        let (router, _) = connected(platform, line_end, manner).await;
        let mut finished = 0;
        for polls in 0.. {
            let mut old = Vec::new();
            let mut on_line = |line: &str| old.push(line.to_owned());
            let done = cut(router.execute_lines("say old", &mut on_line), polls).await;
            finished += usize::from(done.is_some_and(|reply| reply.is_ok()));
            assert!(old.is_empty() || old == ["you said old"], "{platform}, {polls} polls: {old:?}");
            let (new, reply) = lines(&router, "say new").await;
            reply.expect("in step again");
            assert_eq!(new, ["you said new"], "{platform}, after {polls} polls");
            if finished == 3 {
                break;
            }
        }
        assert_eq!(router.status().reconnected, 0, "{platform}: every recovery is in place");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_callers_hands_leaves_the_session_to_the_next() {
    let (router, _) = connected("frr", "\n", Manner::default()).await;
    let router = Arc::new(router);
    let theirs = router.clone();
    let task = tokio::spawn(async move { theirs.execute_lines("long x", &mut |_| panic!("enough")).await });
    assert!(task.await.expect_err("it panics").is_panic());
    assert_eq!(router.execute("say x").await.expect("in step again"), "you said x");
}

#[tokio::test(start_paused = true)]
async fn more_than_the_limit_passes_through_but_no_endless_line() {
    let few = |target: Target| target.argument("max_output", "1000").command_timeout(Duration::from_secs(100));
    let (router, _) = unconnected("frr", "\n", Manner::default(), few);
    router.connect().await.expect("connects");
    assert_eq!(router.execute("long x").await.expect_err("too long").kind(), ErrorKind::Overflow);
    let (seen, reply) = lines(&router, "long x").await;
    reply.expect("only the lines on their way are kept");
    assert_eq!(seen.join("\n"), long("x"));
    let (_, reply) = lines(&router, &format!("say {}", "x".repeat(2000))).await;
    assert_eq!(reply.expect_err("one line over the limit").kind(), ErrorKind::Overflow);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_echoes_nothing_gives_its_lines_at_the_end() {
    let (router, _) = connected("generic", "\n", Manner { echoes: 0, editor: false, ..Manner::default() }).await;
    let (seen, reply) = lines(&router, "long x").await;
    reply.expect("believed after a pause");
    assert_eq!(seen.join("\n"), long("x"));
}
