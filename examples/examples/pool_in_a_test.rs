//! A pool in a test of one's own: the simulated router stands in for the device, and gates for its slowness.
//!
//! `cargo test -p conn-share-examples --example pool_in_a_test` runs the tests below, which are the point. As a program
//! it does once what they look at.

use conn_share::{ConnectOptions, Device, Path, Result, SshConnection, pcall, sim::Router};
use conn_share_examples::{KnownHosts, Outcome};

const TABLES: [&str; 2] = ["show ip route", "show ip bgp"];

/// What is to be tested: a part of some program that is given a device, and knows nothing of tests.
async fn lines_of_tables(device: &Device) -> Vec<Result<usize>> {
    pcall(TABLES, |table| async move { Ok(device.execute(table).await?.ok()?.lines().count()) }).await
}

/// A device with a pool of `workers` sessions on the router.
async fn connected(router: &Router, known_hosts: &KnownHosts, workers: usize) -> Result<Device> {
    let address = router.ssh_addr();
    let device = Device::builder(router.hostname())
        .os("frr")
        .login("admin", "pw")
        .path("mgmt", Path::ssh(address.ip().to_string()).port(address.port()))
        .options(ConnectOptions::new().host_keys(known_hosts.trusted()))
        .build()?;
    device.connect::<SshConnection>(ConnectOptions::via("mgmt").pool_size(workers)).await?;
    Ok(device)
}

#[tokio::main]
async fn main() -> Outcome {
    let router = Router::builder().user("admin", "pw").start().await?;
    let known_hosts = KnownHosts::of([&router])?;
    let device = connected(&router, &known_hosts, 2).await?;
    for (table, lines) in TABLES.iter().zip(lines_of_tables(&device).await) {
        println!("{table}: {} lines", lines?);
    }
    Ok(device.disconnect_all().await?)
}

#[cfg(test)]
mod tests {
    use conn_share::sim::{Fault, Scope};
    use conn_share_examples::{KnownHosts, Outcome};

    use super::*;

    #[test]
    fn it_is_a_program_too() -> Outcome {
        main()
    }

    /// Neither table is given out before both were asked for: with one session, this would never end.
    #[tokio::test]
    async fn tables_are_fetched_side_by_side() -> Outcome {
        let router = Router::builder().user("admin", "pw").start().await?;
        let known_hosts = KnownHosts::of([&router])?;
        let device = connected(&router, &known_hosts, 2).await?;
        let gates = TABLES.map(|table| router.hold(table));
        let both_asked = async {
            for gate in &gates {
                gate.waiting().await;
            }
            gates.into_iter().for_each(|gate| gate.release());
        };
        let (tables, ()) = tokio::join!(lines_of_tables(&device), both_asked);
        for lines in tables {
            assert!(lines? > 200);
        }
        assert_eq!(router.max_concurrent_commands(), 2);
        device.disconnect_all().await?;
        Ok(())
    }

    #[tokio::test]
    async fn a_router_that_hangs_up_is_told_as_such() -> Outcome {
        let router = Router::builder().user("admin", "pw").start().await?;
        let known_hosts = KnownHosts::of([&router])?;
        let device = connected(&router, &known_hosts, 2).await?;
        router.inject(Scope::All, Fault::DropAfter(1));
        for lines in lines_of_tables(&device).await {
            assert!(lines.expect_err("no table is whole").is_transient());
        }
        Ok(())
    }
}
