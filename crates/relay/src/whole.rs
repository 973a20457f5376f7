//! An answer in one piece.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::time::timeout;
use wire::{openai_chat, openai_embeddings};

use crate::{
    Format, RelayConfig,
    measured::Measured,
    upstream::{UpstreamBody, UpstreamError},
};

/// Reads the whole body; what is of another format is no answer.
pub(crate) async fn read(
    format: Format,
    body: UpstreamBody,
    config: &RelayConfig,
) -> Result<(Bytes, Measured), UpstreamError> {
    let (bytes_max, read): (_, fn(&[u8]) -> _) = match format {
        Format::OpenaiChat | Format::OpenaiCompletions => (config.answer_bytes_max, openai_chat::read_answer),
        Format::OpenaiEmbeddings => (config.embeddings_bytes_max, openai_embeddings::read_answer),
    };
    let bytes = collect(body, bytes_max, Duration::from_millis(config.idle_timeout_ms)).await?;
    let answer = read(&bytes)?;
    // What is stated is stated of all of it.
    let text_bytes = if answer.usage.is_some() { 0 } else { answer.text_bytes };
    Ok((bytes, Measured { stated: answer.usage, text_bytes }))
}

/// Most answers come in one frame, which then is not copied.
async fn collect(mut body: UpstreamBody, bytes_max: usize, idle: Duration) -> Result<Bytes, UpstreamError> {
    let (mut first, mut rest) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = timeout(idle, body.frame()).await.map_err(|_| UpstreamError::TimedOut)? {
        let Ok(data) = frame.map_err(UpstreamError::broken)?.into_data() else { continue };
        if first.len() + rest.len() + data.len() > bytes_max {
            return Err(UpstreamError::TooLong { bytes_max });
        }
        if first.is_empty() && rest.is_empty() {
            first = data;
            continue;
        }
        rest.extend_from_slice(&std::mem::take(&mut first));
        rest.extend_from_slice(&data);
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}
