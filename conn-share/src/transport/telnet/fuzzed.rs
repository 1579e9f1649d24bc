//! What fuzzers and random tests drive: any bytes in, and what must hold whatever they are.

use super::protocol::Protocol;

/// The same data and answers however the bytes are cut, never more data than came, and no answer to no question.
pub fn telnet(data: &[u8]) {
    let Some((&cut, data)) = data.split_first() else { return };
    let whole = run(data, data.len().max(1));
    let pieces = run(data, usize::from(cut % 16) + 1);
    if let (Some(whole), Some(pieces)) = (&whole, &pieces) {
        assert_eq!(whole, pieces);
        assert!(whole.0.len() <= data.len());
        // The longest answers, to TERMINAL-TYPE SEND and DO NAWS, are twelve bytes to at least three.
        assert!(whole.1.len() <= 5 * data.len());
    }
    assert_eq!(whole.is_some(), pieces.is_some());
}

/// The data and the answers; nothing when the peer broke the protocol.
fn run(data: &[u8], piece: usize) -> Option<(Vec<u8>, Vec<u8>)> {
    let (mut protocol, mut shown, mut answers) = (Protocol::new(), Vec::new(), Vec::new());
    for piece in data.chunks(piece) {
        let mut piece = piece.to_vec();
        let kept = protocol.receive(&mut piece).ok()?;
        shown.extend_from_slice(piece.get(..kept)?);
        protocol.take_answers(&mut answers);
    }
    Some((shown, answers))
}

/// Takes the protocol out of what a server said, piece by piece.
#[cfg(test)]
pub(crate) struct Stripper(Protocol);

#[cfg(test)]
impl Default for Stripper {
    fn default() -> Self {
        Self(Protocol::new())
    }
}

#[cfg(test)]
impl Stripper {
    /// The data in `piece`; nothing when the peer broke the protocol.
    pub(crate) fn strip(&mut self, mut piece: Vec<u8>) -> Option<Vec<u8>> {
        let kept = self.0.receive(&mut piece).ok()?;
        piece.truncate(kept);
        Some(piece)
    }
}
