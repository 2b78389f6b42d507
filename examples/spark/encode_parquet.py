#!/usr/bin/env python3
"""Vectors for a column of a Parquet data set, on Apache Spark.

    encode_parquet.py --model DIR --input IN --output OUT [--column text] [--master URL]
                      [--precision int8] [--packed-cache FILE] [--partitions N]
                      [--conf KEY=VALUE ...]

OUT is a Parquet data set with the rows of IN and one more column, "embedding". Without --master,
spark-submit's own is taken. The model's folder must lie at the same path on every machine, and the
Python package of Semblance be installed there.
"""
import argparse
import time

from pyspark.sql import SparkSession
from semblance.spark import with_embeddings


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--model", required=True)
    a.add_argument("--input", required=True)
    a.add_argument("--output", required=True)
    a.add_argument("--column", default="text")
    a.add_argument("--master")
    a.add_argument("--precision", help="f32, f16, bf16 or int8; default: as the folder is")
    a.add_argument("--packed-cache", help="file of each machine, written where it is not there, that keeps the packed"
                                          " weights: the workers of a machine map it and share its pages")
    a.add_argument("--partitions", type=int, help="tasks to cut the rows into; default: as the files are cut")
    a.add_argument("--conf", action="append", default=[], metavar="KEY=VALUE")
    args = a.parse_args()

    builder = SparkSession.builder.appName("semblance")
    if args.master:
        builder = builder.master(args.master)
    # A batch of rows goes to Python at once: enough texts to sort by length, little to hold.
    builder = builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", "2048")
    for conf in args.conf:
        builder = builder.config(*conf.split("=", 1))
    spark = builder.getOrCreate()
    rows = spark.read.parquet(args.input)
    if args.partitions:
        rows = rows.repartition(args.partitions)
    start = time.perf_counter()
    encoder_options = {"precision": args.precision, "packed_cache": args.packed_cache or ""}
    with_embeddings(rows, args.model, args.column, encoder_options=encoder_options).write.parquet(args.output)
    seconds = time.perf_counter() - start
    count = spark.read.parquet(args.output).count()
    print(f"{count} rows in {seconds:.1f} s, {count / seconds:.0f} a second")
    spark.stop()


if __name__ == "__main__":
    main()
