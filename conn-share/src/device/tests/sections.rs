//! Several calls as one unit.

use std::sync::Arc;

use super::fake::{Fake, Peer, device};
use crate::{ConnectOptions, Device, pcall};

async fn connected(host: &str) -> (Arc<Peer>, Device) {
    let peer = Peer::at(host);
    let device = device(host).build().expect("valid");
    device.connect::<Fake>(ConnectOptions::via("a")).await.expect("connects");
    (peer, device)
}

#[tokio::test]
async fn nobody_comes_in_between() {
    let (peer, device) = connected("section").await;
    let others = device.clone();
    let others = tokio::spawn(async move {
        pcall(0..20, |n| {
            let device = &others;
            async move { device.execute(format!("other {n}")).await }
        })
        .await
    });
    for n in 0..5 {
        let section = device.exclusive(|connection| async move {
            connection.execute(&format!("first {n}")).await?;
            connection.execute(&format!("second {n}")).await
        });
        section.await.expect("has sections").expect("answers");
    }
    for result in others.await.expect("no panic") {
        result.expect("answers");
    }
    let commands = peer.commands();
    assert_eq!(commands.len(), 30);
    for n in 0..5 {
        let at = commands.iter().position(|command| *command == format!("first {n}")).expect("ran");
        assert_eq!(commands[at + 1], format!("second {n}"));
    }
    assert_ne!(commands.iter().rposition(|command| command.starts_with("other")), Some(19), "they did overlap");
}

#[tokio::test]
async fn the_devices_own_calls_join_the_section_and_sections_nest() {
    let (peer, device) = connected("nested-section").await;
    let text = device
        .exclusive(|_| async {
            device.execute("outer").await?;
            let again = device.exclusive_on("a", |connection| async move { connection.execute("nested").await });
            again.await?
        })
        .await
        .expect("has sections")
        .expect("answers");
    assert_eq!(text, "nested by r1 via a");
    assert_eq!(peer.commands(), ["outer", "nested"]);
}
