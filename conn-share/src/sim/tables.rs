//! The tables behind the `show` commands: long, made line by line, and the same on every run.

use std::net::Ipv4Addr;

use super::Output;

/// What a router's tables are made from.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    pub(super) router_id: Ipv4Addr,
    pub(super) as_number: u32,
    pub(super) bgp_routes: u32,
}

impl Tables {
    pub(super) fn version(&self, hostname: &str) -> Output {
        Output::from(format!(
            "FRRouting 8.4.4 ({hostname}) on Linux(6.1.0-simulated).\n\
             Copyright 1996-2005 Kunihiro Ishiguro, et al.\n\
             configured with:\n    '--prefix=/usr' '--sysconfdir=/etc/frr' '--localstatedir=/var/run/frr' \
             '--sbindir=/usr/lib/frr' '--enable-user=frr' '--enable-group=frr' '--enable-vty-group=frrvty' \
             '--enable-multipath=256'\n"
        ))
    }

    /// `show ip bgp`: every route's line begins with `*> `, after which a read may well end.
    pub(super) fn bgp(&self) -> Output {
        let Self { router_id, as_number, bgp_routes } = *self;
        let head = [
            format!("BGP table version is {bgp_routes}, local router ID is {router_id}, vrf id 0"),
            format!("Default local pref 100, local AS {as_number}"),
            "Status codes:  s suppressed, d damped, h history, * valid, > best, = multipath,".to_owned(),
            "               i internal, r RIB-failure, S Stale, R Removed".to_owned(),
            "Nexthop codes: @NNN nexthop's vrf id, < announce-nh-self".to_owned(),
            "Origin codes:  i - IGP, e - EGP, ? - incomplete".to_owned(),
            "RPKI validation codes: V valid, I invalid, N Not found".to_owned(),
            String::new(),
            "   Network          Next Hop            Metric LocPrf Weight Path".to_owned(),
        ];
        let routes = (0..bgp_routes).map(|n| {
            let network = prefix(n);
            format!("*> {network:<16} 10.0.12.2                {:>8}             0 65002 {} i", n % 7, 64512 + n % 480)
        });
        let foot = [String::new(), format!("Displayed  {bgp_routes} routes and {bgp_routes} total paths")];
        Output::lines(head.into_iter().chain(routes).chain(foot))
    }

    /// `show ip route`: the learnt routes and the connected ones.
    pub(super) fn routes(&self) -> Output {
        let Self { router_id, bgp_routes, .. } = *self;
        let head = [
            "Codes: K - kernel route, C - connected, S - static, R - RIP,".to_owned(),
            "       O - OSPF, I - IS-IS, B - BGP, E - EIGRP, N - NHRP,".to_owned(),
            "       T - Table, v - VNC, V - VNC-Direct, A - Babel, F - PBR,".to_owned(),
            "       f - OpenFabric,".to_owned(),
            "       > - selected route, * - FIB route, q - queued, r - rejected, b - backup".to_owned(),
            "       t - trapped, o - offload failure".to_owned(),
            String::new(),
            format!("C>* {router_id}/32 is directly connected, lo, 01:02:03"),
            "O   10.0.12.0/24 [110/10] is directly connected, eth1, weight 1, 01:02:01".to_owned(),
            "C>* 10.0.12.0/24 is directly connected, eth1, 01:02:03".to_owned(),
        ];
        let routes = (0..bgp_routes)
            .map(|n| format!("B>* {} [20/{}] via 10.0.12.2, eth1, weight 1, 01:01:58", prefix(n), n % 7));
        Output::lines(head.into_iter().chain(routes))
    }

    /// `show ip route A.B.C.D`: an answer that names the address it is for.
    pub(super) fn route(&self, address: Ipv4Addr) -> Output {
        let metric = u32::from(address) % 997;
        Output::from(format!(
            "Routing entry for {address}/32\n  Known via \"bgp\", distance 20, metric {metric}, best\n  \
             Last update 01:01:58 ago\n  * 10.0.12.2, via eth1, weight 1\n"
        ))
    }

    pub(super) fn ospf_database(&self) -> Output {
        let router_id = self.router_id.to_string();
        let mut lines = vec![
            String::new(),
            format!("       OSPF Router with ID ({router_id})"),
            String::new(),
            "                Router Link States (Area 0.0.0.0)".to_owned(),
            String::new(),
            "Link ID         ADV Router      Age  Seq#       CkSum  Link count".to_owned(),
        ];
        for (age, id) in [(612, router_id.as_str()), (598, "2.2.2.2"), (601, "3.3.3.3")] {
            lines.push(format!("{id:<15} {id:<15} {age:4} 0x80000007 0x{:04x} 2", 0x5a10 + age));
        }
        lines.extend([
            String::new(),
            "                Net Link States (Area 0.0.0.0)".to_owned(),
            String::new(),
            "Link ID         ADV Router      Age  Seq#       CkSum".to_owned(),
            "10.0.12.2       2.2.2.2          598 0x80000001 0x4f2b".to_owned(),
            "10.0.23.3       3.3.3.3          601 0x80000001 0x5c17".to_owned(),
            String::new(),
        ]);
        Output::lines(lines)
    }
}

/// The n-th network that the neighbour announces.
fn prefix(n: u32) -> String {
    let network = Ipv4Addr::from(u32::from(Ipv4Addr::new(100, 64, 0, 0)).wrapping_add(n << 8));
    format!("{network}/24")
}
