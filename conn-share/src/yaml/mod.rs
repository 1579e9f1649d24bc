//! YAML files in which every mistake has a place: what the formats of this crate are read with. Knows none of them.

mod place;
mod tree;

use std::cell::RefCell;

use crate::{Error, ErrorKind, Result};

pub use place::UnknownKey;
pub(crate) use place::{Place, Resolve};

use place::Reading;

/// Reads `text` by `schema`; gives what that makes of it, and the keys that it reported as unknown. `file` is what
/// errors call it, and `resolve` says what stands for a text.
///
/// # Errors
///
/// [`ErrorKind::Config`], with file and line: it is not YAML, or what `schema` says.
pub(crate) fn read<T>(
    file: &str,
    text: &str,
    resolve: &Resolve<'_>,
    schema: impl FnOnce(&Place<'_>) -> Result<T>,
) -> Result<(T, Vec<UnknownKey>)> {
    let root = tree::parse(text).map_err(|malformed| {
        Error::new(ErrorKind::Config, format!("{file}:{}: not valid YAML: {}", malformed.line, malformed.what))
    })?;
    let reading = Reading { file, resolve, unknown: RefCell::default() };
    let read = schema(&Place::root(&reading, &root))?;
    Ok((read, reading.unknown.take()))
}
