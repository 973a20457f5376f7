//! `traceparent`, as the W3C has it: `00-<trace>-<span>-<flags>` in lower-case hexadecimal digits.

use std::fmt;

use super::{RANDOM, SAMPLED, TraceContext};

const TEXT_BYTES: usize = 55;
const DIGITS: &[u8; 16] = b"0123456789abcdef";

impl TraceContext {
    /// Reads a header's value; nothing where it is none that the standard knows.
    pub fn read(text: &[u8]) -> Option<Self> {
        let (head, rest) = text.split_at_checked(TEXT_BYTES)?;
        let [version] = digits(&head[..2])?;
        // A later version may say more, behind what this one knows.
        let is_known = (version == 0 && rest.is_empty())
            || (version != 0 && version != 0xff && (rest.is_empty() || rest.starts_with(b"-")));
        if !is_known || head[2] != b'-' || head[35] != b'-' || head[52] != b'-' {
            return None;
        }
        let (trace_id, span_id) = (digits(&head[3..35])?, digits(&head[36..52])?);
        let [flags] = digits(&head[53..])?;
        let is_there = trace_id != [0; 16] && span_id != [0; 8];
        is_there.then_some(Self { trace_id, span_id, flags: flags & (SAMPLED | RANDOM) })
    }

    /// As a header says it.
    pub fn text(&self) -> [u8; TEXT_BYTES] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        put(&mut text[3..35], &self.trace_id);
        put(&mut text[36..52], &self.span_id);
        put(&mut text[53..], &[self.flags]);
        text
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.text()).unwrap_or_default())
    }
}

fn put(into: &mut [u8], bytes: &[u8]) {
    for (digits, byte) in into.chunks_exact_mut(2).zip(bytes) {
        digits[0] = DIGITS[usize::from(byte >> 4)];
        digits[1] = DIGITS[usize::from(byte & 0x0f)];
    }
}

fn digits<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// Upper-case digits are not the standard's.
const fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::TraceContext;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn read(text: &str) -> Option<String> {
        TraceContext::read(text.as_bytes()).map(|context| context.to_string())
    }

    #[test]
    fn a_header_is_read_as_it_is_written() {
        for flags in ["00", "01", "03"] {
            let text = format!("00-{TRACE}-{SPAN}-{flags}");
            assert_eq!(read(&text), Some(text));
        }
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let known = Some(format!("00-{TRACE}-{SPAN}-01"));
        assert_eq!(
            read(&format!("01-{TRACE}-{SPAN}-09")),
            known,
            "flags that nobody knows are not passed on"
        );
        assert_eq!(read(&format!("cc-{TRACE}-{SPAN}-01-more")), known);
    }

    #[test]
    fn what_is_no_header_is_none() {
        let (no_trace, no_span) = ("0".repeat(32), "0".repeat(16));
        for text in [
            String::new(),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("01-{TRACE}-{SPAN}-01.more"),
            format!("00-{no_trace}-{SPAN}-01"),
            format!("00-{TRACE}-{no_span}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-0g"),
            format!("00_{TRACE}-{SPAN}-01"),
        ] {
            assert_eq!(read(&text), None, "{text}");
        }
    }
}
