"""`gsic bench`: a folder of images coded by gsic and by other codecs, from real files.

`runner.run` does the work; `folders` finds the images, `roundtrip` encodes and decodes one file,
`baselines` holds the other codecs, `rows` keeps results.csv, `summary` derives every aggregate from
the rows, `report` and `plot` show them, `bdrate` holds the curve arithmetic.
"""
