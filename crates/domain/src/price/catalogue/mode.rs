//! What a model is for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! modes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What a model is for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum ModelMode {
            $($(#[$doc])* $name,)*
        }

        impl ModelMode {
            /// The mode of that name in the catalogue.
            pub(super) fn named(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

modes! {
    /// Conversations.
    Chat = "chat",
    /// Text that goes on from a prompt.
    Completion = "completion",
    /// Conversations, spoken in the form of responses only.
    Responses = "responses",
    /// Conversations by voice over one connection.
    Realtime = "realtime",
    /// Vectors of texts or images.
    Embedding = "embedding",
    /// Documents put in order of a query.
    Rerank = "rerank",
    /// Whether a text is harmful.
    Moderation = "moderation",
    /// Pictures from text.
    ImageGeneration = "image_generation",
    /// Pictures from pictures.
    ImageEdit = "image_edit",
    /// Films from text or pictures.
    VideoGeneration = "video_generation",
    /// Text from speech.
    AudioTranscription = "audio_transcription",
    /// Speech from text.
    AudioSpeech = "audio_speech",
    /// Text from pictures of it.
    Ocr = "ocr",
    /// Searches of the web.
    Search = "search",
    /// Searches of an operator's own documents.
    VectorStore = "vector_store",
    /// Web pages as text.
    Extraction = "extraction",
    /// Judgements of another model's answers.
    Evaluation = "evaluation",
    /// Filters beside a conversation.
    Guardrail = "guardrail",
}
