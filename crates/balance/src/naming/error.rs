//! What can be wrong with a target.

/// Why a text is not a [`Target`](crate::Target), or a target has no resolver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// A part of the target is not what its scheme needs there.
    #[error("'{part}' in target '{target}' {problem}")]
    Invalid {
        /// The part.
        part: String,
        /// The whole target.
        target: String,
        /// What is wrong with the part, as the rest of a sentence.
        problem: String,
    },
    /// No resolver is registered for the scheme.
    #[error(
        "no resolver is registered for the scheme '{scheme}' of target '{target}', only for {known}; \
         write host:port or dns:///host:port for a host, or register a resolver for '{scheme}'"
    )]
    UnknownScheme {
        /// The scheme.
        scheme: String,
        /// The whole target.
        target: String,
        /// The schemes that have a resolver, separated by commas.
        known: String,
    },
}

impl TargetError {
    /// An error about a part of a target, for resolvers of one's own; the problem is the rest of the sentence that the part begins.
    pub fn invalid(
        part: impl Into<String>,
        target: impl ToString,
        problem: impl Into<String>,
    ) -> Self {
        Self::Invalid { part: part.into(), target: target.to_string(), problem: problem.into() }
    }
}
