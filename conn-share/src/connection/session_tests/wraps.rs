//! Devices that wrap at eighty columns what is typed: the session's own blanks never come back as an answer.

use std::time::Duration;

use super::*;

const WRAPS: [&str; 3] = ["\r\n", " \r", "\r"];

fn wrapping(columns: usize, wrap: &'static str, piece: usize) -> Manner {
    let name = "r".repeat(columns - "# ".len());
    Manner { name, wraps: Some((80, wrap)), editor: false, piece, ..Manner::default() }
}

/// Runs `calls` commands at a prompt of so many columns.
async fn runs(columns: usize, wrap: &'static str, piece: usize, calls: usize) {
    let shown = format!("{columns} columns, {wrap:?}, {piece} at once");
    let (router, _) = unconnected("generic", "\r", wrapping(columns, wrap, piece), |target| {
        target.command_timeout(Duration::from_secs(1))
    });
    router.connect().await.expect(&shown);
    for call in 0..calls {
        let reply = router.execute(&format!("say {call}")).await.expect(&shown);
        assert_eq!(reply, format!("you said {call}").as_str(), "{shown}");
    }
    let mut lines = Vec::new();
    router.execute_lines("say lines", &mut |line| lines.push(line.to_owned())).await.expect(&shown);
    assert_eq!(lines, ["you said lines"], "{shown}");
    assert_eq!(router.status().reconnected, 0, "{shown}");
}

#[tokio::test(start_paused = true)]
async fn prompts_of_all_widths_by_line_ends() {
    for columns in 3..80 {
        runs(columns, "\r\n", usize::MAX, 100).await;
    }
}

#[tokio::test(start_paused = true)]
async fn prompts_that_leave_little_room_by_whatever_terminals_wrap_with() {
    for columns in (3..60).step_by(7).chain(60..80) {
        for wrap in WRAPS {
            for piece in [usize::MAX, 7, 1] {
                runs(columns, wrap, piece, 12).await;
            }
        }
    }
}

/// What was given up leaves questions behind whose echoes come late.
#[tokio::test(start_paused = true)]
async fn after_a_call_that_was_given_up() {
    for columns in [5, 40, 60, 75, 78] {
        for wrap in WRAPS {
            let (router, _) = connected("generic", "\r", wrapping(columns, wrap, 7)).await;
            for polls in 0..60 {
                let _ = super::cut::cut(router.execute("say old"), polls).await;
                let reply = router.execute(&format!("say {polls}")).await.expect("in step again");
                assert_eq!(reply, format!("you said {polls}").as_str(), "{columns} columns, {wrap:?}, {polls} polls");
            }
        }
    }
}
