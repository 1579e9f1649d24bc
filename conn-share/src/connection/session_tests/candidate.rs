//! Configurations that are a candidate until they are committed.

use std::time::Duration;

use super::cut::cut;
use super::*;
use crate::ErrorKind;

async fn device_of(style: peer::Style) -> (TelnetConnection, Arc<Record>) {
    let platform = match style {
        peer::Style::Cisco => "frr",
        peer::Style::Xr => "cisco_xr",
        peer::Style::Junos => "juniper_junos",
    };
    connected(platform, "\n", Manner { style, ..Manner::default() }).await
}

const COMMITTING: [peer::Style; 2] = [peer::Style::Xr, peer::Style::Junos];

#[tokio::test(start_paused = true)]
async fn lines_are_committed_once_all_were_taken() {
    for style in COMMITTING {
        let (router, record) = device_of(style).await;
        let reply = router.configure("set one\nset two").await.expect("committed");
        assert!(!reply.contains("[edit]"), "{reply}");
        assert_eq!(record.committed(), ["set one", "set two"], "{style:?}");
        assert_eq!(router.execute("say x").await.expect("in step"), "you said x", "{style:?}");
        assert_eq!(
            router.execute("say x").await.expect("in step").mode(),
            router.execute("say").await.expect("in step").mode()
        );

        let error = router.configure("set three\nbogus\nset four").await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Refused, "{style:?}");
        let text = error.to_string();
        assert!(text.contains("line 2 of 3 was refused, `bogus`") && text.ends_with("nothing was committed"), "{text}");
        router.configure("set five").await.expect("committed");
        assert_eq!(record.committed(), ["set one", "set two", "set five"], "{style:?}: the candidate was dropped");
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_fails_leaves_nothing_behind() {
    for style in COMMITTING {
        let (router, record) = device_of(style).await;
        let error = router.configure("set wrong").await.expect_err("the commit fails");
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Refused, Some("committing")), "{style:?}");
        assert!(error.to_string().starts_with("r1: `commit` failed: "), "{error}");
        assert!(error.to_string().ends_with("; no line is in force"), "{error}");
        router.configure("set right").await.expect("committed");
        assert_eq!(record.committed(), ["set right"], "{style:?}");
    }
    for style in COMMITTING {
        let (router, _) = device_of(style).await;
        let error = router.configure("set doubtful").await.expect_err("no success");
        assert!(error.to_string().ends_with("; whether the lines are in force is not known"), "{error}");
    }
    // The refusal stands behind more than refusals are usually looked for in.
    for style in COMMITTING {
        let (router, record) = device_of(style).await;
        let error = router.configure("set wordy").await.expect_err("the commit fails");
        assert!(error.to_string().contains("ommit") && error.to_string().ends_with("; no line is in force"), "{error}");
        assert_eq!(record.committed(), [""; 0]);
    }
    // A question that is not answered by a no: the lines are in force, but nothing says so for certain.
    let (router, record) = device_of(peer::Style::Junos).await;
    let error = router.configure("set asking").await.expect_err("it asked");
    assert!(error.to_string().contains("somebody else has changed? (yes)"), "{error}");
    assert!(error.to_string().ends_with("; whether the lines are in force is not known"), "{error}");
    assert_eq!(record.committed(), ["set asking"]);
    // Somebody else committed meanwhile, and the device asks whether to go on.
    let (router, record) = device_of(peer::Style::Xr).await;
    let error = router.configure("set contested").await.expect_err("not without a person");
    assert!(error.to_string().contains("proceed with this commit anyway? [no]:"), "{error}");
    assert!(error.to_string().ends_with("; no line is in force"), "{error}");
    assert_eq!(record.committed(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn given_up_at_every_poll_it_is_whole_or_not_there() {
    for style in COMMITTING {
        let (router, record) = connected(
            if style == peer::Style::Xr { "cisco_xr" } else { "juniper_junos" },
            "\n",
            Manner { style, piece: 7, ..Manner::default() },
        )
        .await;
        let mut finished = 0;
        for polls in 0.. {
            let before = record.committed();
            let done = cut(router.configure("set one\nset two"), polls).await;
            finished += usize::from(done.is_some());
            assert_eq!(router.execute("say x").await.expect("in step again"), "you said x", "{style:?}, {polls} polls");
            let after = record.committed();
            let new: Vec<&str> = after[before.len()..].iter().map(String::as_str).collect();
            assert!(new.is_empty() || new == ["set one", "set two"], "{style:?}, {polls} polls: {new:?}");
            if finished == 2 {
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lines_above_the_prompt_are_no_output() {
    let (router, _) = device_of(peer::Style::Junos).await;
    assert_eq!(router.execute("say hello").await.expect("answered"), "you said hello");
    let mut lines = Vec::new();
    router.execute_lines("say hello", &mut |line| lines.push(line.to_owned())).await.expect("answered");
    assert_eq!(lines, ["you said hello"]);
}

#[tokio::test(start_paused = true)]
async fn a_private_candidate_that_is_refused_is_told() {
    let manner = Manner { style: peer::Style::Junos, contested: true, ..Manner::default() };
    let (router, _) =
        unconnected("juniper_junos", "\n", manner, |target| target.command_timeout(Duration::from_secs(9)));
    router.connect().await.expect("connects");
    let error = router.configure("set one").await.expect_err("somebody edits");
    assert_eq!(error.kind(), ErrorKind::Privilege);
    assert!(error.to_string().contains("error: shared configuration database modified"), "{error}");
    assert_eq!(router.execute("say x").await.expect("in step"), "you said x");
}
