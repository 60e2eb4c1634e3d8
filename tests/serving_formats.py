"""The binary formats of the service's requests, written and read, and one customer."""

import io

import pyarrow as pa
import pyarrow.parquet as pq

ARROW = "application/vnd.apache.arrow.stream"
FEATHER = "application/vnd.apache.arrow.file"
PARQUET = "application/vnd.apache.parquet"
ONE = {"customer_id": "00017", "frequency": 2, "recency": 30, "T": 38, "monetary_value": 20}


def stream(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=500)
    return sink.getvalue().to_pybytes()


def file(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=500)
    return sink.getvalue().to_pybytes()


def parquet(table):
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


FORMATS = {
    ARROW: (stream, lambda body: pa.ipc.open_stream(body).read_all()),
    FEATHER: (file, lambda body: pa.ipc.open_file(body).read_all()),
    PARQUET: (parquet, lambda body: pq.read_table(io.BytesIO(body))),
}
