//! What differs between the forms of a request: which members route or price, and what they say.

/// What a member says, where it routes or prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    Model,
    /// A conversation.
    Messages,
    /// Text or tokens to go on from, or none.
    Prompt,
    /// Text or tokens to embed.
    Input,
    Stream,
    StreamOptions,
    /// How many answers are written.
    Choices,
    /// The most tokens of an answer.
    Limit,
    /// The same under a name that is not the format's own: providers that know it heed it.
    OtherLimit,
    ServiceTier,
    Bool,
    Tools,
    /// A whole number of at least 1 that has no price.
    Number,
    Text,
}

/// The shape of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// Members of which a request has one, spelled so: what they say must not depend on who reads it. At most 32.
    pub(crate) routing: &'static [(&'static str, Says)],
    /// Members that the model reads in the end, as they are.
    pub(crate) read: &'static [&'static str],
    /// How the format limits the output; absent where there is none to limit.
    pub(crate) limit: Option<&'static str>,
    pub(crate) streams: bool,
}
