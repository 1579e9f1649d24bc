//! Which algorithms are offered to a server.

use std::borrow::Cow;

use russh::{Preferred, cipher, kex, mac};

use super::known_hosts::HostRecord;
use crate::{Error, ErrorKind, Result, Target};

/// The target's argument: `legacy` adds what only old devices need.
const ARGUMENT: &str = "ssh_algorithms";

/// Weak by today's measure, and all that many old devices have. At the end of the lists, so that a server which has
/// anything better never gets them.
const OLD_KEY_EXCHANGES: [kex::Name; 3] = [kex::DH_G14_SHA1, kex::DH_GEX_SHA1, kex::DH_G1_SHA1];
const OLD_CIPHERS: [cipher::Name; 3] = [cipher::AES_256_CBC, cipher::AES_192_CBC, cipher::AES_128_CBC];
const OLD_MACS: [mac::Name; 2] = [mac::HMAC_SHA1_ETM, mac::HMAC_SHA1];

/// What a session with `host` offers: russh's defaults, with the host key types first for which a key is known.
pub(super) fn offered(target: &Target, host: &HostRecord) -> Result<Preferred> {
    let mut offered = Preferred::DEFAULT;
    offered.key = Cow::Owned(host.known_first(&Preferred::DEFAULT.key));
    match target.arguments.get(ARGUMENT).map(String::as_str) {
        None | Some("default") => {}
        Some("legacy") => {
            offered.kex.to_mut().extend(OLD_KEY_EXCHANGES);
            offered.cipher.to_mut().extend(OLD_CIPHERS);
            offered.mac.to_mut().extend(OLD_MACS);
        }
        Some(_) => return Err(Error::new(ErrorKind::Config, "ssh_algorithms is neither \"default\" nor \"legacy\"")),
    }
    Ok(offered)
}
