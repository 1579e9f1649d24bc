use std::path::Path;
use std::sync::OnceLock;

use super::{HostRecord, Policy, wildcard};
use crate::ErrorKind;
use russh::keys::{Algorithm, HashAlg, PublicKey};

// Made with `ssh-keygen`; the hashed names with `ssh-keygen -H`.
const OURS: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMp9CSQ2vPX6MmB0qKUGrc4OYb/JbkD948LlDDKfDPof";
const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC+N3oteZ3Lf0SSNpnhOQudjvDC1WZxU10WCEp4OGzwr";
const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCvA/bXW7BvQudYxLK1yBocxLUCTyb3GpiTTDJL0VYmjhwgQWdZmSpb6oI7thvFt5Qr6ZgcyDkrIZYcbugrPGDsQyZOl34Ld/m9WukG4wUys/AKxljsD2NlHw90+GQ+iJaQjQ7SAdW1u4X08/tviVwjEGtVIswL6YY4bUUTT4THrGPbxoTNlH9Xnws0RuMCQTxACbM8r9VYfh5xygrR5C9wj6icpA//ZUoN3eKRO0Wn9uBQRbBn+C3K09fW7z1j1TD6w+uIWwzMIA25nbPE+krEcZqTxYN9rvaxM4zS76S3G+5O6enPNSfg78L0fnMEnif0toeN9iD5VYYJb17ttxFP";
const OUR_FINGERPRINT: &str = "SHA256:/ycrfaYAUrTTGPHOASrCyi4ZLgnkSBQkDs9ka1CNyug";
const HASHED_HOST: &str = "|1|L54D/qxzkA2D+qtHFqYYR//1Mbo=|QJwBVIg0lNPorXhLPY7mP7tItXM=";
const HASHED_HOST_ON_2222: &str = "|1|MS927J7rNc5tH3nZl8NczDI8VlM=|/edj78DZ+m+61Bj1enPP/PyrDKA=";

fn key(text: &str) -> PublicKey {
    text.parse().unwrap()
}

fn record(host: &str, port: u16, file: &str) -> HostRecord {
    let name = if port == 22 { host.to_owned() } else { format!("[{host}]:{port}") };
    let mut record = HostRecord {
        policy: Policy::Refuse,
        name,
        host: host.to_owned(),
        keys: Vec::new(),
        new_keys_file: None,
        accepted: OnceLock::new(),
    };
    record.read_lines(Path::new("hosts"), file);
    record
}

#[derive(Debug, PartialEq)]
enum Said {
    Trusted,
    Unknown,
    Changed,
    Revoked,
    OtherType,
}

fn said(record: &HostRecord, shown: &str) -> Said {
    let Err(error) = record.check(&key(shown)) else { return Said::Trusted };
    assert_eq!(error.kind(), ErrorKind::HostKey);
    let text = error.to_string();
    match () {
        () if text.contains("is not known") => Said::Unknown,
        () if text.contains("another key than before") => Said::Changed,
        () if text.contains("revoked") => Said::Revoked,
        () if text.contains("another type") => Said::OtherType,
        () => panic!("{text}"),
    }
}

#[test]
fn lines_as_they_are_found_in_the_wild() {
    let host = "r1.example.net";
    for (lines, port, expected) in [
        (format!("{host} {OURS}"), 22, Said::Trusted),
        (format!("{host} {OURS} with a comment of words # and more"), 22, Said::Trusted),
        (format!("  {host}\t\t{OURS}\r"), 22, Said::Trusted),
        (format!("R1.Example.NET {OURS}"), 22, Said::Trusted),
        (format!("r2.example.net,{host},192.0.2.1 {OURS}"), 22, Said::Trusted),
        (format!("# {host} {OURS}"), 22, Said::Unknown),
        (format!("r2.example.net {OURS}"), 22, Said::Unknown),
        (format!("example.net {OURS}"), 22, Said::Unknown),
        (String::new(), 22, Said::Unknown),
        (format!("{host} {OTHER}"), 22, Said::Changed),
        (format!("{host} {OTHER}\n{host} {OURS}"), 22, Said::Trusted),
        (format!("{host} {RSA}"), 22, Said::OtherType),
        (format!("{host} {RSA}\n{host} {OURS}"), 22, Said::Trusted),
        // Hashed names.
        (format!("{HASHED_HOST} {OURS}"), 22, Said::Trusted),
        (format!("{HASHED_HOST} {OTHER}"), 22, Said::Changed),
        (format!("{HASHED_HOST_ON_2222} {OURS}"), 22, Said::Unknown),
        (format!("{HASHED_HOST_ON_2222} {OURS}"), 2222, Said::Trusted),
        (format!("|1|not base64|either {OURS}"), 22, Said::Unknown),
        // Ports: a line without one may trust the key, and does not call another one changed.
        (format!("[{host}]:2222 {OURS}"), 2222, Said::Trusted),
        (format!("[{host}]:2222 {OTHER}"), 2222, Said::Changed),
        (format!("[{host}]:2223 {OURS}"), 2222, Said::Unknown),
        (format!("[{host}]:2222 {OURS}"), 22, Said::Unknown),
        (format!("{host} {OURS}"), 2222, Said::Trusted),
        (format!("{host} {OTHER}"), 2222, Said::Unknown),
        // Patterns.
        (format!("*.example.net {OURS}"), 22, Said::Trusted),
        (format!("r?.example.net {OURS}"), 22, Said::Trusted),
        (format!("*.example.net,!r1.* {OURS}"), 22, Said::Unknown),
        (format!("!r1.*,*.example.net {OURS}"), 22, Said::Unknown),
        (format!("!r2.* {OURS}"), 22, Said::Unknown),
        (format!("[*.example.net]:* {OURS}"), 2222, Said::Trusted),
        // Markers.
        (format!("@revoked * {OURS}\n{host} {OURS}"), 22, Said::Revoked),
        (format!("{host} {OURS}\n@revoked {HASHED_HOST} {OURS}"), 22, Said::Revoked),
        (format!("@revoked {host} {OURS}"), 2222, Said::Revoked),
        (format!("@revoked {host} {OTHER}\n{host} {OURS}"), 22, Said::Trusted),
        (format!("@revoked {host} {OTHER}"), 22, Said::Unknown),
        (format!("@revoked r2 {OURS}\n{host} {OURS}"), 22, Said::Trusted),
        (format!("@cert-authority * {OURS}"), 22, Said::Unknown),
        (format!("@unheard-of {host} {OURS}"), 22, Said::Unknown),
        // One line that makes no sense does not hide the others.
        (format!("{host}\n{host} ssh-new AAAA\n{host} ssh-ed25519 AAAA\n{host} {OURS}"), 22, Said::Trusted),
        (format!("{host} 1024 35 1234567890\n{host} {OURS}"), 22, Said::Trusted),
    ] {
        assert_eq!(said(&record(host, port, &lines), OURS), expected, "port {port}, lines:\n{lines}");
    }
}

#[test]
fn addresses_are_names_too() {
    assert_eq!(said(&record("::1", 22, &format!("::1 {OURS}")), OURS), Said::Trusted);
    assert_eq!(said(&record("::1", 2222, &format!("[::1]:2222 {OURS}")), OURS), Said::Trusted);
    assert_eq!(said(&record("192.0.2.7", 22, &format!("192.0.2.* {OURS}")), OURS), Said::Trusted);
}

#[test]
fn a_refusal_says_what_was_shown_and_which_line_counts() {
    let changed = record("r1", 2222, &format!("# hosts\n\n[r1]:2222 {OTHER}"));
    let text = changed.check(&key(OURS)).unwrap_err().to_string();
    for part in ["[r1]:2222", OUR_FINGERPRINT, "line 3 of hosts"] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    let unknown = record("r1", 2222, "");
    let text = unknown.check(&key(OURS)).unwrap_err().to_string();
    assert!(text.contains(OUR_FINGERPRINT) && text.contains(&format!("[r1]:2222 {OURS}")), "{text}");
}

#[test]
fn the_known_types_are_asked_for_first() {
    let rsa = |hash| Algorithm::Rsa { hash };
    let all = [Algorithm::Ed25519, rsa(Some(HashAlg::Sha512)), rsa(Some(HashAlg::Sha256)), rsa(None)];
    let order = |file: &str| record("r1", 22, file).known_first(&all);
    assert_eq!(order(""), all);
    assert_eq!(order(&format!("r1 {OURS}")), all);
    let mut rsa_first = all.clone();
    rsa_first.rotate_left(1);
    assert_eq!(order(&format!("r1 {RSA}")), rsa_first);
    assert_eq!(order(&format!("@revoked r1 {RSA}")), all);
}

#[test]
fn wildcards_match_as_a_plain_search_would() {
    fn plainly(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => (0..=name.len()).any(|at| plainly(rest, &name[at..])),
            (Some((want, rest)), Some((byte, name))) => (*want == b'?' || want == byte) && plainly(rest, name),
            _ => false,
        }
    }
    let words = |letters: &[u8], longest: u32| {
        let mut words = vec![Vec::new()];
        for length in 1..=longest {
            for number in 0..letters.len().pow(length) {
                let digit = |place| letters[number / letters.len().pow(place) % letters.len()];
                words.push((0..length).map(digit).collect::<Vec<u8>>());
            }
        }
        words
    };
    let names = words(b"ab", 4);
    for pattern in words(b"ab*?", 4) {
        for name in &names {
            assert_eq!(wildcard(&pattern, name), plainly(&pattern, name), "{pattern:?} {name:?}");
        }
    }
}
