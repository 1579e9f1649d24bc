use conn_share::*;
use std::time::{Duration, Instant};
#[tokio::main]
async fn main() {
    let t = Instant::now();
    let r = TelnetConnection::new(
        &Target::new("127.0.0.1")
            .port(26010)
            .password("zebra")
            .enable("zebra")
            .platform(std::env::args().nth(1).unwrap_or("frr".into()))
            .name("r1"),
    )
    .unwrap();
    println!("{:?} {:?}", r.connect().await, t.elapsed());
    println!("{:?}", r.execute("show version").await);
    println!("{:?}", r.execute("bogus").await);
    println!("{:?}", r.configure("interface lo\n description hello\n").await);
    println!("{:?}", r.configure("interface lo\n bogus\n description x\n").await);
    println!("{:?}", r.execute("show running-config").await.map(|r| (r.len(), r.mode().to_owned())));
    println!("{:?}", r.execute("a\nb").await);
    println!("{:?}", r.receive().await);
    println!(
        "{:?}",
        r.exclusive(async {
            r.send("show version").await?;
            r.receive().await
        })
        .await
    );
    let t = Instant::now();
    for _ in 0..2000 {
        r.execute("show version").await.unwrap();
    }
    println!("{}/s", 2000.0 / t.elapsed().as_secs_f64());
    for i in 0..200u64 {
        let _ = tokio::time::timeout(Duration::from_micros(i * 7), r.execute("show running-config")).await;
        let a = r.execute("show version").await.unwrap();
        assert!(a.starts_with("FRRouting"), "{a}");
    }
    println!("{:?}", r.status());
    println!("{:?} {}", r.disconnect().await, r.is_connected());
    println!("{:?}", r.execute("show version").await);
    let r = TelnetConnection::new(&Target::new("127.0.0.1").port(26010).password("wrong").platform("frr")).unwrap();
    println!("{:?}", r.connect().await);
    let r =
        TelnetConnection::new(&Target::new("127.0.0.1").port(26010).password("zebra").enable("wrong").platform("frr"))
            .unwrap();
    println!("{:?}", r.connect().await);
}
