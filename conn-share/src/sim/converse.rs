//! Moves bytes between one client and its command line, and keeps the record of it.

use std::io;
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};

use super::EventKind;
use super::cli::{Cli, Step};
use super::commands::{self, Effect, Mode};
use super::fault::Faults;
use super::hub::Admission;
use super::telnet_options::TelnetOptions;

/// Serves one command line until the client or the router ends it.
pub(super) async fn converse<S>(stream: &mut S, cli: Cli, telnet: Option<TelnetOptions>, admission: &Admission)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (reader, writer) = tokio::io::split(stream);
    let mut talk = Talk {
        keyboard: Keyboard { reader, telnet, reply: Vec::new(), ended: false },
        screen: Screen { writer, faults: admission.session.faults.subscribe(), cuts: 0 },
        log_lines: admission.log_lines(),
        cli,
        admission,
        running: false,
    };
    tokio::select! {
        // Whatever went wrong, the client is gone: there is nobody to tell.
        _ = talk.run() => {}
        () = admission.session.life.ended() => {}
    }
}

struct Talk<'a, S> {
    keyboard: Keyboard<ReadHalf<&'a mut S>>,
    screen: Screen<WriteHalf<&'a mut S>>,
    log_lines: Option<mpsc::Receiver<String>>,
    cli: Cli,
    admission: &'a Admission,
    running: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<'_, S> {
    async fn run(&mut self) -> io::Result<()> {
        loop {
            if !self.keyboard.reply.is_empty() {
                let reply = std::mem::take(&mut self.keyboard.reply);
                self.screen.write(&reply).await?;
            }
            if let Some(line) = self.log_lines.as_mut().and_then(|lines| lines.try_recv().ok()) {
                self.cli.announce(&line);
            }
            match self.cli.step() {
                Step::Read if self.keyboard.ended => return Ok(()),
                Step::Read => {
                    tokio::select! {
                        read = self.keyboard.read(&mut self.cli) => {
                            read?;
                        }
                        Some(line) = next(&mut self.log_lines) => self.cli.announce(&line),
                    }
                }
                Step::Write(bytes) => {
                    let writing = self.screen.write(&bytes);
                    // Never stopped half-way, not even by an interrupt: a channel may have taken the piece already.
                    let _ = self.keyboard.read_during(writing, &mut self.cli, false).await?.transpose()?;
                }
                Step::LoginTried { user, accepted } => self.admission.login(&user, accepted),
                Step::Run { line, mode } => {
                    self.running = true;
                    self.admission.record(EventKind::CommandStarted { command: line.clone() });
                    let held = held(&line, self.admission);
                    if self.keyboard.read_during(held, &mut self.cli, true).await?.is_some() {
                        let effect = self.effect(&line, &mode);
                        self.cli.answer(effect);
                    }
                }
                Step::Finished { whole } => {
                    self.running = false;
                    self.admission.record(if whole { EventKind::CommandEnded } else { EventKind::CommandCut });
                }
                Step::Close => return Ok(()),
            }
        }
    }

    fn effect(&self, line: &str, mode: &Mode) -> Effect {
        let mut effect = commands::run(line, mode, self.cli.session(), &self.admission.hub.model);
        let faults = self.admission.session.faults.borrow();
        if let Some(every) = faults.log_lines {
            effect.output = effect.output.interrupted(move |number| {
                let state = if (number / every).is_multiple_of(2) { "down" } else { "up" };
                number
                    .is_multiple_of(every)
                    .then(|| format!("%LINK-3-UPDOWN: Interface eth7, changed state to {state}"))
            });
        }
        if faults.prompt_in_output {
            let prompt = self.cli.prompt_text();
            effect.output = effect.output.interrupted(move |number| (number == 1).then(|| prompt.clone()));
        }
        effect
    }
}

impl<S> Drop for Talk<'_, S> {
    fn drop(&mut self) {
        if self.running {
            self.admission.record(EventKind::CommandCut);
        }
    }
}

async fn next(lines: &mut Option<mpsc::Receiver<String>>) -> Option<String> {
    lines.as_mut()?.recv().await
}

/// Waits for what a command has to wait for before it answers.
async fn held(line: &str, admission: &Admission) {
    for barrier in admission.hub.barriers(line) {
        barrier.pass().await;
    }
    let latency = admission.hub.model.latency;
    // A router without latency needs no timer.
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
}

/// The client's side of the input.
struct Keyboard<R> {
    reader: R,
    telnet: Option<TelnetOptions>,
    /// What the negotiation wants to be sent.
    reply: Vec<u8>,
    ended: bool,
}

impl<R: AsyncRead + Unpin> Keyboard<R> {
    /// Whoever makes the router say more than this, while it is busy, is not answered.
    const LONGEST_REPLY: usize = 4096;

    /// Reads once; whether it interrupted the running command.
    async fn read(&mut self, cli: &mut Cli) -> io::Result<bool> {
        let mut buffer = [0; 1024];
        let count = self.reader.read(&mut buffer).await?;
        self.ended = count == 0;
        let input = buffer.get(..count).unwrap_or_default();
        let Some(telnet) = &mut self.telnet else { return Ok(cli.feed(input)) };
        let arrived = telnet.receive(input);
        if let Some(rows) = arrived.rows {
            cli.resize(rows.into());
        }
        if self.reply.len() < Self::LONGEST_REPLY {
            self.reply.extend_from_slice(&arrived.reply);
        }
        Ok(cli.feed(&arrived.text))
    }

    /// Does `work` while reading goes on; `None` when it was given up for an interrupt.
    async fn read_during<F: Future>(
        &mut self,
        work: F,
        cli: &mut Cli,
        interruptible: bool,
    ) -> io::Result<Option<F::Output>> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(Some(done)),
                read = self.read(cli), if !self.ended => {
                    if read? && interruptible {
                        return Ok(None);
                    }
                }
            }
        }
    }
}

/// The client's side of the output.
struct Screen<W> {
    writer: W,
    faults: watch::Receiver<Faults>,
    /// How many pieces were cut off, so that the next is cut elsewhere.
    cuts: usize,
}

impl<W: AsyncWrite + Unpin> Screen<W> {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let drip = match self.faults.wait_for(|faults| !faults.mute).await {
                Ok(faults) => faults.drip,
                // The session is gone, and its faults with it.
                Err(_) => return Ok(()),
            };
            let length = drip.map_or(rest.len(), |(most, _)| self.piece(most).min(rest.len()));
            let (piece, after) = rest.split_at(length);
            self.writer.write_all(piece).await?;
            self.writer.flush().await?;
            rest = after;
            match drip {
                Some((_, Duration::ZERO)) => tokio::task::yield_now().await,
                Some((_, pause)) => tokio::time::sleep(pause).await,
                None => {}
            }
        }
        Ok(())
    }

    /// A length between 1 and `most` that differs from time to time, the same way on every run.
    fn piece(&mut self, most: usize) -> usize {
        self.cuts = self.cuts.wrapping_add(1);
        1 + self.cuts.wrapping_mul(0x9e37_79b9) / 0x1_0000 % most
    }
}
