-- Types and constraints that SQLite and PostgreSQL understand in the same way.
CREATE TABLE accounts (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    max_cache_keys BIGINT NOT NULL,
    -- SHA-256 of the token, base64url without padding.
    token_digest TEXT NOT NULL UNIQUE,
    -- Microseconds since the Unix epoch.
    create_time BIGINT NOT NULL
);
