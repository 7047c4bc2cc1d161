"""Historical bars from Interactive Brokers, held truthfully in PostgreSQL and published as Parquet snapshots."""
