//! Logins that are refused, in whatever words: told as that, with what the device said and without the secrets.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::transport::telnet;
use crate::{Error, ErrorKind, ExecuteOptions, Interaction};

const PASSWORD: &str = "s3cretPW";

/// A device that asks for the password, says `said` and closes, or goes silent. `PW` in it stands for what it was given.
fn refusing(said: &'static str, closes: bool) -> TelnetConnection {
    let target = Target::new("r1.example").name("r1").password(PASSWORD).connect_timeout(Duration::from_secs(3));
    let opener = Arc::new(move |_| -> Opening {
        Box::pin(async move {
            let (ours, mut theirs) = tokio::io::duplex(4096);
            tokio::spawn(async move {
                theirs.write_all(b"Password: ").await?;
                let mut given = String::new();
                while !given.ends_with('\n') {
                    given.push(char::from(theirs.read_u8().await?));
                }
                theirs.write_all(b"\r\n").await?;
                theirs.write_all(said.replace("PW", given.trim()).as_bytes()).await?;
                if !closes {
                    std::future::pending::<()>().await;
                }
                std::io::Result::Ok(())
            });
            Ok(telnet::over(ours))
        })
    });
    TelnetConnection::over(&target, SessionOptions::new(), "\n", opener).expect("valid options")
}

async fn refusal(said: &'static str, closes: bool) -> Error {
    let router = refusing(said, closes);
    let error = router.connect().await.expect_err("refused");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(PASSWORD), "{shown}");
    error
}

#[tokio::test(start_paused = true)]
async fn a_refused_login_is_no_broken_network() {
    for said in [
        "Password incorrect",
        "Incorrect password",
        "Invalid login",
        "Login failed",
        "Login failed!  Maximum login attempts reached.",
        "Invalid user name or password",
        "Error: Authentication fail",
        "% Username/password is wrong",
        "Unauthorized",
        "% User is locked out",
        "Account is disabled",
    ] {
        for closes in [true, false] {
            let error = refusal(Box::leak(format!("{said}\r\n").into_boxed_str()), closes).await;
            assert_eq!(error.kind(), ErrorKind::Authentication, "{said}: {error}");
            assert!(!error.is_transient());
            assert!(error.to_string().contains(&said.replace("PW", "***")), "{said}: {error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn words_that_are_not_known_are_a_refusal_when_the_device_closes() {
    let error = refusal("Go away, PW\r\n", true).await;
    assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Authentication, false), "{error}");
    assert!(error.to_string().contains("Go away, ***"), "{error}");
    // A greeting and a stall, or a device that is lost: no word about the password.
    let error = refusal("Go away, PW\r\n", false).await;
    assert!(error.kind() == ErrorKind::Timeout && error.to_string().contains("Go away, ***"), "{error}");
    assert_eq!(refusal("", true).await.kind(), ErrorKind::Disconnected);
    assert_eq!(refusal("", false).await.kind(), ErrorKind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn a_device_without_room_is_busy() {
    for said in ["% No free vty\r\n", "Too many sessions\r\n", "% Connection refused by remote host\r\n"] {
        assert_eq!(refusal(said, true).await.kind(), ErrorKind::Busy, "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_banner_behind_the_password_refuses_nobody() {
    let said = "Unauthorized access is prohibited.\r\nThe last login failed on Monday.\r\n";
    let error = refusal(said, true).await;
    assert!(error.to_string().contains("closed the session"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_the_device_quotes_is_shown_without_its_secrets() {
    for said in ["% Login invalid for PW\r\n", "Unknown user PW", "Unknown user PW\r\n"] {
        for closes in [true, false] {
            let error = refusal(said, closes).await;
            assert!(error.to_string().contains("***"), "{error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_answers_a_question_is_not_quoted() {
    let (router, _) =
        unconnected("frr", "\n", Manner::default(), |target| target.command_timeout(Duration::from_secs(2)));
    router.connect().await.expect("connects");
    let options = ExecuteOptions::new().interaction(Interaction::line("user?", "en4ble!!"));
    let error = router.execute_with("ask user?", &options).await.expect_err("no end");
    assert!(error.to_string().contains("opening scp://***@h/"), "{error}");
    assert!(!format!("{error:?}").contains("en4ble"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_device_that_hangs_up_is_quoted() {
    let (router, _) = connected("frr", "\n", Manner::default()).await;
    let error = router.execute("leave").await.expect_err("closed");
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert!(error.to_string().ends_with("its last line is `failed to connect to any daemons`"), "{error}");
}
