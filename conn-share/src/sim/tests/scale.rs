//! Many routers in one process.

use super::*;

#[tokio::test]
async fn two_hundred_routers_work_side_by_side() {
    let mut routers = Vec::new();
    for n in 0..200 {
        routers.push(router().hostname(format!("r{n}")).start().await.expect("starts"));
    }
    let mut terminals = Vec::new();
    for router in &routers {
        let mut terminal = telnet(router).await;
        terminal.send("pw\r\nenable\r\nsecret\r\nterminal length 0\r\n").await;
        terminal.until("length 0\r\n").await;
        terminals.push(terminal);
    }
    for terminal in &mut terminals {
        terminal.send("show ip bgp\r\n").await;
    }
    for (n, terminal) in terminals.iter_mut().enumerate() {
        assert!(terminal.until(&format!("Displayed  220 routes and 220 total paths\r\nr{n}# ")).await.contains("*> "));
    }
    assert!(routers.iter().all(|router| router.sessions().len() == 1));
}
