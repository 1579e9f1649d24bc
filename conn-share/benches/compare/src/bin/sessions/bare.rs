//! What `russh` alone does: waits for the known prompt and checks nothing.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use conn_share_tests::Lab;
use russh::client::{self, Config, Handle, Handler, Msg};
use russh::keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate, load_secret_key};
use russh::{Channel, ChannelMsg, cipher};
use tokio::net::TcpStream;

/// Whether it takes AES-GCM, as ours does, rather than what russh offers first: ChaCha20.
pub static AES: AtomicBool = AtomicBool::new(false);

struct TrustAll;

impl Handler for TrustAll {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _key: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

pub struct Bare {
    channel: Channel<Msg>,
    _handle: Handle<TrustAll>,
    prompt: Vec<u8>,
}

impl Bare {
    pub async fn connect(lab: &Lab, user: &str, key: &Path, prompt: &str) -> Self {
        let stream = TcpStream::connect(lab.ssh()).await.expect("sshd");
        stream.set_nodelay(true).expect("a socket");
        let mut config = Config::default();
        if AES.load(Relaxed) {
            config.preferred.cipher = Cow::Borrowed(&[cipher::AES_256_GCM]);
        }
        let mut handle = client::connect_stream(Arc::new(config), stream, TrustAll).await.expect("keys");
        let key = PrivateKeyWithHashAlg::new(Arc::new(load_secret_key(key, None).expect("a key")), None);
        assert!(handle.authenticate_publickey(user, key).await.expect("a login").success());
        let channel = handle.channel_open_session().await.expect("a channel");
        channel.request_pty(false, "vt100", 511, 1000, 0, 0, &[]).await.expect("a terminal");
        channel.request_shell(false).await.expect("a shell");
        let mut bare = Self { channel, _handle: handle, prompt: prompt.as_bytes().to_vec() };
        bare.answer().await;
        bare
    }

    pub async fn run(&mut self, command: &str) -> Vec<u8> {
        self.channel.data_bytes(format!("{command}\n").into_bytes()).await.expect("writing");
        self.answer().await
    }

    async fn answer(&mut self) -> Vec<u8> {
        let mut answer = Vec::new();
        while !answer.ends_with(&self.prompt) {
            match self.channel.wait().await.expect("a session") {
                ChannelMsg::Data { data } => answer.extend_from_slice(&data),
                _ => continue,
            }
        }
        answer
    }
}
