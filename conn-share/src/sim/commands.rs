//! What the router's own commands do.

use super::config::is_block;
use super::grammar::{Mistake, look_up};
use super::model::Model;
use super::{Output, SessionId};

/// Where in the command line's tree of modes a session is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    User,
    Enabled,
    Configure,
    /// In a block of the configuration, by the line that opens it.
    Block(String),
}

impl Mode {
    pub(super) fn prompt(&self, hostname: &str) -> String {
        match self {
            Self::User => format!("{hostname}> "),
            Self::Enabled => format!("{hostname}# "),
            Self::Configure => format!("{hostname}(config)# "),
            Self::Block(head) if head.starts_with("interface ") => format!("{hostname}(config-if)# "),
            Self::Block(_) => format!("{hostname}(config-router)# "),
        }
    }
}

/// What a command comes to.
#[derive(Debug)]
pub(super) struct Effect {
    pub(super) output: Output,
    pub(super) then: Then,
}

/// What follows the output.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Then {
    Prompt,
    Enter(Mode),
    AskSecret,
    PageLength(usize),
    Leave,
}

impl From<Output> for Effect {
    fn from(output: Output) -> Self {
        Self { output, then: Then::Prompt }
    }
}

impl From<Then> for Effect {
    fn from(then: Then) -> Self {
        Self { output: Output::none(), then }
    }
}

#[derive(Clone, Copy)]
enum Exec {
    Version,
    RunningConfig,
    OspfDatabase,
    Routes,
    Route,
    Bgp,
    Echo,
    Accept,
    PageLength,
    Enable,
    Disable,
    Configure,
    Exit,
}

const USER: &[(&str, Exec)] = &[
    ("show version", Exec::Version),
    ("show ip ospf database", Exec::OspfDatabase),
    ("show ip route", Exec::Routes),
    ("show ip route A.B.C.D", Exec::Route),
    ("show ip bgp", Exec::Bgp),
    ("echo TEXT", Exec::Echo),
    ("terminal length N", Exec::PageLength),
    ("terminal width N", Exec::Accept),
    ("terminal monitor", Exec::Accept),
    ("terminal no monitor", Exec::Accept),
    ("enable", Exec::Enable),
    ("exit", Exec::Exit),
    ("quit", Exec::Exit),
];

const ENABLED: &[(&str, Exec)] = &[
    ("show running-config", Exec::RunningConfig),
    ("write memory", Exec::Accept),
    ("disable", Exec::Disable),
    ("configure terminal", Exec::Configure),
];

#[derive(Clone, Copy)]
enum Edit {
    Hostname,
    Open,
    Set,
    Unset,
    Do,
    End,
    Exit,
}

const CONFIGURE: &[(&str, Edit)] = &[
    ("hostname TEXT", Edit::Hostname),
    ("interface TEXT", Edit::Open),
    ("router bgp N", Edit::Open),
    ("router ospf", Edit::Open),
    ("ip route TEXT", Edit::Set),
    ("ip prefix-list TEXT", Edit::Set),
    ("log TEXT", Edit::Set),
    ("no TEXT", Edit::Unset),
    ("do TEXT", Edit::Do),
    ("end", Edit::End),
    ("exit", Edit::Exit),
    ("quit", Edit::Exit),
];

const BLOCK: &[(&str, Edit)] = &[
    ("description TEXT", Edit::Set),
    ("ip address TEXT", Edit::Set),
    ("ipv6 address TEXT", Edit::Set),
    ("ip ospf TEXT", Edit::Set),
    ("bandwidth N", Edit::Set),
    ("mtu N", Edit::Set),
    ("shutdown", Edit::Set),
    ("neighbor TEXT", Edit::Set),
    ("network TEXT", Edit::Set),
    ("bgp router-id A.B.C.D", Edit::Set),
    ("ospf router-id A.B.C.D", Edit::Set),
    ("no TEXT", Edit::Unset),
    ("do TEXT", Edit::Do),
    ("end", Edit::End),
    ("exit", Edit::Exit),
    ("quit", Edit::Exit),
    ("interface TEXT", Edit::Open),
    ("router bgp N", Edit::Open),
    ("router ospf", Edit::Open),
];

/// Runs one line in `mode`.
pub(super) fn run(line: &str, mode: &Mode, session: SessionId, model: &Model) -> Effect {
    match mode {
        Mode::User | Mode::Enabled => exec(line, *mode == Mode::Enabled, session, model),
        Mode::Configure => edit(line, None, session, model),
        Mode::Block(head) => edit(line, Some(head), session, model),
    }
}

fn exec(line: &str, enabled: bool, session: SessionId, model: &Model) -> Effect {
    if let Some(output) = model.own_answer(session, line) {
        return output.into();
    }
    let known = if enabled { [USER, ENABLED].concat() } else { USER.to_vec() };
    let command = match look_up(line, &known) {
        Ok(command) => command,
        Err(mistake) => return complaint(mistake, line),
    };
    let last = line.split_whitespace().next_back().unwrap_or_default();
    match command {
        Exec::Version => model.tables.version(&model.hostname()).into(),
        Exec::RunningConfig => Output::from(model.config().text()).into(),
        Exec::OspfDatabase => model.tables.ospf_database().into(),
        Exec::Routes => model.tables.routes().into(),
        Exec::Route => match last.parse() {
            Ok(address) => model.tables.route(address).into(),
            Err(_) => complaint(Mistake::Unknown, line),
        },
        Exec::Bgp => model.tables.bgp().into(),
        Exec::Echo => Output::from(rest(line)).into(),
        Exec::Accept => Output::none().into(),
        Exec::PageLength => Then::PageLength(last.parse().unwrap_or(0)).into(),
        Exec::Enable if enabled => Output::none().into(),
        Exec::Enable if model.enable.is_some() => Then::AskSecret.into(),
        Exec::Enable => Then::Enter(Mode::Enabled).into(),
        Exec::Disable => Then::Enter(Mode::User).into(),
        Exec::Configure => Then::Enter(Mode::Configure).into(),
        Exec::Exit => Then::Leave.into(),
    }
}

fn edit(line: &str, block: Option<&str>, session: SessionId, model: &Model) -> Effect {
    let action = match look_up(line, if block.is_some() { BLOCK } else { CONFIGURE }) {
        Ok(action) => action,
        Err(mistake) => return complaint(mistake, line),
    };
    match action {
        Edit::Hostname => model.config().set_hostname(rest(line).split_whitespace().next().unwrap_or_default()),
        Edit::Open => {
            let head = line.split_whitespace().collect::<Vec<_>>().join(" ");
            if !is_block(&head) {
                return complaint(Mistake::Ambiguous, line);
            }
            model.config().open(&head);
            return Then::Enter(Mode::Block(head)).into();
        }
        Edit::Set => model.config().set(block, line.trim()),
        Edit::Unset => {
            let what = rest(line);
            if !model.config().unset(block, what) {
                return Output::from(format!("% Can't find {what}")).into();
            }
        }
        Edit::Do => return exec(rest(line), true, session, model).output.into(),
        Edit::End => return Then::Enter(Mode::Enabled).into(),
        Edit::Exit => return Then::Enter(if block.is_some() { Mode::Configure } else { Mode::Enabled }).into(),
    }
    Output::none().into()
}

/// What follows the first word.
fn rest(line: &str) -> &str {
    line.trim().split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim_start())
}

fn complaint(mistake: Mistake, line: &str) -> Effect {
    Output::from(match mistake {
        Mistake::Unknown => format!("% Unknown command: {line}"),
        Mistake::Incomplete => "% Command incomplete.".to_owned(),
        Mistake::Ambiguous => "% Ambiguous command.".to_owned(),
    })
    .into()
}
