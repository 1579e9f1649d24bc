//! The work on the devices, and what came of it.

use std::io::{self, Write};

use conn_share::{Device, Reply, Result, pcall};
use conn_share_examples::{harmless, whole_error};

use crate::advice;
use crate::arguments::Arguments;

/// What came of one device: of everything that was tried there, in order.
pub(crate) struct Report {
    device: String,
    results: Vec<(String, Result<Reply>)>,
}

/// Works on all devices side by side; an error on one of them stops nobody else.
pub(crate) async fn on_all(devices: &[Device], arguments: &Arguments, config: Option<&str>) -> Vec<Report> {
    let reports = pcall(devices, |device| async move {
        let results = on_one(device, arguments, config).await;
        Ok::<_, std::convert::Infallible>(Report { device: device.name().to_owned(), results })
    });
    reports.limit(arguments.at_once).await.into_iter().map(|Ok(report)| report).collect()
}

async fn on_one(device: &Device, arguments: &Arguments, config: Option<&str>) -> Vec<(String, Result<Reply>)> {
    let connection = match device.open(arguments.options()).await {
        Ok(connection) => connection,
        Err(error) => return vec![("connect".to_owned(), Err(error))],
    };
    let mut results = Vec::new();
    if let Some(config) = config {
        let applied = connection.configure(config).await;
        let failed = applied.is_err();
        results.push(("configure".to_owned(), applied));
        if failed {
            // What the commands would show is not what was asked for.
            let _ = device.disconnect_all().await;
            return results;
        }
    }
    // On a single session one after the other, in this order; on a pool as many side by side as it has workers.
    let answers = pcall(&arguments.commands, |command| connection.execute(command)).await;
    results.extend(arguments.commands.iter().cloned().zip(answers));
    if let Err(error) = device.disconnect_all().await {
        results.push(("disconnect".to_owned(), Err(error)));
    }
    results
}

impl Report {
    /// Everything was answered, and nothing refused.
    pub(crate) fn is_well(&self) -> bool {
        self.results.iter().all(|(_, result)| matches!(result, Ok(reply) if reply.refused().is_none()))
    }

    /// Prints it all.
    pub(crate) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        for (what, result) in &self.results {
            writeln!(out, "=== {}: {what}", self.device)?;
            match result {
                Ok(reply) => {
                    for line in reply.lines() {
                        writeln!(out, "{}", harmless(line))?;
                    }
                    if reply.refused().is_some() {
                        writeln!(out, "!!! refused")?;
                    }
                }
                Err(error) => {
                    writeln!(out, "!!! {}", whole_error(error))?;
                    if let Some(advice) = advice::about(error) {
                        writeln!(out, "    {advice}")?;
                    }
                }
            }
            writeln!(out)?;
        }
        out.flush()
    }
}
