//! What a device says reaches no error as it is.

use conn_share::Reply;

#[test]
fn a_refusal_in_an_error_moves_no_cursor() {
    let said = "% Unknown command: \u{1b}[2J\u{9b}31m\u{202e}";
    let error = Reply::new(said).with_refusal(Some(said.to_owned())).ok().expect_err("refused").to_string();
    assert!(!error.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{error:?}");
    assert!(error.starts_with("the device refused the command: % Unknown command: "), "{error:?}");
}
