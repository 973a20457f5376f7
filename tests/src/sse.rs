//! Server-sent events as a client reads them.

/// Cuts a stream into the data of its events.
#[derive(Debug, Default)]
pub struct Reader {
    rest: Vec<u8>,
}

impl Reader {
    /// Takes in what came, and gives the data of every event that is whole by now.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<String> {
        self.rest.extend_from_slice(chunk);
        let mut events = Vec::new();
        while let Some(end) = self.rest.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = self.rest.drain(..end + 2).collect();
            events.extend(data(&String::from_utf8_lossy(&event)));
        }
        events
    }
}

fn data(event: &str) -> Option<String> {
    let lines: Vec<&str> = event
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::Reader;

    #[test]
    fn an_event_that_comes_in_two_pieces_is_one() {
        let mut reader = Reader::default();
        assert_eq!(reader.push(b": ping\n\ndata: {\"a\":"), Vec::<String>::new());
        assert_eq!(reader.push(b"1}\n\ndata: [DONE]\n\n"), ["{\"a\":1}", "[DONE]"]);
    }
}
