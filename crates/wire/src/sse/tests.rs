use super::*;

fn framed(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
    let (mut framer, mut frames) = (Framer::default(), Vec::new());
    for chunk in chunks {
        let cut = framer.push(Bytes::copy_from_slice(chunk));
        let mut start = 0;
        for end in cut.ends {
            frames.push(cut.bytes[start..end].to_vec());
            start = end;
        }
    }
    let rest = framer.finish();
    if !rest.is_empty() {
        frames.push(rest.to_vec());
    }
    frames
}

#[test]
fn every_kind_of_line_end_ends_a_frame() {
    for end in ["\n\n", "\r\n\r\n", "\r\r"] {
        let frames = [format!("data: 1{end}"), format!(": ping{end}"), format!("id: 2\ndata: 2{end}")];
        let whole = frames.concat().into_bytes();
        for cut in 0..=whole.len() {
            assert_eq!(framed(&[&whole[..cut], &whole[cut..]]), frames.clone().map(String::into_bytes));
        }
    }
}

#[test]
fn what_is_left_at_the_end_is_ended_as_a_frame() {
    assert_eq!(framed(&[b"data: 1"]), [b"data: 1\n\n"]);
    assert_eq!(framed(&[b"data: 1\n"]), [b"data: 1\n\n"]);
    assert_eq!(framed(&[b"data: 1\r"]), [b"data: 1\r\n\n"]);
    assert_eq!(framed(&[b"data: 1\r\r"]), [b"data: 1\r\r"]);
    assert_eq!(framed(&[b"data: 1\r\n\r"]), [b"data: 1\r\n\r"]);
}

#[test]
fn data_lines_are_joined() {
    let joined =
        |frame: &str| data(frame.as_bytes()).map(|data| String::from_utf8(data.into_owned()).unwrap());
    assert_eq!(joined("data: 1\n\n").as_deref(), Some("1"));
    assert_eq!(joined("data:1\n\n").as_deref(), Some("1"));
    assert_eq!(joined("data:  1\r\n\r\n").as_deref(), Some(" 1"));
    assert_eq!(joined("data: {\rid: 7\rdata: }\r\r").as_deref(), Some("{\n}"));
    assert_eq!(joined("data\n\n").as_deref(), Some(""));
    assert_eq!(joined(": data: 1\n\n"), None);
    assert_eq!(joined("database: 1\n\n"), None);
}

#[test]
fn other_data_leaves_the_other_lines_alone() {
    assert_eq!(with_data(b"id: 7\r\ndata:1\r\n\r\n", b"[2]"), b"id: 7\r\ndata: [2]\r\n\r\n");
    assert_eq!(with_data(b"data: [\nid: 7\ndata: ]\n\n", b"[\n]"), b"data: [ ]\nid: 7\n\n");
}

#[test]
fn a_chunk_of_whole_frames_is_not_copied() {
    let chunk = Bytes::from_static(b"data: 1\n\ndata: 2\n\n");
    let frames = Framer::default().push(chunk.clone());
    assert_eq!(frames.bytes.as_ptr(), chunk.as_ptr());
    assert_eq!(frames.bytes, chunk);
}
