//! What a call used.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! usage {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counts of a call. `input_tokens` include those read from and written to a cache, of audio and of
        /// images; `output_tokens` include reasoning, audio and images.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub struct Usage {
            $(
                $(#[$doc])*
                #[serde(default, skip_serializing_if = "is_zero")]
                pub $name: u64,
            )*
        }

        impl Usage {
            /// Nothing.
            pub const NONE: Self = Self { $($name: 0,)* };

            /// Both together.
            #[must_use]
            pub const fn plus(&self, other: &Self) -> Self {
                Self { $($name: self.$name.saturating_add(other.$name),)* }
            }

            /// What is left without `other`; of a count that is smaller, nothing.
            #[must_use]
            pub const fn minus(&self, other: &Self) -> Self {
                Self { $($name: self.$name.saturating_sub(other.$name),)* }
            }
        }
    };
}

usage! {
    /// All tokens that went in.
    input_tokens,
    /// All tokens that came out.
    output_tokens,
    /// Of the input: read from the provider's cache.
    cache_read_tokens,
    /// Of the input: written to the provider's cache for five minutes.
    cache_write_tokens,
    /// Of the input: written to the provider's cache for an hour.
    cache_write_1h_tokens,
    /// Of the output: reasoning.
    reasoning_tokens,
    /// Of the input: audio.
    audio_input_tokens,
    /// Of the output: audio.
    audio_output_tokens,
    /// Of the input: images.
    image_input_tokens,
    /// Of the output: images.
    image_output_tokens,
    /// Images made.
    images,
    /// Seconds of audio or video.
    seconds,
    /// Characters of text.
    characters,
    /// Web searches.
    searches,
    /// Pages of documents.
    pages,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's `skip_serializing_if` hands a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}
