//! Single commands, with a server that answers in its own order.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::life::polled;
use super::server::Said::{self, *};
use super::server::Script;
use super::shared::carrier;
use super::tasks_left;
use crate::ErrorKind;
use crate::transport::ssh::exec::{ExecSession, Outcome};

async fn run(exec: &'static [Said]) -> crate::Result<Outcome> {
    let script = Script { exec, ..Script::new() };
    let (carrier, _switch) = carrier(&script).await;
    let session = ExecSession::over(Arc::clone(&carrier));
    let done = session.run("show version", Some(b"some input"), 1000).await;
    tasks_left().await;
    if carrier.is_open() {
        assert_eq!((carrier.taken(), script.channels.load(Relaxed)), (0, 0), "a channel was left behind: {exec:?}");
    }
    done
}

#[tokio::test(start_paused = true)]
async fn what_a_command_leaves_behind_is_whole_in_any_order() {
    for exec in [
        &[Success, Output("one "), Complaint("oh"), Output("two"), Eof, Status(3), Close] as &[Said],
        &[Success, Status(3), Output("one "), Complaint("oh"), Output("two"), Eof, Close],
        &[Output("one "), Success, Output("two"), Eof, Eof, Complaint("oh"), Status(3), Close],
        &[Success, Status(9), Output("one two"), Status(3), Complaint("oh"), Close],
    ] {
        let outcome = run(exec).await.unwrap_or_else(|error| panic!("{exec:?}: {error:?}"));
        assert_eq!((outcome.status, outcome.signal), (Some(3), None), "{exec:?}");
        assert_eq!((outcome.stdout, outcome.stderr), (b"one two".to_vec(), b"oh".to_vec()), "{exec:?}");
    }
    let killed = run(&[Success, Output("some"), Killed, Close]).await.unwrap();
    assert_eq!((killed.status, killed.signal.as_deref()), (None, Some("KILL")));
    let mute = run(&[Success, Close]).await.unwrap();
    assert_eq!((mute.status, mute.signal, mute.stdout.len()), (None, None, 0));
}

#[tokio::test(start_paused = true)]
async fn what_may_have_run_is_said_to_have_been_sent() {
    let long = "0123456789".repeat(101).leak();
    let long: &'static [Said] = vec![Success, Output(long)].leak();
    for (exec, kind, sent) in [
        (&[Failure] as &[Said], ErrorKind::Refused, false),
        (&[Failure, Close], ErrorKind::Refused, false),
        (&[Close], ErrorKind::Disconnected, true),
        (&[Output("one"), Status(0), Eof, Close], ErrorKind::Disconnected, true),
        (&[HangUp], ErrorKind::Disconnected, true),
        (&[Success, Output("one"), Eof, HangUp], ErrorKind::Disconnected, true),
        (&[Success, Status(0), HangUp], ErrorKind::Disconnected, true),
        (long, ErrorKind::Overflow, true),
    ] {
        let error = run(exec).await.err().unwrap_or_else(|| panic!("{exec:?}: it worked"));
        assert_eq!((error.kind(), error.was_sent()), (kind, sent), "{exec:?}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_dropped_at_every_poll_leaves_no_channel_behind() {
    for exec in
        [&[Success, Output("one"), Status(0), Eof, Close] as &[Said], &[Success, Output("one")], &[Output("one")]]
    {
        let script = Script { exec, ..Script::new() };
        let (carrier, _switch) = carrier(&script).await;
        let session = ExecSession::over(Arc::clone(&carrier));
        for polls in 1..20 {
            let running = polled(session.run("show version", Some(b"some input"), 1000), polls);
            let done = tokio::select! {
                biased;
                done = running => done,
                // It waits for what the server never says.
                _ = tasks_left() => None,
            };
            tasks_left().await;
            assert_eq!((carrier.taken(), script.channels.load(Relaxed)), (0, 0), "{exec:?}, after {polls} polls");
            if let Some(done) = done {
                assert_eq!(done.unwrap().stdout, b"one");
                break;
            }
        }
        drop((session, carrier));
        assert_eq!(tasks_left().await, 0);
    }
}
