//! What the tokens of this system say unless it is told otherwise. Whoever makes a token and whoever checks it take it from here, so that both agree without
//! being told anything.

/// Who makes the tokens, the claim `iss`. Names under `localhost` belong to nobody (RFC 6761, section 6.3), so no token of a real issuer says this.
pub const DEFAULT_ISSUER: &str = "https://wayside.localhost";

/// Whom the tokens are for, the claim `aud`: every server of this system.
pub const DEFAULT_AUDIENCE: &str = "wayside";
