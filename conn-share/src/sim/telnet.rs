//! The Telnet server.

use super::cli::{Cli, Entry};
use super::converse::converse;
use super::hub::Admission;
use super::telnet_options::TelnetOptions;
use super::wire::Wire;
use tokio::io::AsyncWriteExt;

/// How Telnet clients are received.
#[derive(Clone, Copy, Debug)]
pub(super) struct TelnetStyle {
    pub(super) asks_name: bool,
    pub(super) negotiates: bool,
}

/// Serves one client to its end.
pub(super) async fn serve(mut wire: Wire, style: TelnetStyle, admission: Admission) {
    let options = style.negotiates.then(TelnetOptions::default);
    if options.is_some() && wire.write_all(&TelnetOptions::OPENING).await.is_err() {
        return;
    }
    let entry = Entry::Login { asks_name: style.asks_name };
    let cli = Cli::new(admission.hub.model.clone(), admission.session.info.id, entry);
    converse(&mut wire, cli, options, &admission).await;
    let _ = wire.shutdown().await;
}
