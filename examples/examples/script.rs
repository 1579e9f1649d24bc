//! A script as one writes it for a device of one's own: look, do something as one unit, look again.
//!
//! `cargo run --example script -- --ssh admin@192.0.2.1 --os frr` talks to a real device, and changes nothing there.
//! Without arguments it starts a simulated router.

use std::process::ExitCode;

use conn_share::{ConnectOptions, Device, Error, ErrorKind, Reply, SshConnection, TelnetConnection};
use conn_share_examples::{Lab, Options, Outcome, Printer, whole_error};

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::parse(std::env::args_os().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("Usage: script [OPTIONS]\n\n{}", Options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("script: {error}; --help says more");
            return ExitCode::from(2);
        }
    };
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("script: {}", whole_error(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Outcome {
    let lab = Lab::open(options).await?;
    let done = on(lab.device(), Printer { full: options.full }).await;
    // Closed whatever happened; what happened is the error to tell.
    let closed = lab.close().await;
    done?;
    closed
}

async fn on(device: &Device, printer: Printer) -> Outcome {
    connect(device).await?;
    let version = device.execute("show version").await?.ok()?;
    printer.output("show version", &version);

    // One unit: nobody else of this program talks on the session in between.
    let (before, after) = device
        .exclusive(|session| async move {
            let before = session.execute("show running-config").await?.ok()?;
            let after = session.execute("show running-config").await?.ok()?;
            Ok::<(Reply, Reply), Error>((before, after))
        })
        .await??;
    printer.output("show running-config", &before);
    println!("\nThe configuration {} meanwhile.", if *before == *after { "stayed the same" } else { "changed" });

    // A device that refuses a command has answered: that is a reply, and an error only if one asks for it.
    let nonsense = device.execute("show me the way").await?;
    println!("Asked for nonsense it says: {}", nonsense.refused().unwrap_or("nothing"));
    Ok(())
}

/// By SSH where there is a way, else by Telnet; what is worth saying about a failure is said.
async fn connect(device: &Device) -> Outcome {
    let connected = if device.paths().any(|via| via == "mgmt") {
        device.connect::<SshConnection>(ConnectOptions::via("mgmt")).await
    } else {
        device.connect::<TelnetConnection>(ConnectOptions::via("console")).await
    };
    match connected {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::HostKey => {
            eprintln!("Compare the key with the device's own before you write it down.");
            Err(error.into())
        }
        Err(error) if error.is_transient() => {
            eprintln!("It may work later.");
            Err(error.into())
        }
        Err(error) => Err(error.into()),
    }
}
