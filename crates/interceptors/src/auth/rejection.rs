/// Why a token is not good. This is for the log: no caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no `authorization`.
    #[error("the call has no authorization")]
    Missing,
    /// There is more than one `authorization`, and it would be a guess which one counts.
    #[error("the call has more than one authorization")]
    Several,
    /// The scheme is not `Bearer`, or nothing follows it.
    #[error("the authorization is not a bearer token")]
    NotBearer,
    /// It is longer than [`MAX_TOKEN_BYTES`](super::MAX_TOKEN_BYTES).
    #[error("the token is too long")]
    TooLong,
    /// It is not three parts with dots between them.
    #[error("the token does not have three parts")]
    Parts,
    /// A part is not unpadded base64url.
    #[error("a part of the token is not base64url")]
    Encoding,
    /// The header or the claims are not a JSON object in which each name occurs once.
    #[error("a part of the token is not a JSON object with unique names")]
    Json,
    /// `alg` is not that of a key that is taken here.
    #[error("the algorithm of the token is none that is taken, or not that of its key")]
    Algorithm,
    /// `typ` says that the token has another purpose.
    #[error("the type of the token is not that of an access token")]
    Type,
    /// `crit` names extensions, of which none is known here (RFC 7515, section 4.1.11).
    #[error("the token has critical extensions")]
    Critical,
    /// `kid` is not a text of 1 to 256 bytes.
    #[error("the id of the token's key is not a text of 1 to 256 bytes")]
    KeyId,
    /// There is no `kid` and more than one key.
    #[error("the token does not say which of the keys it is signed with")]
    KeyNotNamed,
    /// No key has the `kid`.
    #[error("the key of the token is not known")]
    UnknownKey,
    /// This claim is missing, or is not what it has to be.
    #[error("the claim {0} is missing or is not of the right kind")]
    Claim(&'static str),
    /// `iss` is another issuer.
    #[error("the token is of another issuer")]
    Issuer,
    /// `aud` does not name this server.
    #[error("the token is for another audience")]
    Audience,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is still to come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// The signature is not that of the key.
    #[error("the signature is not that of the key")]
    Signature,
}
