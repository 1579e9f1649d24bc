//! A simulated router to log in to by hand, until Ctrl-C.

use std::io;

use conn_share::sim::Router;

#[tokio::main]
async fn main() -> io::Result<()> {
    let router = Router::builder().hostname("r1").user("admin", "pw").enable("secret").start().await?;
    let known_hosts = std::env::temp_dir().join(format!("conn-share-router-{}.known_hosts", std::process::id()));
    router.write_known_hosts(&known_hosts)?;
    println!("user admin, password pw, enable secret secret; Ctrl-C ends it");
    println!(
        "  ssh -o UserKnownHostsFile={} -p {} admin@{}",
        known_hosts.display(),
        router.ssh_addr().port(),
        router.ssh_addr().ip()
    );
    println!("  telnet {} {}", router.telnet_addr().ip(), router.telnet_addr().port());
    let ended = tokio::signal::ctrl_c().await;
    for event in router.log() {
        println!("{:4} {} {:?}", event.seq, event.session, event.kind);
    }
    router.stop().await;
    std::fs::remove_file(known_hosts)?;
    ended
}
