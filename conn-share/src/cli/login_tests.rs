use super::*;

/// Says `said`, then waits; what the login does in the end.
fn after(said: &str, console: bool) -> Result<LoginStep, Rejected> {
    let platform = Arc::new(Platform::named("frr").unwrap_or_else(|| Platform::new("frr")));
    let mut login = Login::new(platform, "admin", Some("pw".into()), "\r", console, Duration::ZERO);
    login.receive(said.as_bytes(), Duration::ZERO)?;
    match login.next(Duration::ZERO)? {
        LoginStep::Wait(Some(until)) => login.next(until),
        step => Ok(step),
    }
}

fn written(said: &str) -> String {
    match after(said, false) {
        Ok(LoginStep::Write(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
        other => format!("{other:?}"),
    }
}

#[test]
fn questions_are_answered() {
    assert_eq!(written("banner\r\nUsername: "), "admin\r");
    assert_eq!(written("r1 login: "), "admin\r");
    assert_eq!(written("User Access Verification\r\n\r\nPassword: "), "pw\r");
    assert_eq!(written("\r\nPress RETURN to get started!\r\n\r\n"), "\r");
    assert_eq!(written("x\r\n --More-- "), "q");
}

#[test]
fn questions_are_asked_in_many_ways() {
    for asked in ["login as: ", "Name: ", "Account:", "Username : ", "Username>", "User Name:"] {
        assert_eq!(written(asked), "admin\r", "{asked}");
    }
    for asked in ["Password for admin: ", "Enter passcode: ", "passcode:", "password : "] {
        assert_eq!(written(asked), "pw\r", "{asked}");
    }
    let platform = Arc::new(Platform::new("acme").username_prompt("Operator?").password_prompt("PIN?"));
    let mut login = Login::new(platform, "admin", Some("pw".into()), "\r", false, Duration::ZERO);
    for (asked, answer) in [("Operator? ", &b"admin\r"[..]), ("\r\nPIN?", b"pw\r")] {
        login.receive(asked.as_bytes(), Duration::ZERO).expect("nothing wrong");
        assert!(matches!(login.next(SETTLE), Ok(LoginStep::Write(bytes)) if bytes == answer), "{asked}");
        login.stirred = Duration::ZERO;
    }
}

#[test]
fn banners_are_no_questions() {
    assert_eq!(written("Your account name: "), "\r");
    assert_eq!(written("No password for those who read: "), "\r");
    // Nothing was asked: after a long silence the device is given an Enter.
    assert_eq!(written("Last login: "), "\r");
    assert_eq!(written("Unauthorized access denied\r\n"), "\r");
}

#[test]
fn the_first_prompt_ends_it() {
    assert!(matches!(after("welcome\r\nr1# ", false), Ok(LoginStep::Prompt(line)) if line == "r1# "));
}

#[test]
fn busy_and_unusable_lines() {
    assert!(matches!(after("% Port already in use\r\n", true), Err(Rejected::Busy(_))));
    assert!(matches!(after("Password required, but none set\r\n", false), Err(Rejected::Credentials(_))));
}

#[test]
fn a_port_of_a_console_server_that_others_have() {
    // As ser2net says it, of a port and of a device that is used by another port.
    for said in ["Port already in use\r\n", "Port's device already in use\r\n"] {
        assert!(matches!(after(said, true), Err(Rejected::Busy(_))), "{said}");
    }
}

#[test]
fn what_the_last_user_of_a_console_typed_is_wiped_and_not_entered() {
    let written = |said, console| match after(said, console) {
        Ok(LoginStep::Write(bytes)) => bytes,
        other => panic!("{other:?}"),
    };
    assert_eq!(written("", true), b"\x15\r");
    assert_eq!(written("%LINK-3-UPDOWN: eth0\r\n", true), b"\x15\r");
    // Nobody was there before us.
    assert_eq!(written("welcome\r\n", false), b"\r");
}

#[test]
fn asked_twice_is_refused() {
    let platform = Arc::new(Platform::new("any"));
    let mut login = Login::new(platform, "admin", Some("pw".into()), "\r", false, Duration::ZERO);
    login.receive(b"Password: ", Duration::ZERO).expect("nothing wrong yet");
    assert!(matches!(login.next(SETTLE), Ok(LoginStep::Write(_))));
    login.receive(b"\r\nPassword: ", SETTLE).expect("nothing wrong yet");
    assert!(matches!(login.next(SETTLE * 2), Err(Rejected::Credentials(_))));
}
