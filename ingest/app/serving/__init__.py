"""What runs for days: `post` holds one gateway and works on the queue with it, `tasks` is what its jobs do.

`service` puts posts, housekeeping and (for `ingest run`) the scheduler into one process that can be told to stop.
"""
