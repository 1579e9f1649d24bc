//! `%ENV{}` and its relatives.

/// Looks up a variable of the environment.
pub(super) type Environment = dyn Fn(&str) -> Option<String>;

/// `text` with every `%ENV{NAME}` replaced. What cannot be resolved is an error that says why, and does not repeat
/// the text, which may be a password.
pub(super) fn resolve(text: &str, environment: &Environment) -> Result<String, String> {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, name, argument, after)) = next_markup(rest) {
        resolved.push_str(before);
        match name {
            "ENV" => resolved.push_str(&variable(argument, environment)?),
            "ASK" => return Err("%ASK{} asks a person; write %ENV{NAME} and set that variable".into()),
            "ENC" => return Err("%ENC{} can be decoded by pyATS alone; write %ENV{NAME} and set that variable".into()),
            "" => return Err("references to other parts of the file (%{}) are not supported".into()),
            name => return Err(format!("%{name}{{}} is not supported")),
        }
        rest = after;
    }
    resolved.push_str(rest);
    Ok(resolved)
}

fn variable(name: &str, environment: &Environment) -> Result<String, String> {
    let name = name.trim();
    environment(name).ok_or_else(|| format!("the environment variable {} is not set", name.escape_debug()))
}

/// The first `%NAME{argument}` of `text`: what stands before it, its name and argument, what follows.
fn next_markup(text: &str) -> Option<(&str, &str, &str, &str)> {
    let mut from = 0;
    while let Some(percent) = text.get(from..)?.find('%').map(|at| at + from) {
        from = percent + 1;
        let (name, rest) = text.get(from..)?.split_once('{')?;
        let is_markup = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        if let (true, Some((argument, after))) = (is_markup, rest.split_once('}')) {
            return Some((text.get(..percent)?, name, argument, after));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str) -> Result<String, String> {
        resolve(text, &|name| (name == "USER").then(|| "ada%ENV{X}".to_owned()))
    }

    #[test]
    fn variables_are_replaced_once_and_other_text_is_left_alone() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("%ENV{USER}", "ada%ENV{X}"),
            ("a-%ENV{ USER }-b-%ENV{USER}", "a-ada%ENV{X}-b-ada%ENV{X}"),
            ("100%", "100%"),
            ("50% {x}", "50% {x}"),
            ("%env{USER}", "%env{USER}"),
            ("%%ENV{USER}", "%ada%ENV{X}"),
            ("%ENV{USER", "%ENV{USER"),
            ("é%é{", "é%é{"),
        ] {
            assert_eq!(resolved(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_resolved_says_why_and_keeps_the_text_to_itself() {
        for (text, why) in [
            ("hunter2%ENV{NOPE}", "NOPE is not set"),
            ("hunter2%ASK{}", "asks a person"),
            ("hunter2%ENC{hunter3}", "decoded by pyATS"),
            ("hunter2%{testbed.name}", "references"),
            ("hunter2%CLI{x}", "%CLI{} is not supported"),
        ] {
            let error = resolved(text).expect_err(text);
            assert!(error.contains(why) && !error.contains("hunter"), "{error}");
        }
    }
}
