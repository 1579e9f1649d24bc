//! The text of a YAML file as a tree whose every node knows its line. The only module that names the YAML parser.
//!
//! `saphyr-parser` is the parser: YAML 1.2, positions on every event, actively kept, and it builds nothing itself, so that
//! what aliases may unfold to is bounded here.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle};
use zeroize::Zeroizing;

/// Deeper than any testbed, and shallow enough for code that walks the tree by recursion.
const MAX_DEPTH: usize = 64;

/// Room for thousands of devices; an alias of aliases of aliases ends here.
const MAX_NODES: usize = 1_000_000;

/// A value and the line on which it begins. Not `Debug`: there are passwords in it.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Value,
}

#[derive(Clone)]
pub(super) enum Value {
    Null,
    Scalar(Zeroizing<String>),
    List(Vec<Node>),
    Map(Mapping),
}

#[derive(Clone, Default)]
pub(super) struct Mapping {
    /// In the order of the file, each key once.
    pub(super) entries: Vec<(Key, Node)>,
    /// The first key that is given again, and the line where it was given before.
    pub(super) repeated: Option<(Key, usize)>,
}

#[derive(Clone)]
pub(super) struct Key {
    pub(super) line: usize,
    pub(super) text: String,
}

/// What is wrong with the file as YAML, and on which line.
#[derive(Debug)]
pub(super) struct Malformed {
    pub(super) line: usize,
    pub(super) what: String,
}

/// Reads one document; an empty file is a null.
pub(super) fn parse(text: &str) -> Result<Node, Malformed> {
    let mut builder = Builder::default();
    // Some editors begin a file with a byte order mark.
    for event in Parser::new_from_str(text.trim_start_matches('\u{feff}')) {
        let (event, span) =
            event.map_err(|error| Malformed { line: error.marker().line(), what: error.info().to_owned() })?;
        builder.take(event, span.start.line())?;
    }
    Ok(builder.root.unwrap_or(Node { line: 1, value: Value::Null }))
}

#[derive(Default)]
struct Builder {
    root: Option<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

/// A list or mapping that has not ended.
struct Open {
    anchor: usize,
    node: Node,
    /// In a mapping: the key whose value comes next.
    key: Option<Key>,
    /// In a mapping: where among the entries each key stands, and whether it came by `<<`.
    places: HashMap<String, (usize, bool)>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), Malformed> {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let is_null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if is_null { Value::Null } else { Value::Scalar(Zeroizing::new(text.into_owned())) };
                self.finish(anchor, Node { line, value })
            }
            Event::SequenceStart(anchor, _) => self.begin(anchor, Node { line, value: Value::List(Vec::new()) }),
            Event::MappingStart(anchor, _) => self.begin(anchor, Node { line, value: Value::Map(Mapping::default()) }),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { anchor, node, .. }) => self.finish(anchor, node),
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => {
                    self.nodes += node.count();
                    self.finish(0, node)
                }
                None => Err(Malformed { line, what: "an alias inside of what it stands for".into() }),
            },
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(Malformed { line, what: "a second document; a testbed file is one".into() })
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, anchor: usize, node: Node) -> Result<(), Malformed> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Malformed { line: node.line, what: format!("nested deeper than {MAX_DEPTH} levels") });
        }
        self.open.push(Open { anchor, node, key: None, places: HashMap::new() });
        Ok(())
    }

    fn finish(&mut self, anchor: usize, node: Node) -> Result<(), Malformed> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Malformed { line: node.line, what: format!("more than {MAX_NODES} values, aliases unfolded") });
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (&mut parent.node.value, parent.key.take()) {
            (Value::List(items), _) => items.push(node),
            (Value::Map(mapping), Some(key)) if key.text == "<<" => merge(mapping, &mut parent.places, &key, node)?,
            (Value::Map(mapping), Some(key)) => insert(mapping, &mut parent.places, key, node),
            (_, _) => {
                parent.key = Some(match node.value {
                    Value::Scalar(text) => Key { line: node.line, text: (*text).clone() },
                    Value::Null => Key { line: node.line, text: String::new() },
                    _ => return Err(Malformed { line: node.line, what: "a key that is not a plain value".into() }),
                });
            }
        }
        Ok(())
    }
}

/// Puts an entry in. Of two equal keys the last counts, as in other readers of these files; whoever reads the mapping is
/// told of them.
fn insert(mapping: &mut Mapping, places: &mut HashMap<String, (usize, bool)>, key: Key, node: Node) {
    let entries = &mut mapping.entries;
    match places.get_mut(&key.text) {
        None => {
            places.insert(key.text.clone(), (entries.len(), false));
            entries.push((key, node));
        }
        Some((at, merged)) => {
            if !std::mem::take(merged) {
                mapping.repeated.get_or_insert_with(|| (key.clone(), entries[*at].0.line));
            }
            entries[*at] = (key, node);
        }
    }
}

/// Brings in what `<<` refers to, unless it is given beside it or was brought in before.
fn merge(
    mapping: &mut Mapping,
    places: &mut HashMap<String, (usize, bool)>,
    merge: &Key,
    node: Node,
) -> Result<(), Malformed> {
    let sources = match node.value {
        Value::List(items) => items,
        _ => vec![node],
    };
    for source in sources {
        let Value::Map(merged) = source.value else {
            return Err(Malformed { line: merge.line, what: "`<<` takes a mapping, or a list of them".into() });
        };
        for (key, node) in merged.entries {
            if !places.contains_key(&key.text) {
                places.insert(key.text.clone(), (mapping.entries.len(), true));
                mapping.entries.push((key, node));
            }
        }
    }
    Ok(())
}

impl Node {
    fn count(&self) -> usize {
        match &self.value {
            Value::Null | Value::Scalar(_) => 1,
            Value::List(items) => 1 + items.iter().map(Self::count).sum::<usize>(),
            Value::Map(mapping) => 1 + mapping.entries.iter().map(|(_, node)| node.count()).sum::<usize>(),
        }
    }

    /// For errors: what it is, never its content.
    pub(super) fn what(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar(_) => "a plain value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}
