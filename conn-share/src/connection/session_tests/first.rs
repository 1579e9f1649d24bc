//! What a login makes of a device that is slow, far away or talks in between: its proof is found all the same.

use std::time::Duration;

use super::*;

/// Logs in, and runs a command whose output only a proof keeps whole.
async fn keeps_its_proof(platform: &str, manner: Manner) -> Result<(), String> {
    let (router, _) = unconnected(platform, "\n", manner, |target| target.command_timeout(Duration::from_secs(200)));
    router.connect().await.map_err(|error| error.to_string())?;
    let said = router.execute("trap").await.map_err(|error| error.to_string())?;
    if said.text().contains("\ntwo") { Ok(()) } else { Err(format!("cut: {:?}", said.text())) }
}

#[tokio::test(start_paused = true)]
async fn a_log_line_at_login_costs_no_proof_however_far_the_device_is() {
    let mut failed = Vec::new();
    for platform in ["generic", "frr", "cisco_ios"] {
        for lag in [0, 110, 150, 300] {
            for log_at in (0..60).map(|n| n * 25) {
                let (lag, log_at) = (Duration::from_millis(lag), Duration::from_millis(log_at));
                let manner = Manner { lag, log_at: Some(log_at), ..Manner::default() };
                if let Err(why) = keeps_its_proof(platform, manner).await {
                    failed.push(format!("{platform} {lag:?} each way, log line after {log_at:?}: {why}"));
                }
            }
        }
    }
    assert!(failed.is_empty(), "{} of them:\n{}", failed.len(), failed.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn a_device_that_stalls_behind_its_first_prompt_keeps_its_proof() {
    let mut failed = Vec::new();
    for platform in ["generic", "frr", "linux", "cisco_ios"] {
        for stalls in [1000, 1400, 1600, 2500, 4000, 5000].map(Duration::from_millis) {
            // Its one proof is tried for three seconds.
            if platform == "generic" && stalls >= Duration::from_secs(3) {
                continue;
            }
            let manner = Manner { stalls, shell: platform == "linux", ..Manner::default() };
            if let Err(why) = keeps_its_proof(platform, manner).await {
                failed.push(format!("{platform} after {stalls:?}: {why}"));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn no_line_is_entered_where_nobody_said_that_it_is_harmless() {
    let odd = crate::Platform::new("odd").proof(crate::Proof::Keys);
    let manner = Manner { ignores_blanks: true, ..Manner::default() };
    let started = tokio::time::Instant::now();
    let (router, _) = unconnected("generic", "\n", manner, |target| target.custom_platform(odd));
    router.connect().await.expect("let in");
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(router.execute("say on").await.expect("answered"), "you said on");
}

#[tokio::test(start_paused = true)]
async fn a_line_without_a_command_may_draw_no_prompt() {
    for line_end in ["\n", "\r\n"] {
        let manner = Manner { ignores_blanks: true, shell: true, ..Manner::default() };
        let started = tokio::time::Instant::now();
        let (router, _) = connected("linux", line_end, manner).await;
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        assert_eq!(router.execute("say on").await.expect("answered"), "you said on");
    }
}

#[tokio::test(start_paused = true)]
async fn what_stands_above_one_prompt_is_output_above_another() {
    let (router, _) = connected("generic", "\n", Manner { above: "\r\n", ..Manner::default() }).await;
    assert_eq!(router.execute("blankend").await.expect("answered"), "x\n");
    router.execute_with("db", &crate::ExecuteOptions::new().prompt("r1-db> ")).await.expect("answered");
    assert_eq!(router.execute("blankend").await.expect("answered"), "x\n");
    let mut lines = Vec::new();
    router.execute_lines("blankend", &mut |line| lines.push(line.to_owned())).await.expect("answered");
    assert_eq!(lines, ["x", ""]);
}

/// Counts the warnings of one thread.
struct Warnings(Arc<std::sync::atomic::AtomicUsize>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test(start_paused = true)]
async fn who_loses_a_session_that_proves_nothing_to_what_came_between_is_told() {
    let (router, _) = connected("generic", "\n", Manner { echoes: 0, editor: false, ..Manner::default() }).await;
    assert_eq!(router.execute("trap").await.expect("answered"), "one", "cut, as nothing is proven");
    let warnings = Arc::default();
    // That the new session proves nothing either is the other one.
    let _guard = tracing::subscriber::set_default(Warnings(Arc::clone(&warnings)));
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!(router.execute("say x").await.expect("answered"), "you said x");
    assert_eq!(router.status().reconnected, 1);
    assert_eq!(warnings.load(std::sync::atomic::Ordering::Relaxed), 2);
}
