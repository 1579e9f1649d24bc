//! A pool that wears a trait of its workers: `#[pooled]` on a trait of one's own.

use std::process::ExitCode;

use conn_share::{AsyncPool, Connection, Error, Result, SshConnection, Target, pcall, pooled, sim::Router};
use conn_share_examples::{KnownHosts, Outcome, whole_error};

/// What this program wants to know of a router.
#[pooled] // a pool of `Inventory`s is an `Inventory`: each call takes a free worker
trait Inventory {
    async fn version(&self) -> Result<String>;

    async fn has_route(&self, to: &str) -> Result<bool>;

    // Two calls would meet two workers.
    #[pooled(refuse)]
    async fn enter_configuration(&self) -> Result<()>;
}

struct Shell(SshConnection);

impl Inventory for Shell {
    async fn version(&self) -> Result<String> {
        let reply = self.0.execute("show version").await?.ok()?;
        Ok(reply.lines().next().unwrap_or_default().to_owned())
    }

    async fn has_route(&self, to: &str) -> Result<bool> {
        let reply = self.0.execute(&format!("show ip route {to}")).await?.ok()?;
        Ok(reply.contains("Routing entry"))
    }

    async fn enter_configuration(&self) -> Result<()> {
        self.0.send("configure terminal").await?;
        self.0.receive().await.map(drop)
    }
}

/// Knows neither that there is a pool nor how many sessions.
async fn report(router: &impl Inventory) -> Result<()> {
    println!("{}", router.version().await?);
    let hosts = ["10.0.0.1", "10.0.7.9", "192.0.2.200"];
    for (host, known) in hosts.iter().zip(pcall(hosts, |host| router.has_route(host)).await) {
        println!("  route to {host}: {}", if known? { "yes" } else { "no" });
    }
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pooled_trait: {}", whole_error(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Outcome {
    let router = Router::builder().user("admin", "pw").start().await?;
    let known_hosts = KnownHosts::of([&router])?;
    let address = router.ssh_addr();
    let target = Target::new(address.ip().to_string())
        .port(address.port())
        .username("admin")
        .password("pw")
        .platform("frr")
        .host_keys(known_hosts.trusted());

    let connect = move || {
        let target = target.clone();
        async move {
            let session = SshConnection::new(&target)?;
            session.connect().await?;
            Ok::<_, Error>(Shell(session))
        }
    };
    let pool = AsyncPool::builder(connect)
        .size(3)
        .is_broken(|shell| !shell.0.is_connected())
        .disconnect(|shell| async move { shell.0.disconnect().await.unwrap_or_default() })
        .start()
        .await?;
    report(&pool).await?;
    match pool.enter_configuration().await {
        Ok(()) => return Err("a pool has no single session to put into a mode".into()),
        Err(error) => println!("refused on the pool: {}", whole_error(&error)),
    }
    pool.close().await;
    Ok(())
}
