//! Which algorithms are offered to a server.

use std::borrow::Cow;

use russh::keys::{Algorithm, HashAlg};
use russh::{AlgorithmKind, Preferred, cipher, kex, mac};

use super::known_hosts::{HostRecord, wildcard};
use super::settings::Algorithms;
use crate::transport::printable;
use crate::{Error, ErrorKind, Result};

/// Weak by today's measure, and all that many old devices have. At the end of the lists, so that a server which has
/// anything better never gets them.
const OLD_KEY_EXCHANGES: [kex::Name; 3] = [kex::DH_G14_SHA1, kex::DH_GEX_SHA1, kex::DH_G1_SHA1];
const OLD_CIPHERS: [cipher::Name; 3] = [cipher::AES_256_CBC, cipher::AES_192_CBC, cipher::AES_128_CBC];
const OLD_MACS: [mac::Name; 2] = [mac::HMAC_SHA1_ETM, mac::HMAC_SHA1];

/// Not among russh's defaults, and all that some devices have which are set to certified cryptography.
const FURTHER_KEY_EXCHANGES: [kex::Name; 3] =
    [kex::ECDH_SHA2_NISTP256, kex::ECDH_SHA2_NISTP384, kex::ECDH_SHA2_NISTP521];

/// The ciphers, best first: where the processor computes AES itself, AES-GCM. A packet of an answer costs a quarter of
/// what it costs with ChaCha20 then, here and on most devices, and GCM is not open to a prefix truncated by somebody on
/// the way where a server does not know the strict key exchange.
fn ciphers() -> Vec<cipher::Name> {
    let mut ciphers = Preferred::DEFAULT.cipher.to_vec();
    if computes_aes() {
        ciphers.sort_by_key(|name| *name != cipher::AES_256_GCM);
    }
    ciphers
}

/// Whether this processor has instructions for AES and for GCM's multiplication.
fn computes_aes() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes") && std::arch::is_aarch64_feature_detected!("pmull");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

/// What a session with `host` offers, with the host key types first for which a key is known.
pub(super) fn offered(wanted: &Algorithms, host: &HostRecord) -> Result<Preferred> {
    let mut offered = Preferred { cipher: Cow::Owned(ciphers()), ..Preferred::DEFAULT };
    offered.kex.to_mut().extend(FURTHER_KEY_EXCHANGES);
    let mut host_keys = Preferred::DEFAULT.key.to_vec();
    if wanted.legacy {
        offered.kex.to_mut().extend(OLD_KEY_EXCHANGES);
        offered.cipher.to_mut().extend(OLD_CIPHERS);
        offered.mac.to_mut().extend(OLD_MACS);
    } else {
        host_keys.retain(|algorithm| *algorithm != SSH_RSA);
    }
    if let Some(list) = &wanted.kex {
        let all = Preferred::DEFAULT.kex.iter().copied().chain(FURTHER_KEY_EXCHANGES).chain(OLD_KEY_EXCHANGES);
        // What announces extensions is no algorithm, and stays.
        let (marks, defaults): (Vec<_>, Vec<_>) = offered
            .kex
            .iter()
            .copied()
            .partition(|name| name.as_ref().starts_with("ext-info-") || name.as_ref().starts_with("kex-strict-"));
        let mut chosen = choose("KexAlgorithms", list, &defaults, all.collect(), |name| name.as_ref().to_owned())?;
        chosen.extend(marks);
        offered.kex = Cow::Owned(chosen);
    }
    if let Some(list) = &wanted.ciphers {
        let all = Preferred::DEFAULT.cipher.iter().copied().chain(OLD_CIPHERS);
        offered.cipher =
            Cow::Owned(choose("Ciphers", list, &offered.cipher, all.collect(), |name| name.as_ref().to_owned())?);
    }
    if let Some(list) = &wanted.macs {
        let all = Preferred::DEFAULT.mac.iter().copied().chain(OLD_MACS);
        offered.mac = Cow::Owned(choose("MACs", list, &offered.mac, all.collect(), |name| name.as_ref().to_owned())?);
    }
    if let Some(list) = &wanted.host_keys {
        let all = Preferred::DEFAULT.key.to_vec();
        host_keys = choose("HostKeyAlgorithms", list, &host_keys, all, |algorithm| algorithm.as_str().to_owned())?;
    }
    offered.key = Cow::Owned(host.known_first(&host_keys));
    Ok(offered)
}

/// RSA signatures over SHA-1, as servers made them before OpenSSH 7.2.
pub(super) const SSH_RSA: Algorithm = Algorithm::Rsa { hash: None };

/// The hashes that an RSA key of ours may sign with, best first.
pub(super) fn rsa_hashes(wanted: &Algorithms) -> Result<Vec<Option<HashAlg>>> {
    let all = [Some(HashAlg::Sha512), Some(HashAlg::Sha256), None];
    let defaults = if wanted.legacy { all.to_vec() } else { vec![Some(HashAlg::Sha512), Some(HashAlg::Sha256)] };
    let Some(list) = &wanted.public_keys else { return Ok(defaults) };
    let name = |hash: &Option<HashAlg>| Algorithm::Rsa { hash: *hash }.as_str().to_owned();
    // Lists of other key types alone leave nothing for RSA, which is what they mean.
    Ok(choose("PubkeyAcceptedAlgorithms", list, &defaults, all.to_vec(), name).unwrap_or_default())
}

/// What to tell when a server and we have nothing in common: what each side offers, and what would help.
pub(super) fn no_common(kind: &AlgorithmKind, ours: &[String], theirs: &[String]) -> String {
    /// A server may list what it likes.
    const LONGEST_LIST: usize = 20;
    let what = match kind {
        AlgorithmKind::Kex => "key exchange",
        AlgorithmKind::Key => "host key",
        AlgorithmKind::Cipher => "cipher",
        AlgorithmKind::Compression => "compression",
        AlgorithmKind::Mac => "MAC",
    };
    let list = |names: &[String]| {
        let mut shown: Vec<String> = names.iter().take(LONGEST_LIST).map(|name| printable(name)).collect();
        if names.len() > LONGEST_LIST {
            shown.push("…".to_owned());
        }
        shown.join(",")
    };
    let old = OLD_KEY_EXCHANGES.iter().map(AsRef::as_ref).chain(OLD_CIPHERS.iter().map(AsRef::as_ref));
    let mut old = old.chain(OLD_MACS.iter().map(AsRef::as_ref)).chain([SSH_RSA.as_str()]);
    let helps = if old.any(|old| theirs.iter().any(|name| name == old)) {
        ". Some of these are weak and only used when asked for: `Target::legacy_algorithms`, or the argument ssh_algorithms = legacy"
    } else {
        ""
    };
    format!("no common {what} algorithm; the device offers {}, we offer {}{helps}", list(theirs), list(ours))
}

/// A list as OpenSSH's configuration has it: names and patterns that replace the defaults, or with `+`, `-` or `^` in
/// front are added, taken away or moved to the front. Names that russh does not have are passed over.
pub(super) fn choose<T: Clone + PartialEq>(
    keyword: &str,
    list: &str,
    defaults: &[T],
    all: Vec<T>,
    name: impl Fn(&T) -> String,
) -> Result<Vec<T>> {
    let (how, patterns) = match list.chars().next() {
        Some(how @ ('+' | '-' | '^')) => (Some(how), list.get(1..).unwrap_or_default()),
        _ => (None, list),
    };
    let matching = |pattern: &str, among: &[T]| -> Vec<T> {
        among.iter().filter(|one| wildcard(pattern.as_bytes(), name(one).as_bytes())).cloned().collect()
    };
    let mut named: Vec<T> = Vec::new();
    for one in patterns.split(',').flat_map(|pattern| matching(pattern.trim(), &all)) {
        if !named.contains(&one) {
            named.push(one);
        }
    }
    let others = |named: &[T]| defaults.iter().filter(|one| !named.contains(one)).cloned().collect::<Vec<_>>();
    let chosen = match how {
        Some('-') => others(&named),
        Some('+') => {
            let new = named.into_iter().filter(|one| !defaults.contains(one));
            defaults.iter().cloned().chain(new.collect::<Vec<_>>()).collect()
        }
        Some(_) => {
            let rest = others(&named);
            named.into_iter().chain(rest).collect()
        }
        None => named,
    };
    if chosen.is_empty() {
        return Err(Error::new(
            ErrorKind::Config,
            format!("{keyword} leaves no algorithm that is known here: {list:?}"),
        ));
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(list: &str) -> Vec<String> {
        let all = ["aes256-ctr", "aes128-ctr", "aes256-cbc", "aes128-cbc"];
        let name = |one: &&str| (*one).to_owned();
        let chosen = choose("Ciphers", list, &all[..2], all.to_vec(), name);
        chosen.map(|chosen| chosen.into_iter().map(str::to_owned).collect()).unwrap_or_default()
    }

    #[test]
    fn lists_mean_what_they_mean_to_openssh() {
        assert_eq!(chosen("aes128-cbc,nothing,aes128-ctr"), ["aes128-cbc", "aes128-ctr"]);
        assert_eq!(chosen("+aes128-cbc,aes128-ctr"), ["aes256-ctr", "aes128-ctr", "aes128-cbc"]);
        assert_eq!(chosen("-aes256-*"), ["aes128-ctr"]);
        assert_eq!(chosen("^aes128-*"), ["aes128-ctr", "aes128-cbc", "aes256-ctr"]);
        assert_eq!(chosen("*"), ["aes256-ctr", "aes128-ctr", "aes256-cbc", "aes128-cbc"]);
        // Nothing left is a mistake.
        assert!(chosen("nothing").is_empty() && chosen("-*").is_empty() && chosen("").is_empty());
    }

    #[test]
    fn the_cipher_that_the_processor_computes_comes_first() {
        let first = if computes_aes() { cipher::AES_256_GCM } else { cipher::CHACHA20_POLY1305 };
        let ciphers = ciphers();
        assert_eq!(ciphers.first(), Some(&first));
        assert_eq!(ciphers.len(), Preferred::DEFAULT.cipher.len());
        assert!(Preferred::DEFAULT.cipher.iter().all(|name| ciphers.contains(name)));
    }

    #[test]
    fn what_is_weak_is_offered_on_request_alone_and_last() {
        let trust = crate::HostKeys::danger_accept_any();
        let host = HostRecord::read(&trust, "r1", 22).expect("no files");
        let usual = offered(&Algorithms::default(), &host).expect("offered");
        let names = |offered: &Preferred| {
            let mut names: Vec<String> = offered.kex.iter().map(|name| name.as_ref().to_owned()).collect();
            names.extend(offered.cipher.iter().map(|name| name.as_ref().to_owned()));
            names.extend(offered.mac.iter().map(|name| name.as_ref().to_owned()));
            names.extend(offered.key.iter().map(|name| name.as_str().to_owned()));
            names
        };
        let weak = |name: &String| name.ends_with("sha1") || name.ends_with("-cbc") || name == "ssh-rsa";
        assert!(!names(&usual).iter().any(weak), "{:?}", names(&usual));
        let legacy = offered(&Algorithms { legacy: true, ..Algorithms::default() }, &host).expect("offered");
        assert!(legacy.kex.starts_with(&usual.kex) && legacy.cipher.starts_with(&usual.cipher));
        assert_eq!(legacy.key.last(), Some(&SSH_RSA));
        assert_eq!(rsa_hashes(&Algorithms::default()).expect("hashes").len(), 2);
        let only_rsa256 = Algorithms { public_keys: Some("ssh-ed25519,rsa-sha2-256".into()), ..Algorithms::default() };
        assert_eq!(rsa_hashes(&only_rsa256).expect("hashes"), [Some(HashAlg::Sha256)]);
    }
}
