//! Comparing what a connection brought with what the router says.

/// The lines of an output of FRR without what changes between two calls: ages in routes and link states, and the
/// blank lines around the whole.
///
/// Only these are masked, each where it stands: `, 00:01:02` at the end of a route, the age column of
/// `show ip ospf database`, and the time of a BGP route's last update, which FRR reckons back from an age in whole seconds.
pub fn steady_lines(output: &str) -> Vec<String> {
    let lines: Vec<String> = output.lines().map(|line| mask_line(line.trim_end())).collect();
    let first = lines.iter().position(|line| !line.is_empty()).unwrap_or(lines.len());
    let last = lines.iter().rposition(|line| !line.is_empty()).map_or(first, |last| last + 1);
    lines[first..last].to_vec()
}

fn mask_line(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    if let [id, router, age, sequence, ..] = words[..]
        && sequence.starts_with("0x")
        && age.parse::<u32>().is_ok()
    {
        return format!("{id} {router} AGE {}", words[3..].join(" "));
    }
    if let Some((indent, _)) = line.split_once("Last update: ").filter(|(indent, _)| indent.trim().is_empty()) {
        return format!("{indent}Last update: TIME");
    }
    match line.rsplit_once(", ") {
        Some((rest, uptime)) if is_uptime(uptime) => format!("{rest}, UPTIME"),
        _ => line.to_owned(),
    }
}

/// `00:01:02`, `1d02h03m` or `01w2d03h`, as FRR prints uptimes.
fn is_uptime(text: &str) -> bool {
    let shape: String = text.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    ["00:00:00", "0d00h00m", "00w0d00h"].contains(&shape.as_str())
}

/// Where two outputs differ first, for the message of a failed test: nothing when they are equal line by line.
pub fn first_difference(got: &str, wanted: &str) -> Option<String> {
    let (got, wanted) = (steady_lines(got), steady_lines(wanted));
    if got == wanted {
        return None;
    }
    let line = got.iter().zip(&wanted).take_while(|(got, wanted)| got == wanted).count();
    Some(format!(
        "{} lines instead of {}; line {}: {:?} instead of {:?}",
        got.len(),
        wanted.len(),
        line + 1,
        got.get(line),
        wanted.get(line)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_ages_and_nothing_else() {
        let masked = |line| mask_line(line);
        assert_eq!(
            masked("B>* 10.100.0.0/24 [20/0] via 192.0.2.2, veth1, weight 1, 00:00:07"),
            "B>* 10.100.0.0/24 [20/0] via 192.0.2.2, veth1, weight 1, UPTIME"
        );
        assert_eq!(
            masked("10.0.0.1       10.0.0.1          11 0x80000003 0x79f4 3"),
            "10.0.0.1 10.0.0.1 AGE 0x80000003 0x79f4 3"
        );
        assert_eq!(masked("      Last update: Mon Nov 23 23:55:14 2026"), "      Last update: TIME");
        for line in ["*> 10.100.0.0/24    192.0.2.2                0             0 65002 i", "log commands", "a, b"] {
            assert_eq!(masked(line), line);
        }
    }

    #[test]
    fn says_where_outputs_differ() {
        assert_eq!(first_difference("\na\nb\n", "a\nb"), None);
        assert!(first_difference("a\nb", "a\nb\nc").is_some_and(|text| text.contains("2 lines instead of 3")));
    }
}
