//! Reading a tree: every mistake is told with its file, line and name, and with what was expected.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::{Error, ErrorKind, Result};

use super::tree::{Mapping, Node, Value};

/// What stands for a text as it is written, or why it is not to be had.
pub(crate) type Resolve<'a> = dyn Fn(&str) -> Result<String, String> + 'a;

/// A file being read.
pub(super) struct Reading<'a> {
    pub(super) file: &'a str,
    pub(super) resolve: &'a Resolve<'a>,
    pub(super) unknown: RefCell<Vec<UnknownKey>>,
}

/// A key of a file that is not part of its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownKey {
    /// Where it stands: `devices.R1.conections`.
    pub name: String,
    /// On which line.
    pub line: usize,
}

impl fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (line {})", self.name.escape_debug(), self.line)
    }
}

/// A node of the file and how it is reached: `devices.R1.connections.cli`.
#[derive(Clone)]
pub(crate) struct Place<'a> {
    reading: &'a Reading<'a>,
    name: String,
    node: &'a Node,
}

impl<'a> Place<'a> {
    pub(super) fn root(reading: &'a Reading<'a>, node: &'a Node) -> Self {
        Self { reading, name: String::new(), node }
    }

    pub(crate) fn error(&self, what: impl std::fmt::Display) -> Error {
        self.error_on(self.node.line, what)
    }

    /// A mistake in another file, which is named here.
    pub(crate) fn caused(&self, error: Error) -> Error {
        self.error("this file is not as expected").with_source(error)
    }

    /// The path of a file that is named here: relative to this file's folder.
    pub(crate) fn beside(&self, path: &str) -> PathBuf {
        Path::new(self.reading.file).parent().unwrap_or(Path::new("")).join(path)
    }

    fn error_on(&self, line: usize, what: impl std::fmt::Display) -> Error {
        let Self { reading, name, .. } = self;
        let at = if name.is_empty() { String::new() } else { format!("{}: ", name.escape_debug()) };
        Error::new(ErrorKind::Config, format!("{}:{line}: {at}{what}", reading.file))
    }

    fn expected(&self, what: &str) -> Error {
        self.error(format_args!("expected {what}, found {}", self.node.what()))
    }

    /// The entries of a mapping; nothing is an empty one. A key that is given twice is a mistake: one of the two was meant
    /// to be something else.
    pub(crate) fn entries(&self) -> Result<Vec<(&'a str, Self)>> {
        match &self.node.value {
            Value::Null => Ok(Vec::new()),
            Value::Map(Mapping { repeated: Some((key, before)), .. }) => {
                let what = format!("expected each key once, found {:?} again, after line {before}", key.text);
                Err(self.error_on(key.line, what))
            }
            Value::Map(Mapping { entries, .. }) => {
                Ok(entries.iter().map(|(key, node)| (&*key.text, self.at(&key.text, node))).collect())
            }
            _ => Err(self.expected("a mapping")),
        }
    }

    /// What stands under `key`, if there is anything.
    pub(crate) fn get(&self, key: &str) -> Result<Option<Self>> {
        let mut entries = self.entries()?.into_iter();
        Ok(entries.find(|(found, place)| *found == key && !place.is_null()).map(|(_, place)| place))
    }

    /// Reports the keys that are not among `known`.
    pub(crate) fn report_unknown(&self, known: &[&str]) -> Result<()> {
        let Value::Map(Mapping { entries, .. }) = &self.node.value else { return Ok(()) };
        for (key, node) in entries.iter().filter(|(key, _)| !known.contains(&&*key.text)) {
            let Self { name, .. } = self.at(&key.text, node);
            self.reading.unknown.borrow_mut().push(UnknownKey { name, line: key.line });
        }
        Ok(())
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.node.value, Value::Null)
    }

    pub(crate) fn is_mapping(&self) -> bool {
        matches!(self.node.value, Value::Map(_))
    }

    pub(crate) fn is_scalar(&self) -> bool {
        matches!(self.node.value, Value::Scalar(_))
    }

    /// The text as it is written: for names.
    pub(crate) fn raw(&self) -> Result<&'a str> {
        match &self.node.value {
            Value::Scalar(text) => Ok(text),
            _ => Err(self.expected("a plain value")),
        }
    }

    /// The text, resolved. The outer error is one of the file's form; the inner one is a value that is not to
    /// be had here and now, which matters only to those who need it.
    pub(crate) fn text(&self) -> Result<Result<String>> {
        let raw = self.raw()?;
        Ok((self.reading.resolve)(raw).map_err(|what| self.error(what)))
    }

    /// A number in the range.
    pub(crate) fn number(&self, what: &str, from: u64, to: u64) -> Result<Result<u64>> {
        let text = self.text()?;
        let parsed = text.as_ref().ok().map(|text| text.trim().parse::<u64>());
        match parsed {
            None => Ok(text.map(|_| 0)),
            Some(Ok(number)) if (from..=to).contains(&number) => Ok(Ok(number)),
            Some(_) => Err(self.error(format_args!("expected {what} from {from} to {to}"))),
        }
    }

    /// A list of texts; one alone will do.
    pub(crate) fn texts(&self) -> Result<Result<Vec<String>>> {
        match &self.node.value {
            Value::List(items) => items.iter().map(|item| self.at("", item).text()).collect(),
            _ => Ok(self.text()?.map(|text| vec![text])),
        }
    }

    /// A list of mappings, or one.
    pub(crate) fn items(&self) -> Vec<Self> {
        match &self.node.value {
            Value::List(items) => items.iter().map(|item| self.at("", item)).collect(),
            _ => vec![self.clone()],
        }
    }

    fn at(&self, key: &str, node: &'a Node) -> Self {
        let name = match (self.name.as_str(), key) {
            (name, "") => name.to_owned(),
            ("", key) => key.to_owned(),
            (name, key) => format!("{name}.{key}"),
        };
        Self { reading: self.reading, name, node }
    }
}
