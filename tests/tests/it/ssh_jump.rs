//! Through one host to the next, each with its own key, its own account's proof and its own check.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use conn_share::{Connection, ErrorKind, SshConnection, Target};
use conn_share_tests::{Yard, wait_for_async};

use crate::ssh_login::{refusal, talk};
use crate::ways::{at, only};

/// Three servers, each with a host key of its own: the first takes one key, the second a password, the third another key.
struct Way {
    yard: Yard,
    servers: [SocketAddr; 3],
    hops: [Target; 3],
}

impl Way {
    fn new(second: &str) -> Self {
        let yard = Yard::new().expect("a yard");
        let key = yard.key("user", &["-t", "ed25519"]).expect("a key");
        yard.authorize(&[("", &key)]).expect("authorized");
        let configs =
            ["PasswordAuthentication no", &format!("PubkeyAuthentication no\n{second}"), "PasswordAuthentication no"];
        let names = ["outer", "inner", "host"];
        let servers = std::array::from_fn(|at| {
            let own = yard.key(&format!("{}_host", names[at]), &["-t", "ed25519"]).expect("a key");
            let config = format!("HostKey {}\n{}", own.display(), configs[at]);
            yard.sshd(names[at], &config).expect("sshd")
        });
        let hops = std::array::from_fn(|place| {
            let own = yard.dir().join(format!("{}_host", names[place]));
            let known = yard.known_hosts(&format!("known_{place}"), &[(servers[place], &own)]).expect("known hosts");
            let hop =
                at(servers[place]).name(names[place]).username(yard.user()).host_keys(only(known)).platform("linux");
            if place == 1 { hop.password(yard.password()) } else { hop.key(&key) }
        });
        Self { yard, servers, hops }
    }

    /// To the third through the second through the first.
    fn whole(&self) -> Target {
        let [outer, inner, host] = self.hops.clone();
        host.jump(inner.jump(outer))
    }
}

#[tokio::test]
async fn two_hops_deep() {
    let way = Way::new("");
    let host = SshConnection::new(&way.whole()).expect("a connection");
    host.connect().await.expect("connecting");
    let wanted: Vec<String> = (1..=20_000).map(|number| number.to_string()).collect();
    assert_eq!(host.execute("seq 20000").await.expect("an answer"), wanted.join("\n").as_str());
    // Only the last server heard from its neighbour, and from the port that the command line sees.
    let client = host.execute("echo ${SSH_CONNECTION##* }").await.expect("an answer");
    assert_eq!(client, way.servers[2].port().to_string().as_str());
    for server in way.servers {
        assert_eq!(way.yard.connections(server).expect("ss"), 1, "{server}");
    }
    host.disconnect().await.expect("disconnecting");
    for server in way.servers {
        assert!(closed(&way.yard, server).await, "{server} is still open");
    }

    // Dropped without a word.
    let host = SshConnection::new(&way.whole()).expect("a connection");
    host.connect().await.expect("connecting");
    drop(host);
    for server in way.servers {
        assert!(closed(&way.yard, server).await, "{server} is still open");
    }
}

/// Waits while tasks run.
async fn closed(yard: &Yard, server: SocketAddr) -> bool {
    wait_for_async(Duration::from_secs(20), || yard.connections(server).expect("ss") == 0).await.is_some()
}

#[tokio::test]
async fn what_goes_wrong_is_named_with_its_hop() {
    let way = Way::new("");
    let [outer, inner, host] = way.hops.clone();
    let at_inner = "host, at its jump host inner";

    let stranger =
        inner.clone().host_keys(only(way.yard.known_hosts("nobody", &[]).expect("a file"))).jump(outer.clone());
    let error = refusal(&host.clone().jump(stranger)).await;
    assert_eq!((error.kind(), error.device()), (ErrorKind::HostKey, Some(at_inner)), "{error}");

    let forgetful = inner.clone().password("wrong").jump(outer.clone());
    let error = refusal(&host.clone().jump(forgetful)).await;
    assert_eq!((error.kind(), error.device()), (ErrorKind::Authentication, Some(at_inner)), "{error}");

    let mut keyless = outer.clone();
    keyless.credential.key = Some("/nowhere/at/all".into());
    let error = refusal(&host.clone().jump(inner.clone().jump(keyless))).await;
    assert_eq!((error.kind(), error.device()), (ErrorKind::Config, Some("host, at its jump host outer")), "{error}");

    // Nobody listens where the last hop is sent.
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
    let error = refusal(&host.clone().port(free.port()).jump(inner.clone().jump(outer.clone()))).await;
    assert_eq!((error.kind(), error.device()), (ErrorKind::Unreachable, Some(at_inner)), "{error}");
    assert!(error.to_string().contains(&format!("127.0.0.1:{}", free.port())), "{error}");
    assert_eq!(error.phase(), Some("connecting through a jump host"));

    // The target's own refusal is its own.
    let error = refusal(&host.clone().keys::<&str>([]).password("wrong").jump(inner.jump(outer))).await;
    assert_eq!((error.kind(), error.device()), (ErrorKind::Authentication, Some("host")), "{error}");
}

#[tokio::test]
async fn a_jump_host_may_refuse() {
    let way = Way::new("AllowTcpForwarding no");
    let error = refusal(&way.whole()).await;
    assert_eq!((error.kind(), error.device()), (ErrorKind::Refused, Some("host, at its jump host inner")), "{error}");
    // By its own name it is as good as ever.
    talk(&way.hops[1].clone().jump(way.hops[0].clone())).await.expect("the second alone");
}

#[tokio::test]
async fn one_deadline_for_the_whole_way() {
    let way = Way::new("");
    let mute = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = mute.local_addr().expect("its address").port();
    let limit = Duration::from_secs(5);
    let target =
        way.hops[2].clone().port(port).jump(way.hops[1].clone().jump(way.hops[0].clone())).connect_timeout(limit);
    let began = Instant::now();
    let error = refusal(&target).await;
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert_eq!(error.phase(), Some("exchanging keys"));
    let took = began.elapsed();
    assert!((limit..limit + Duration::from_secs(3)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_jump_host_that_dies_takes_the_session_along_and_a_new_one_is_opened() {
    let way = Way::new("");
    let host = SshConnection::new(&way.whole()).expect("a connection");
    host.connect().await.expect("connecting");
    way.yard.run(&format!("ss -K dst 127.0.0.1 dport = :{} >/dev/null", way.servers[0].port())).expect("cut");
    // A command that goes out meanwhile may have been run, and is not sent again.
    assert!(wait_for_async(Duration::from_secs(20), || !host.is_connected()).await.is_some(), "nobody noticed");
    assert_eq!(host.execute("echo back").await.expect("an answer"), "back");
    assert_eq!(host.status().reconnected, 1);
    host.disconnect().await.expect("disconnecting");
}

#[tokio::test]
async fn a_testbed_names_the_hosts_on_the_way() {
    let way = Way::new("");
    let [outer, inner, host] = way.servers.map(|server| server.port());
    let known = |place: usize| way.yard.dir().join(format!("known_{place}")).display().to_string();
    let key = way.yard.dir().join("user").display().to_string();
    let text = format!(
        "
testbed:
  credentials:
    default: {{username: {user}, password: {password}}}
devices:
  outer:
    connections:
      cli: {{protocol: ssh, ip: 127.0.0.1, port: {outer}, arguments: {{known_hosts: {}, identity_file: {key}}}}}
  inner:
    connections:
      cli: {{protocol: ssh, ip: 127.0.0.1, port: {inner}, arguments: {{known_hosts: {}}}}}
  host:
    os: linux
    connections:
      cli:
        protocol: ssh
        ip: 127.0.0.1
        port: {host}
        proxy: [outer, inner]
        arguments: {{known_hosts: {}, identity_file: {key}, share_transport: 3, pool_size: 3}}
",
        known(0),
        known(1),
        known(2),
        user = way.yard.user(),
        password = way.yard.password(),
    );
    let testbed = conn_share::Testbed::parse("lab.yaml", &text, conn_share::Classes::new()).expect("a testbed");
    let device = testbed.device("host").expect("the host");
    device.connect::<SshConnection>(conn_share::ConnectOptions::new()).await.expect("connecting");
    let asked = [1, 2, 3].map(|number| {
        let device = &device;
        async move { device.execute(&format!("sleep 0.2; echo {number}")).await.expect("an answer") }
    });
    let [one, two, three] = asked;
    let (one, two, three) = tokio::join!(one, two, three);
    assert_eq!([one.to_string(), two.to_string(), three.to_string()], ["1", "2", "3"]);
    // Three workers in one session each.
    for server in way.servers {
        assert_eq!(way.yard.connections(server).expect("ss"), 1, "{server}");
    }
    device.disconnect_all().await.expect("disconnecting");
    for server in way.servers {
        assert!(closed(&way.yard, server).await, "{server} is still open");
    }
}
