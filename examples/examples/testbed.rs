//! Devices from a pyATS testbed file.
//!
//! `cargo run --example testbed -- lab.yaml R1` takes a file of one's own; without arguments it writes one for a
//! simulated router.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use conn_share::sim::Router;
use conn_share::{ConnectOptions, Testbed, pcall};
use conn_share_examples::{KnownHosts, Outcome, whole_error};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.as_slice() {
        [] => on_a_simulated_router().await,
        [file, device] => survey(Path::new(file), device).await,
        _ => {
            eprintln!("Usage: testbed [FILE DEVICE]");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("testbed: {}", whole_error(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Opens every path of a device as the file describes it, by the class for its protocol, and asks on each.
async fn survey(file: &Path, device: &str) -> Outcome {
    let testbed = Testbed::load(file)?;
    for key in testbed.unknown_keys() {
        eprintln!("nobody knows the key {key}");
    }
    let device = testbed.device(device)?;
    println!("{} runs {}", device.name(), device.os().unwrap_or("something"));
    let paths: Vec<&str> = device.paths().collect();
    let results = pcall(&paths, |via| device.open(ConnectOptions::via(*via))).await;
    for (via, connection) in paths.iter().zip(results) {
        let answer = match connection {
            Ok(connection) => connection.execute("show version").await,
            Err(error) => Err(error),
        };
        match answer.and_then(conn_share::Reply::ok) {
            Ok(reply) => println!("  via {via}: {}", reply.lines().next().unwrap_or_default()),
            Err(error) => println!("  via {via}: {}", whole_error(&error)),
        }
    }
    Ok(device.disconnect_all().await?)
}

async fn on_a_simulated_router() -> Outcome {
    let router = Router::builder().hostname("r1").user("admin", "pw").enable("secret").start().await?;
    let known_hosts = KnownHosts::of([&router])?;
    let file = Written(known_hosts.path().with_extension("yaml"));
    std::fs::write(&file.0, testbed_file(&router, known_hosts.path()))?;
    survey(&file.0, "R1").await
}

/// What one would write by hand, but for the ports. Passwords are better taken from the environment: `%ENV{NAME}`.
fn testbed_file(router: &Router, known_hosts: &Path) -> String {
    format!(
        "\
testbed:
  name: lab
  credentials:
    default: {{username: admin, password: pw}}
    enable: {{password: secret}}

devices:
  R1:
    os: frr
    type: router
    connections:
      defaults: {{via: mgmt}}
      mgmt:
        protocol: ssh
        ip: 127.0.0.1
        port: {ssh}
        arguments: {{known_hosts: '{known_hosts}', pool_size: 2, pool_timeout: 30}}
      console:
        protocol: telnet
        ip: 127.0.0.1
        port: {telnet}
",
        ssh = router.ssh_addr().port(),
        telnet = router.telnet_addr().port(),
        known_hosts = known_hosts.display(),
    )
}

/// A file that goes when this is dropped.
struct Written(PathBuf);

impl Drop for Written {
    fn drop(&mut self) {
        // One that is left in the temporary folder does no harm.
        let _ = std::fs::remove_file(&self.0);
    }
}
