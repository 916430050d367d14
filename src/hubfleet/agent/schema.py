"""The tables of the agent's store, by version."""

VERSION = 1

TABLES = """
CREATE TABLE servers (
    id TEXT PRIMARY KEY,
    hub TEXT NOT NULL,
    person TEXT NOT NULL,
    seq INTEGER NOT NULL,
    live INTEGER NOT NULL,
    desired TEXT NOT NULL,
    server TEXT NOT NULL,
    request TEXT NOT NULL,
    launcher TEXT,
    stop_reason TEXT,
    notice TEXT NOT NULL
) STRICT;
CREATE INDEX servers_by_hub ON servers (hub, seq);
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    hub TEXT NOT NULL,
    server TEXT NOT NULL,
    event TEXT NOT NULL
) STRICT;
CREATE TABLE commands (
    id TEXT PRIMARY KEY,
    expires REAL NOT NULL
) STRICT;
CREATE TABLE answers (
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    server TEXT NOT NULL,
    digest TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (caller, key)
) STRICT;
CREATE TABLE uids (
    uid INTEGER PRIMARY KEY,
    hub TEXT NOT NULL,
    name TEXT NOT NULL,
    UNIQUE (hub, name)
) STRICT;
CREATE TABLE homes (
    hub TEXT NOT NULL,
    person TEXT NOT NULL,
    folder TEXT NOT NULL,
    made REAL NOT NULL,
    used_bytes INTEGER,
    counted REAL,
    PRIMARY KEY (hub, person)
) STRICT;
"""
