//! A Linux shell behind a real sshd: `bash`, with readline.

use std::time::Duration;

use conn_share::{Connection, ConnectionClass, SshConnection, Target};
use conn_share_tests::{Lab, Login};

use crate::ways;

async fn shell() -> SshConnection {
    shell_within(None).await
}

async fn shell_within(limit: Option<Duration>) -> SshConnection {
    let lab = Lab::shared();
    let mut target: Target = ways::ssh(lab).username(Login::Linux.user()).platform("linux");
    target.command_timeout = limit;
    let shell = SshConnection::from_target(&target).expect("a connection");
    shell.connect().await.expect("connecting");
    shell
}

#[tokio::test]
async fn answers_are_whole() {
    let shell = shell().await;
    assert_eq!(shell.execute("id -un").await.expect("an answer"), Login::Linux.user());
    let wanted: Vec<String> = (1..=20_000).map(|number| number.to_string()).collect();
    assert_eq!(shell.execute("seq 20000").await.expect("an answer"), wanted.join("\n").as_str());
    // No line end before the prompt, none at all, and lines that look like prompts.
    assert_eq!(shell.execute("printf 'a\\nb'").await.expect("an answer"), "a\nb");
    assert_eq!(shell.execute("true").await.expect("an answer"), "");
    assert_eq!(
        shell.execute("printf '$ \\n# \\n> \\n'; sleep 0.2; echo end").await.expect("an answer"),
        "$ \n# \n> \nend"
    );
    let refused = shell.execute("no-such-command").await.expect("an answer");
    assert!(refused.refused().is_some(), "{refused:?}");
    shell.disconnect().await.expect("disconnecting");
}

/// Each of these is given up half-way: one that says nothing, one that floods, one that reads the keyboard.
#[tokio::test]
async fn a_command_given_up_leaves_nothing_to_the_next() {
    // Half of the limit goes to what says nothing and reads the keyboard before it is left for a new session.
    let shell = shell_within(Some(Duration::from_secs(16))).await;
    for command in ["sleep 1000", "yes", "cat"] {
        let given_up = tokio::time::timeout(Duration::from_millis(300), shell.execute(command)).await;
        assert!(given_up.is_err(), "{command}: {given_up:?}");
        assert_eq!(
            shell.execute(&format!("echo 'after {command}'")).await.expect("an answer"),
            format!("after {command}").as_str()
        );
    }
    shell.disconnect().await.expect("disconnecting");
}
