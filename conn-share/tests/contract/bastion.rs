//! An SSH server that one goes through.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::PrivateKey;
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Session, run_stream};
use russh::{Channel, ChannelOpenFailure};
use tokio::net::{TcpListener, TcpStream};

/// Lets in whoever knows this, and through to wherever they like. Ends with the runtime.
pub(crate) async fn bastion(user: &'static str, password: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("its address");
    // A refusal need not take its time here.
    let config = Config { keys: vec![key(1)], auth_rejection_time: Duration::ZERO, ..Config::default() };
    let config = Arc::new(config);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let config = Arc::clone(&config);
            tokio::spawn(async move {
                if let Ok(session) = run_stream(config, stream, Bastion { user, password }).await {
                    let _ = session.await;
                }
            });
        }
    });
    address
}

/// A key that is the same in every run.
pub(crate) fn key(seed: u8) -> PrivateKey {
    russh::keys::ssh_key::private::Ed25519Keypair::from_seed(&[seed; 32]).into()
}

struct Bastion {
    user: &'static str,
    password: &'static str,
}

impl Handler for Bastion {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, russh::Error> {
        let right = user == self.user && password == self.password;
        Ok(if right { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        let Ok(mut there) = TcpStream::connect(format!("{host}:{port}")).await else {
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
            return Ok(());
        };
        reply.accept().await;
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut channel.into_stream(), &mut there).await });
        Ok(())
    }
}
