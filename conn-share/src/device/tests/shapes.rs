//! What can be sent where.

use std::future::IntoFuture;

use super::fake::Fake;
use crate::{
    Classes, ConnectOptions, ConnectionManager, Device, DeviceBuilder, DevicePool, Path, Session, Unfinished, pcall,
};

fn send_sync<T: Send + Sync + 'static>() {}
fn send<T: Send>(value: T) -> T {
    value
}

#[test]
fn types_are_send_and_sync() {
    send_sync::<Device>();
    send_sync::<DeviceBuilder>();
    send_sync::<DevicePool>();
    send_sync::<ConnectionManager>();
    send_sync::<ConnectOptions>();
    send_sync::<Classes>();
    send_sync::<Path>();
    send_sync::<Session<Fake>>();
    send_sync::<Unfinished>();
    #[cfg(feature = "testbed")]
    send_sync::<crate::Testbed>();
}

#[test]
fn futures_are_send() {
    let device = Device::builder("r1").build().expect("valid");
    drop(send(device.connect::<Fake>(ConnectOptions::new())));
    drop(send(device.open(ConnectOptions::new())));
    drop(send(device.execute("x")));
    drop(send(device.execute(String::from("x"))));
    drop(send(device.configure("x")));
    drop(send(device.send("x")));
    drop(send(device.receive()));
    drop(send(device.exclusive(|connection| async move { connection.execute("x").await })));
    drop(send(device.disconnect("x")));
    drop(send(device.disconnect_all()));
    drop(send(device.reconnect("x")));
    drop(send(pcall(["x"], |command| device.execute(command)).into_future()));
    // A call that is not Send makes the whole not Send, and nothing more: this compiles.
    drop(pcall([1], |n| async move { Ok::<_, crate::Error>(std::rc::Rc::new(n)) }).into_future());
}
