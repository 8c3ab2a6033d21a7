"""`gsic bench`: a folder of images coded by gsic and by other codecs, from real files.

`runner.run` does the work; `folders` finds the images, `roundtrip` encodes and decodes one file,
`codecs` holds the other codecs and `sweep` searches their files, `rows` keeps results.csv,
`summary` derives every aggregate from the rows, `outputs`, `report` and `plot` show them, `bdrate`
holds the curve arithmetic.
"""
