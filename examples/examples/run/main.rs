//! Commands on one device or on many, from the shell.
//!
//! `cargo run --example run -- --testbed lab.yaml --device R1 'show version' 'show ip route'`. Without a testbed and an
//! address it plays against a simulated router. `--help` lists the options.

mod advice;
mod arguments;
mod work;

use std::io;
use std::process::ExitCode;

use conn_share_examples::{Outcome, whole_error};

use arguments::Arguments;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args_os().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            print!("{}", Arguments::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("run: {error}; --help says more");
            return ExitCode::from(2);
        }
    };
    match run(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("run: {}", whole_error(&*error));
            if let Some(advice) = error.downcast_ref().and_then(advice::about) {
                eprintln!("     {advice}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Whether everything went well.
async fn run(arguments: &Arguments) -> Outcome<bool> {
    let config = arguments.configure.as_ref().map(std::fs::read_to_string).transpose();
    let config = config.map_err(|error| format!("the file given to --configure cannot be read: {error}"))?;
    let lab = arguments.lab().await?;
    let reports = work::on_all(lab.devices(), arguments, config.as_deref()).await;
    if let Some(log) = &arguments.log {
        log.flush().await.map_err(|error| format!("the log is not complete: {error}"))?;
    }
    let mut well = true;
    for report in &reports {
        well &= report.is_well();
        match report.print(&mut io::stdout().lock()) {
            // Whoever read this has seen enough: `| head`.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(well),
            printed => printed?,
        }
    }
    Ok(well)
}
