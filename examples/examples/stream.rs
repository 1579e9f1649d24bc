//! A long answer line by line while it arrives: counted without keeping it, and handed to another task.
//!
//! `cargo run --example stream -- --ssh admin@192.0.2.1` talks to a real device. Without arguments it starts a
//! simulated router.

use std::process::ExitCode;

use conn_share::{ConnectOptions, Device};
use conn_share_examples::{Lab, Options, Outcome, harmless, whole_error};
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::parse(std::env::args_os().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("Usage: stream [OPTIONS]\n\n{}", Options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("stream: {error}; --help says more");
            return ExitCode::from(2);
        }
    };
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stream: {}", whole_error(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Outcome {
    let lab = Lab::open(options).await?;
    let device = lab.device();
    let via = if device.paths().any(|via| via == "mgmt") { "mgmt" } else { "console" };
    device.open(ConnectOptions::via(via)).await?;
    let done = async {
        count(device).await?;
        follow(device).await
    };
    let done = done.await;
    let closed = lab.close().await;
    done?;
    closed
}

/// However long the table is, one line of it is in memory at a time.
async fn count(device: &Device) -> Outcome {
    let (mut lines, mut best) = (0, 0);
    let reply = device.execute_lines("show ip bgp", |line| {
        lines += 1;
        best += usize::from(line.starts_with("*>"));
    });
    let reply = reply.await?.ok()?;
    println!("show ip bgp: {lines} lines, {best} best routes, in {:.1?}", reply.elapsed());
    Ok(())
}

/// Another task does the slow part. The channel has no limit of its own: the answer is as long as it is.
async fn follow(device: &Device) -> Outcome {
    let (lines, mut arrived) = mpsc::unbounded_channel::<String>();
    let printer = tokio::spawn(async move {
        while let Some(line) = arrived.recv().await {
            println!("  {}", harmless(&line));
        }
    });
    let reply = device.execute_lines("show version", move |line| {
        // A printer that is gone has no more use for lines.
        let _ = lines.send(line.to_owned());
    });
    reply.await?.ok()?;
    Ok(printer.await?)
}
