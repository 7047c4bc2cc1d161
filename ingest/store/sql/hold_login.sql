-- Take a login's turn for the rest of the transaction: whoever books a request on it looks at the log and writes to it
-- while nobody else does. A client that stops answering in the middle (its machine is gone) must not hold up the rest.
SELECT
    set_config('idle_in_transaction_session_timeout', '10s', true),
    set_config('lock_timeout', '60s', true),
    pg_advisory_xact_lock(:space, hashtext(:login))
