"""The intermediate representation: graphs, types, invariants, text. It knows no file format and no stage."""
