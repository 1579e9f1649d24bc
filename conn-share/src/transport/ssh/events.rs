//! What russh tells us, inside its session task. Nothing here waits.

use std::fmt;
use std::sync::Arc;

use russh::client::{ChannelOpenHandle, DisconnectReason, Handler, Msg, Session};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use russh::{Channel, ChannelId, ChannelOpenFailure, Disconnect, Sig};

use super::algorithms;
use super::exec::Run;
use super::known_hosts::HostRecord;
use super::members::{Member, Members};
use super::pipe::{End, Pipe, UNREAD_LIMIT};
use crate::transport::printable;
use crate::{Error, ErrorKind};

/// The handler of one session.
pub(super) struct Events {
    pipe: Arc<Pipe>,
    host: Arc<HostRecord>,
    channels: Channels,
}

/// Whose bytes are whose.
enum Channels {
    /// One channel, whose end is the session's; `None` until it is open.
    One(Option<ChannelId>),
    Many(Arc<Members>),
}

impl Events {
    /// For a session with one channel, or with those of `members`.
    pub(super) fn new(pipe: Arc<Pipe>, host: Arc<HostRecord>, members: Option<Arc<Members>>) -> Self {
        let channels = members.map_or(Channels::One(None), Channels::Many);
        Self { pipe, host, channels }
    }

    fn push(&self, channel: ChannelId, data: &[u8], is_error: bool, session: &mut Session) -> Result<(), Fault> {
        match &self.channels {
            Channels::One(Some(one)) if *one == channel => self.pipe.push(data),
            Channels::One(_) => {}
            Channels::Many(members) => match members.get(channel) {
                Some(Member::Stream(pipe)) => pipe.push(data),
                Some(Member::Run(run)) if !run.push(data, is_error) => {
                    members.forget(channel);
                    session.close(channel)?;
                }
                Some(Member::Run(_)) => {}
                None => {}
            },
        }
        Ok(())
    }

    /// The peer has no more to say, or has closed the channel altogether.
    fn closed(&self, channel: ChannelId, altogether: bool) {
        match &self.channels {
            Channels::One(Some(one)) if *one == channel => self.pipe.end(End::Closed),
            Channels::One(_) => {}
            Channels::Many(members) => {
                match members.get(channel) {
                    // It stays until its seat is given up: whoever opened it may not have come for it yet.
                    Some(Member::Stream(pipe)) => {
                        pipe.end(End::Closed);
                        if altogether {
                            pipe.finish();
                        }
                    }
                    // After its output comes how it ended.
                    Some(Member::Run(run)) if altogether => {
                        members.forget(channel);
                        run.end(End::Closed);
                    }
                    Some(Member::Run(_)) | None => {}
                }
            }
        }
    }

    fn run(&self, channel: ChannelId) -> Option<Arc<Run>> {
        match &self.channels {
            Channels::Many(members) => match members.get(channel) {
                Some(Member::Run(run)) => Some(run),
                _ => None,
            },
            Channels::One(_) => None,
        }
    }
}

/// The session's task is over, however it came about.
impl Drop for Events {
    fn drop(&mut self) {
        self.pipe.finish();
        if let Channels::Many(members) = &self.channels {
            members.end_all();
        }
    }
}

/// What ends a session's task early.
pub(super) enum Fault {
    Protocol(russh::Error),
    HostKey(Error),
}

impl From<russh::Error> for Fault {
    fn from(error: russh::Error) -> Self {
        Self::Protocol(error)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(error) => error.fmt(f),
            Self::HostKey(error) => error.fmt(f),
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::HostKey(error) => error,
            Fault::Protocol(error) => {
                let (kind, text) = explain(&error);
                Error::new(kind, text)
            }
        }
    }
}

/// Whose fault a russh error is, in words that hold nothing unescaped from the peer.
pub(super) fn explain(error: &russh::Error) -> (ErrorKind, String) {
    use russh::Error as E;
    match error {
        E::Disconnect | E::HUP | E::SendError | E::RecvError => {
            (ErrorKind::Disconnected, "the device closed the connection".to_owned())
        }
        E::IO(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            (ErrorKind::Disconnected, "the device closed the connection".to_owned())
        }
        E::IO(error) => match error.get_ref().and_then(|error| error.downcast_ref::<Error>()) {
            Some(ours) => (ours.kind(), ours.to_string()),
            None => (ErrorKind::Disconnected, format!("the connection broke: {}", printable(&error.to_string()))),
        },
        E::NoAuthMethod => (ErrorKind::Authentication, "the device refused the login and takes no other".to_owned()),
        E::KeepaliveTimeout => (ErrorKind::Disconnected, "the device stopped answering keepalives".to_owned()),
        E::ChannelOpenFailure(ChannelOpenFailure::AdministrativelyProhibited) => {
            (ErrorKind::Refused, "the device does not let this user open a session".to_owned())
        }
        E::ChannelOpenFailure(_) => (ErrorKind::Busy, "the device has no room for another session".to_owned()),
        E::NoCommonAlgo { kind, ours, theirs } => (ErrorKind::Protocol, algorithms::no_common(kind, ours, theirs)),
        E::Version => (ErrorKind::Protocol, "what answers does not speak SSH 2".to_owned()),
        error => (ErrorKind::Protocol, format!("SSH failed: {}", printable(&error.to_string()))),
    }
}

fn farewell(code: Disconnect, message: &str) -> End {
    let kind = match code {
        Disconnect::TooManyConnections => ErrorKind::Busy,
        Disconnect::NoMoreAuthMethodsAvailable | Disconnect::IllegalUserName => ErrorKind::Authentication,
        _ => ErrorKind::Disconnected,
    };
    End::Lost { kind, text: format!("the device disconnected: {}", printable(message)), farewell: true }
}

/// As a shell calls it.
fn name_of(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => printable(name),
        known => format!("{known:?}"),
    }
}

impl Handler for Events {
    type Error = Fault;

    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, Fault> {
        let key: PublicKey = offered.public_key();
        self.host.check(&key).map_err(Fault::HostKey)?;
        Ok(true)
    }

    async fn channel_open_confirmation(
        &mut self,
        id: ChannelId,
        _max_packet_size: u32,
        _window_size: u32,
        _session: &mut Session,
    ) -> Result<(), Fault> {
        match &mut self.channels {
            Channels::One(one) => *one = one.or(Some(id)),
            // From here on bytes may come, whether the one who asked for the channel has taken note or not.
            Channels::Many(members) => drop(members.stream(id)),
        }
        Ok(())
    }

    async fn data(&mut self, channel: ChannelId, data: &[u8], session: &mut Session) -> Result<(), Fault> {
        self.push(channel, data, false, session)
    }

    // With a terminal there is one stream; a server that sends errors apart means them for the same eyes.
    async fn extended_data(
        &mut self,
        channel: ChannelId,
        _ext: u32,
        data: &[u8],
        session: &mut Session,
    ) -> Result<(), Fault> {
        self.push(channel, data, true, session)
    }

    async fn channel_eof(&mut self, channel: ChannelId, _session: &mut Session) -> Result<(), Fault> {
        self.closed(channel, false);
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _session: &mut Session) -> Result<(), Fault> {
        self.closed(channel, true);
        Ok(())
    }

    async fn exit_status(&mut self, channel: ChannelId, status: u32, _session: &mut Session) -> Result<(), Fault> {
        if let Some(run) = self.run(channel) {
            run.exited(status);
        }
        Ok(())
    }

    async fn exit_signal(
        &mut self,
        channel: ChannelId,
        signal: Sig,
        _core_dumped: bool,
        _error_message: &str,
        _lang_tag: &str,
        _session: &mut Session,
    ) -> Result<(), Fault> {
        if let Some(run) = self.run(channel) {
            run.killed(name_of(&signal));
        }
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Fault>) -> Result<(), Fault> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                self.pipe.end(farewell(info.reason_code, &info.message));
                Ok(())
            }
            DisconnectReason::Error(Fault::Protocol(russh::Error::KeepaliveTimeout)) if self.pipe.is_held_back() => {
                // The answers to our keepalives wait behind output that nobody took.
                let text = format!(
                    "the device sent more than {} KiB that nobody read within {:?}",
                    UNREAD_LIMIT / 1024,
                    super::PEER_PATIENCE
                );
                self.pipe.end(End::Lost { kind: ErrorKind::Overflow, text, farewell: false });
                Err(Fault::Protocol(russh::Error::KeepaliveTimeout))
            }
            DisconnectReason::Error(fault) => {
                if let Fault::Protocol(error) = &fault {
                    let (kind, text) = explain(error);
                    self.pipe.end(End::Lost { kind, text, farewell: false });
                }
                Err(fault)
            }
        }
    }

    // russh accepts channels that a server opens unless told otherwise; dropping the reply refuses them.

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _channel: Channel<Msg>,
        _connected_address: &str,
        _connected_port: u32,
        _originator_address: &str,
        _originator_port: u32,
        _reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Fault> {
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _channel: Channel<Msg>,
        _socket_path: &str,
        _reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Fault> {
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _channel: Channel<Msg>,
        _reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Fault> {
        Ok(())
    }

    async fn server_channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        _reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Fault> {
        Ok(())
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _channel: Channel<Msg>,
        _host_to_connect: &str,
        _port_to_connect: u32,
        _originator_address: &str,
        _originator_port: u32,
        _reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Fault> {
        Ok(())
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _channel: Channel<Msg>,
        _socket_path: &str,
        _reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Fault> {
        Ok(())
    }

    async fn server_channel_open_x11(
        &mut self,
        _channel: Channel<Msg>,
        _originator_address: &str,
        _originator_port: u32,
        _reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Fault> {
        Ok(())
    }
}
