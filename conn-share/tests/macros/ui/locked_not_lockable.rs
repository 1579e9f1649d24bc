use conn_share::locked;

struct Session;

#[locked]
impl Session {
    async fn send(&self, text: &str) -> std::io::Result<usize> {
        Ok(text.len())
    }

    async fn receive(&self) -> std::io::Result<String> {
        Ok(String::new())
    }

    async fn count(&self) -> usize {
        1
    }
}

async fn uses(session: &Session) -> std::io::Result<String> {
    session.send("text").await?;
    session.receive().await
}

fn main() {}
