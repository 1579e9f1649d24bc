//! The configuration of the two routers, and the script that starts them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::Failure;

/// The word that FRR's Telnet line asks for, and the secret of its `enable`.
pub(super) const LINE_PASSWORD: &str = "vty-word";
pub(super) const ENABLE_SECRET: &str = "enable-word";

const DAEMONS: [(&str, u16); 3] = [("zebra", 2601), ("ospfd", 2604), ("bgpd", 2605)];

/// Writes the configuration of router `number` (1 or 2) into `dir`; router 2 announces `routes` networks by BGP.
pub(super) fn write_config(dir: &Path, number: usize, routes: usize) -> Result<(), Failure> {
    let other = 3 - number;
    fs::create_dir(dir)?;
    fs::write(dir.join("vtysh.conf"), format!("hostname r{number}\n"))?;
    // `log commands`: the daemons' own record of which command came when, and from which session.
    let head = |daemon| format!("hostname r{number}\nlog file {}/{daemon}.log\nlog commands\n", dir.display());
    let passwords = format!("password {LINE_PASSWORD}\nenable password {ENABLE_SECRET}\n");
    fs::write(dir.join("zebra.conf"), head("zebra") + &passwords)?;
    // Timers as short as they go: two routers on one veth pair find each other in three seconds.
    fs::write(
        dir.join("ospfd.conf"),
        head("ospfd")
            + &format!(
                "interface veth{number}
 ip ospf network point-to-point
 ip ospf hello-interval 1
 ip ospf dead-interval 4
router ospf
 ospf router-id 10.0.0.{number}
 network 192.0.2.0/30 area 0
 network 10.0.0.{number}/32 area 0
"
            ),
    )?;
    let mut bgp = head("bgpd");
    write!(
        bgp,
        "router bgp 6500{number}
 bgp router-id 10.0.0.{number}
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 192.0.2.{other} remote-as 6500{other}
 neighbor 192.0.2.{other} timers connect 1
 neighbor 192.0.2.{other} advertisement-interval 0
 address-family ipv4 unicast
"
    )?;
    for network in (0..routes).filter(|_| number == 2) {
        writeln!(bgp, "  network {}/24", prefix(network))?;
    }
    bgp.push_str(" exit-address-family\n");
    fs::write(dir.join("bgpd.conf"), bgp)?;
    Ok(())
}

/// The address of the network that router 2 announces under this number.
pub(super) fn prefix(network: usize) -> String {
    format!("10.{}.{}.0", 100 + network / 256, network % 256)
}

/// The script that joins two network namespaces, `r1` and `r2`, and starts a router in each.
pub(super) fn start_script(dir: &Path) -> String {
    let mut script = format!("cd {}\nchown -R frr:frr r1 r2\n", dir.display());
    script.push_str(
        "ip netns add r1
ip netns add r2
ip link add veth1 netns r1 type veth peer name veth2 netns r2
for n in 1 2; do
    ip -n r$n link set lo up
    ip -n r$n addr add 10.0.0.$n/32 dev lo
    ip -n r$n addr add 192.0.2.$n/30 dev veth$n
    ip -n r$n link set veth$n up
done
",
    );
    for router in ["r1", "r2"] {
        for (daemon, port) in DAEMONS {
            let _ = writeln!(
                script,
                "ip netns exec {router} /usr/lib/frr/{daemon} -A 127.0.0.1 -P {port} -f $PWD/{router}/{daemon}.conf \
                 -i $PWD/{router}/{daemon}.pid -z $PWD/{router}/zserv.api --vty_socket $PWD/{router} \
                 >{router}/{daemon}.out 2>&1 </dev/null &"
            );
        }
    }
    script
}
