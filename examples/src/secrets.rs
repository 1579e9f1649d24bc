//! Secrets: from the environment, or typed by a person.

use std::env;
use std::io::{self, IsTerminal};

use conn_share::Secret;

/// The secret in the environment variable `name`, or else typed after `question` on the terminal. `None` when nothing
/// is typed, or when there is no terminal to ask on.
///
/// # Errors
///
/// The variable is not UTF-8, or the terminal cannot be read.
pub fn secret(name: &str, question: &str) -> io::Result<Option<Secret>> {
    match env::var(name) {
        Ok(secret) => return Ok(Some(secret.into())),
        Err(env::VarError::NotPresent) => {}
        Err(env::VarError::NotUnicode(_)) => {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{name} is not UTF-8")));
        }
    }
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    let typed = rpassword::prompt_password(format!("{question}: "))?;
    Ok((!typed.is_empty()).then(|| typed.into()))
}
