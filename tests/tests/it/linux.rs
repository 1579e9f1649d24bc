//! A Linux shell behind a real sshd: `bash`, with readline.

use conn_share::{Connection, ConnectionClass, SshConnection, Target};
use conn_share_tests::{Lab, Login};

use crate::ways;

async fn shell() -> SshConnection {
    let lab = Lab::shared();
    let target: Target = ways::ssh(lab).username(Login::Linux.user()).platform("linux");
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
