-- What holds for the archive as a whole: "prefix", whose it is (the first worker that used it).
CREATE TABLE {tables}installation (
    name  text COLLATE "C" PRIMARY KEY,
    value text COLLATE "C" NOT NULL
);
