-- What holds for the archive as a whole: "prefix", whose it is (the first worker that used it).
CREATE TABLE {tables}installation (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
