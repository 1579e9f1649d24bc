//! rneter, as its documentation uses it: a session with a queue of jobs before it, or the manager that keeps one session for each
//! user and device.

use std::path::Path;

use conn_share_tests::Lab;
use rneter::device::prompt_rule;
use rneter::session::{
    CmdJob, Command, ConnectionRequest, ConnectionSecurityOptions, ExecutionContext, HookAction, Output, SecurityLevel,
    SessionOperation, SshAuthMethod, SshConnectionManager,
};
use rneter::templates::cisco_config;
use tokio::sync::{mpsc, oneshot};

/// One session.
pub struct Neter {
    manager: SshConnectionManager,
    request: ConnectionRequest,
    context: ExecutionContext,
    queue: mpsc::Sender<CmdJob>,
}

impl Neter {
    /// With its own template for Cisco's command line, which FRR's is like; or told the very `prompt`, and no other mode.
    pub async fn connect(lab: &Lab, user: &str, key: &Path, prompt: Option<&str>) -> Self {
        let mut template = cisco_config();
        if let Some(prompt) = prompt {
            template.prompt = vec![prompt_rule("Enable", &[&format!("^{}\\s*$", prompt.trim_end())])];
            template.edges.clear();
        }
        let paging_off = SessionOperation::from(command("terminal length 0"));
        template.hooks.after_connect = vec![HookAction::new("paging-off", paging_off)];
        let (host, port) = (lab.ssh().ip().to_string(), lab.ssh().port());
        let auth = SshAuthMethod::private_key_file(key, None);
        let handler = template.build().expect("a template");
        let request = ConnectionRequest::new_with_auth(user.to_owned(), host, port, auth, None, handler);
        // Any host key, as on the bare side, and the algorithms that it offers by default.
        let mut security = ConnectionSecurityOptions::legacy_compatible();
        security.level = SecurityLevel::Secure;
        let context = ExecutionContext::new().with_security_options(security);
        let manager = SshConnectionManager::new();
        let queue = manager.get_with_context(request.clone(), context.clone()).await.expect("a session");
        Self { manager, request, context, queue }
    }

    /// By the session's queue, which is its fastest way.
    pub async fn run(&self, line: &str) -> String {
        let (responder, answer) = oneshot::channel();
        let job = CmdJob { data: command(line), sys: None, responder };
        self.queue.send(job).await.ok().expect("a session");
        content(answer.await.expect("an answer"))
    }

    /// By the manager. Unlike a job that stands in the queue, such a call can be given up.
    pub async fn run_by_manager(&self, line: &str) -> Result<String, String> {
        let (request, context) = (self.request.clone(), self.context.clone());
        let output = self.manager.execute_command_with_context(request, command(line), context).await;
        output.map(|output| output.content).map_err(|error| error.to_string())
    }

    /// Ends the session; the manager opens another for the next call.
    pub async fn close(&self) {
        self.manager.close_all().await.expect("a goodbye");
    }
}

fn command(line: &str) -> Command {
    Command { mode: "Enable".to_owned(), command: line.to_owned(), ..Command::default() }
}

fn content<E: std::fmt::Display>(output: Result<Output, E>) -> String {
    match output {
        Ok(output) => output.content,
        Err(error) => panic!("rneter: {error}"),
    }
}
